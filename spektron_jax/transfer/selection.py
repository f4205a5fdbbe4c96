"""Which samples to measure on both instruments, chosen before any target spectrum.

Kennard & Stone, Technometrics 11 (1969) 137.

N = candidates, L = points.
"""

from collections.abc import Sequence

import numpy as np
from scipy.spatial.distance import cdist

from spektron_jax.errors import SpektronError
from spektron_jax.transfer.methods.preprocessing import preprocess

COMPONENTS = 10


def compressed(X: np.ndarray, components: int = COMPONENTS) -> np.ndarray:
    """Scores on the first principal components after SNV and first derivative.

    Args:
      X: source spectra                                                (N, L)
      components: number of components

    Returns:
      Unscaled scores                                                  (N, components)
    """
    X = preprocess(X, "snv+sg1")
    U, s, _ = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    return U[:, :components] * s[:components]


def kennard_stone(X: np.ndarray, n: int) -> np.ndarray:
    """The two most distant samples, then always the one farthest from those taken.

    Args:
      X: spectra or scores                                             (N, L)
      n: how many samples

    Returns:
      Rows of X in the order in which they are taken, so that the first ones are the
      choice for a smaller n                                           (n,)
    """
    if X.ndim != 2 or not np.isfinite(X).all():
        raise SpektronError("selection: spectra must be finite and (samples, points)")
    if not 1 <= n <= len(X):
        raise SpektronError(
            f"n = {n}: more transfer samples than the {len(X)} candidates"
            if n > 0
            else f"n = {n}: at least 1 transfer sample is needed"
        )
    distance = cdist(X, X)
    first = np.unravel_index(distance.argmax(), distance.shape)
    return farthest(distance, [int(row) for row in dict.fromkeys(first)], n)


def farthest(distance: np.ndarray, taken: Sequence[int], n: int) -> np.ndarray:
    """Rows taken, then always the one farthest from them, until there are n, (n,).

    Args:
      distance: between all rows                                       (N, N)
      taken: 1 at least
      n: how many in all
    """
    taken = list(taken)
    while len(taken) < n:
        gap = distance[:, taken].min(axis=1)
        gap[taken] = -1.0
        taken.append(int(gap.argmax()))
    return np.array(taken[:n], dtype=int)
