"""Masked arrays of NumPy: what is masked is not known."""

from typing import Any

import numpy as np


def unmasked(values: Any) -> Any:
    """A masked array with NaN for what is masked, also in a list; others as they are.

    `np.asarray` takes the numbers underneath for measured ones.
    """
    if isinstance(values, np.ma.MaskedArray):
        numbers = {"b": np.float64, "i": np.float64, "u": np.float64}
        kept = values.dtype if values.dtype.kind in "fc" else object
        kind = numbers.get(values.dtype.kind, kept)
        return np.ma.filled(values.astype(kind), np.nan)
    if isinstance(values, list | tuple):
        if any(isinstance(one, np.ma.MaskedArray) for one in values):
            return [unmasked(one) for one in values]
    return values
