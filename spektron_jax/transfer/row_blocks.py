"""Spectra some rows at a time: what is made of them stays in the processor's cache."""

from collections.abc import Iterator

import numpy as np

VALUES = 1 << 17  # of float64, 1 MB


def row_blocks(X: np.ndarray) -> Iterator[slice]:
    """Slices that cover the rows of X (n, L) in order.

    Examples:
      >>> import numpy as np
      >>> from spektron_jax.transfer.row_blocks import row_blocks
      >>> list(row_blocks(np.zeros((300, 700))))
      [slice(0, 187, None), slice(187, 374, None)]
    """
    step = max(1, VALUES // max(1, X.shape[1]))
    for start in range(0, len(X), step):
        yield slice(start, start + step)
