"""New spectra on the axis of a model, by the way that those of the fit took.

m = new spectra, q = their points, t = points of the target at the fit, L = points of
the model.
"""

import numpy as np

from spektron_jax.transfer.inputs import on_axis, resampled, same

# Interpolation between points h apart lowers a band by h^2, that over the points of the
# fit, H apart, by h^2 + H^2, where the model knows H^2: the nearer way is over the
# target's points where h < H / sqrt 2.
FINER = np.sqrt(2)


def as_fitted(
    X: np.ndarray, measured: np.ndarray, target: np.ndarray, axis: np.ndarray, unit: str
) -> tuple[np.ndarray, list[str]]:
    """New spectra as the model was shown those of the target, (m, L), and warnings.

    Those in finer steps than the target's at the fit are put on its points first: what
    was lost between these at the fit would else be there, and move predictions.

    Args:
      X: as measured                                                   (m, q)
      measured: their axis                                             (q,)
      target: that of the target at the fit                            (t,)
      axis: the model's                                                (L,)
      unit: of all three

    Raises:
      InputError: an axis that does not cover the model's, or has a gap there.
    """
    found = on_axis(X, measured, axis, unit)[0]
    if same(measured, target):
        return found, []
    step, known = _step(measured), _step(target)
    if FINER * step < known:
        points = _needed(target, axis)
        points = np.unique(np.clip(points, measured.min(), measured.max()))
        X = resampled(X, measured, points, unit)[0]
        return resampled(X, points, axis, unit)[0], []
    if step > FINER * max(known, _step(axis)):
        return found, [
            f"axis: steps of {step:.3g} {unit}, at the fit {known:.3g}: narrow bands "
            "are lost between them and predictions can be off; measure in the steps of "
            "the fit, or fit with target spectra in these"
        ]
    return found, []


def _step(axis: np.ndarray) -> float:
    return float(np.median(np.abs(np.diff(axis))))


def _needed(target: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """Points of the target between which those of the model lie, or that they are."""
    points = np.sort(target)
    right = np.clip(np.searchsorted(points, axis), 1, points.size - 1)
    left = right - 1
    both = left[axis != points[right]], right[axis != points[left]]
    return points[np.unique(np.concatenate(both))]
