"""Filling hidden points of a spectrum from its visible ones, without a model.

Two baselines for masked reconstruction. Both read the visible points of the same
spectrum and nothing else: what stands at hidden points is never looked at.

- `linear`: straight lines between neighbouring visible points.
- `cubic_spline`: the twice continuously differentiable piecewise cubic through
  all visible points with not-a-knot ends (de Boor, A Practical Guide to Splines,
  1978, chapter IV). On 3-point gaps of smooth bands this is hard to beat.

A gap that reaches the end of the axis has visible points on one side only. There
both hold the nearest visible value: an extrapolated cubic soon leaves any sensible
range and would flatter whatever it is compared with.

n = spectra, L = spectral points.
"""

from collections.abc import Callable

import numpy as np
from scipy.interpolate import CubicSpline


def linear(observed: np.ndarray, hidden: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """Fill hidden points on straight lines between visible neighbours.

    Args:
      observed: spectra; values at hidden points are ignored and may be NaN  (n, L)
      hidden: True where the value is to be filled                     (n, L) bool
      axis: positions, strictly increasing or strictly decreasing      (L,)

    Returns:
      The spectra with hidden points filled, visible points unchanged  (n, L)
    """
    return _fill(observed, hidden, axis, np.interp)


def cubic_spline(
    observed: np.ndarray, hidden: np.ndarray, axis: np.ndarray
) -> np.ndarray:
    """Fill hidden points from a not-a-knot cubic spline through the visible ones.

    Args:
      observed: spectra; values at hidden points are ignored and may be NaN  (n, L)
      hidden: True where the value is to be filled                     (n, L) bool
      axis: positions, strictly increasing or strictly decreasing      (L,)

    Returns:
      The spectra with hidden points filled, visible points unchanged  (n, L)
    """
    return _fill(observed, hidden, axis, _spline_held_at_ends)


def _spline_held_at_ends(
    target: np.ndarray, known: np.ndarray, values: np.ndarray
) -> np.ndarray:
    """Spline through (known, values) at target; same signature as `np.interp`."""
    if known.size < 2:
        return np.full(target.shape, values[0])
    return CubicSpline(known, values)(np.clip(target, known[0], known[-1]))


def _fill(
    observed: np.ndarray,
    hidden: np.ndarray,
    axis: np.ndarray,
    interpolate: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
) -> np.ndarray:
    observed, hidden = np.asarray(observed), np.asarray(hidden)
    axis = np.asarray(axis, dtype=np.float64)
    if observed.ndim != 2 or hidden.shape != observed.shape:
        raise ValueError(
            "observed and hidden must both be (n, L), "
            f"got {observed.shape} and {hidden.shape}"
        )
    if hidden.dtype != np.bool_:
        raise ValueError(f"hidden must be bool, got {hidden.dtype}")
    if axis.shape != observed.shape[1:]:
        raise ValueError(f"axis must be ({observed.shape[1]},), got {axis.shape}")
    if axis.size > 1 and axis[0] > axis[-1]:
        return _fill(observed[:, ::-1], hidden[:, ::-1], axis[::-1], interpolate)[
            :, ::-1
        ]
    if not np.all(np.diff(axis) > 0):
        raise ValueError("axis must be strictly increasing or strictly decreasing")
    if np.any(hidden.all(axis=1)):
        row = int(np.argmax(hidden.all(axis=1)))
        raise ValueError(f"row {row} has no visible point to fill from")
    visible = ~hidden
    if not np.all(np.isfinite(observed[visible])):
        raise ValueError("observed must be finite at visible points")

    dtype = np.result_type(observed.dtype, np.float32)
    filled = observed.astype(dtype)
    for row in range(observed.shape[0]):
        seen, gap = visible[row], hidden[row]
        values = observed[row, seen].astype(np.float64)
        filled[row, gap] = interpolate(axis[gap], axis[seen], values)
    return filled
