"""Spectra of two axes on one even axis.

n = spectra, p, q = points, L = points in common.
"""

import numpy as np
from numpy.typing import ArrayLike

from spektron_jax.errors import SpektronError
from spektron_jax.spectra import axis as axes
from spektron_jax.spectra.grid import to_cm1
from spektron_jax.spectra.masks import unmasked

MIN_COMMON_POINTS = 30
SINGLE = 100_000  # spectra above which they are kept in single precision


def common_grid(one_cm1: np.ndarray, library_cm1: np.ndarray) -> np.ndarray:
    """The even axis (L,) on which queries (q,) and a library (p,) are compared.

    Raises:
      SpektronError: they have too little in common.
    """
    low = max(one_cm1[0], library_cm1[0])
    high = min(one_cm1[-1], library_cm1[-1])
    steps = [np.median(np.diff(each)) for each in (one_cm1, library_cm1)]
    # Denser than the coarser of both, or than 1 cm-1, there is nothing to see.
    step = max(1.0, *steps)
    grid = low + step * np.arange(int((high - low) / step * (1 + 1e-9)) + 1)
    if high <= low or grid.size < MIN_COMMON_POINTS:
        raise SpektronError(
            f"query ({one_cm1[0]:g} to {one_cm1[-1]:g} cm-1) and library "
            f"({library_cm1[0]:g} to {library_cm1[-1]:g} cm-1) have fewer than "
            f"{MIN_COMMON_POINTS} points in common; search in another library"
        )
    return grid


def resampled(spectra: np.ndarray, axis: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Spectra (n, p) linearly between their points (p,), on a grid (L,): (n, L)."""
    if np.array_equal(axis, grid):
        return spectra
    left = np.clip(np.searchsorted(axis, grid, side="right") - 1, 0, axis.size - 2)
    share = np.clip((grid - axis[left]) / (axis[left + 1] - axis[left]), 0, 1)
    share = share.astype(spectra.dtype)
    return spectra[:, left] * (1 - share) + spectra[:, left + 1] * share


def rising(
    spectra: ArrayLike, axis: ArrayLike, unit: str, modality: str, what: str
) -> tuple[np.ndarray, np.ndarray]:
    """Spectra (n, p) float64 and their axis (p,), rising, in cm-1."""
    spectra = np.atleast_2d(np.asarray(unmasked(spectra)))
    large = len(spectra) > SINGLE  # half the memory
    spectra = np.asarray(spectra, np.float32 if large else np.float64)
    axis = np.asarray(axis, np.float64)
    if spectra.ndim != 2 or spectra.shape[1:] != axis.shape:
        raise SpektronError(
            f"{what}: spectra {spectra.shape} and axis {axis.shape} do not fit; give "
            "one position for each point"
        )
    axes.check(axis, unit, modality, f"{what}, axis")
    bad = np.flatnonzero(~np.isfinite(spectra.sum(axis=1, dtype=np.float64)))
    if bad.size:
        raise SpektronError(
            f"{what}: row {bad[0]} has missing or infinite values; leave it out or cut "
            "the axis"
        )
    place = to_cm1(axis, unit)
    if place[0] < place[-1]:
        return spectra, place
    return spectra[:, ::-1], place[::-1]
