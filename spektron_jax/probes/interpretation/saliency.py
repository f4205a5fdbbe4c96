"""Which points of a spectrum a prediction rests on.

A linear read-out of z_chem predicts y(x) = z_chem(x) w + b from a spectrum x in
absorbance. Its gradient dy/dx says what one more unit of absorbance at a point would
do; integrated gradients (Sundararajan, Taly & Yan 2017) share out the difference to a
baseline spectrum x0 over the points,

    a_i = (x_i - x0_i) * integral of dy/dx_i along the line from x0 to x,

so that sum a_i = y(x) - y(x0). Both stand on the user's own axis and are in units of y:
per absorbance, and per point. What tells samples apart is the part of a_i that goes
with the prediction over the samples,

    c_i = cov(a_i, y) / var(y),        sum c_i = 1.

The gradient alone misleads: where the samples never differ nothing restrains it, and it
is often largest there. c_i weights it with what the spectra do. And a map that looks
plausible proves nothing (Adebayo et al. 2018): `planted.py` plants a band and asks
whether the map finds it.

Where the gate of the experts switches along the line, the prediction jumps and no
gradient tells: `Saliency.gap` holds what the attributions leave over.

Sizes: n spectra, p measured points, L model points, Z latent width.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from spektron_jax.errors import SpektronError
from spektron_jax.spectra.grid import modality_code, to_cm1, to_tokens

STEPS = 8  # midpoints along the line
PENALTIES = np.geomspace(1e-3, 1e5, 17)
FOLDS = 5


class Readout(NamedTuple):
    """y = z w + b."""

    weights: np.ndarray  # (Z,)
    intercept: float
    q2: float  # 1 - PRESS / total sum of squares, by 5-fold cross-validation


class Saliency(NamedTuple):
    """Of n predictions."""

    prediction: np.ndarray  # (n,)
    baseline: float  # prediction of the baseline spectrum
    gradient: np.ndarray  # (n, p) units of y per absorbance, at the spectrum itself
    attribution: np.ndarray  # (n, p) units of y; sums to prediction - baseline - gap
    gap: np.ndarray  # (n,) what jumps and the number of steps leave over


def contributions(found: Saliency) -> np.ndarray:
    """c_i: share of each point in the variance of the predictions, (p,), sum 1 - gap.

    Needs about 10 spectra or more. Shares can be negative or exceed 1 where points work
    against each other.
    """
    apart = found.attribution - found.attribution.mean(axis=0)
    y = found.prediction - found.prediction.mean()
    return y @ apart / max(y @ y, np.finfo(float).tiny)


def linear_readout(z: np.ndarray, y: np.ndarray, seed: int = 0) -> Readout:
    """Ridge regression of y on z, the penalty chosen by leaving one out.

    Args:
      z: codes, (n, Z).
      y: labels, (n,), NaN where unknown.
      seed: of the folds behind q2.

    Raises:
      SpektronError: fewer than 10 labels, or labels that do not vary.
    """
    known = np.isfinite(y)
    z, y = np.asarray(z, np.float64)[known], np.asarray(y, np.float64)[known]
    if y.size < 2 * FOLDS or np.ptp(y) == 0:
        raise SpektronError(
            f"labels: {y.size} known values; a read-out needs {2 * FOLDS} or more that "
            "differ"
        )
    model = make_pipeline(StandardScaler(), RidgeCV(PENALTIES))
    folds = KFold(FOLDS, shuffle=True, random_state=seed)
    left_out = cross_val_predict(model, z, y, cv=folds)
    model.fit(z, y)
    scaler, ridge = model[0], model[1]
    weights = ridge.coef_ / scaler.scale_
    q2 = 1 - np.sum((y - left_out) ** 2) / np.sum((y - y.mean()) ** 2)
    intercept = float(ridge.intercept_ - scaler.mean_ @ weights)
    return Readout(weights, intercept, float(q2))


def saliency(
    encoder: Any,
    readout: Readout,
    spectra: np.ndarray,
    axis: np.ndarray,
    unit: str,
    modality: str,
    baseline: np.ndarray | None = None,
    scale: float | None = None,
    steps: int = STEPS,
) -> Saliency:
    """Gradient and integrated gradients of a read-out's predictions.

    Args:
      encoder: a spektron_jax Encoder.
      readout: from `linear_readout`, on `encoder.embed` of spectra like these.
      spectra, axis, unit, modality, scale: as in `Encoder.embed`.
      baseline: spectrum (p,) that the attribution starts from, such as the mean of the
        calibration; None: no absorbance at all.
      steps: gradients along the line from the baseline to each spectrum.

    Raises:
      SpektronError: as in `Encoder.embed`; a baseline of another length.
    """
    spectra = np.atleast_2d(np.asarray(spectra, np.float64))
    baseline = np.zeros(spectra.shape[1]) if baseline is None else np.asarray(baseline)
    if baseline.shape != spectra.shape[1:]:
        raise SpektronError(
            f"baseline: {baseline.shape}; the spectra have {spectra.shape[1]} points"
        )
    scale = encoder.config.data.scale if scale is None else scale
    start = np.where(np.isnan(spectra), np.nan, baseline)
    points = encoder.config.data.points
    ends, starts = (to_tokens(x, axis, unit, points) for x in (spectra, start))
    back = _back_to_points(spectra, axis, unit, points)
    line = np.array([1.0, 0.0, *((np.arange(steps) + 0.5) / steps)])[:, None]
    rows = []
    for row, spectrum in enumerate(spectra):
        x, x0 = ends.values[row] / scale, starts.values[row] / scale
        predicted, dy = _gradient(encoder.model)(
            encoder.params,
            jnp.asarray(x0 + line * (x - x0), jnp.float32),
            jnp.asarray(ends.wavenumber_cm1, jnp.float32),
            jnp.broadcast_to(ends.valid[row], (steps + 2, points)),
            jnp.full(steps + 2, modality_code(modality)),
            jnp.asarray(readout.weights, jnp.float32),
        )
        y = np.asarray(predicted, np.float64) + readout.intercept
        slope = np.asarray(dy) / scale
        mean = back(row, slope[2:].mean(axis=0))
        attribution = mean * np.nan_to_num(spectrum - start[row])
        gap = y[0] - y[1] - attribution.sum()
        rows.append((y[0], y[1], back(row, slope[0]), attribution, gap))
    prediction, first, gradient, attributions, gaps = map(
        np.array, zip(*rows, strict=True)
    )
    return Saliency(prediction, float(first[-1]), gradient, attributions, gaps)


@functools.lru_cache(maxsize=4)
def _gradient(model: Any) -> Callable[..., tuple[jax.Array, jax.Array]]:
    """Predictions (B,) and their gradients (B, L) by the values, compiled."""

    def predicted(values, params, wavenumber, valid, code, weights):
        out = model.apply(
            {"params": params}, values, wavenumber, valid, code, method="encode"
        )[1]
        y = out["chem_mean"] @ weights
        return jnp.sum(y), y

    @jax.jit
    def both(params, values, *rest):
        (_, y), dy = jax.value_and_grad(predicted, has_aux=True)(values, params, *rest)
        return y, dy

    return both


def _back_to_points(
    spectra: np.ndarray, axis: np.ndarray, unit: str, points: int
) -> Callable[[int, np.ndarray], np.ndarray]:
    """The transpose of `grid.to_tokens`: (row, model points (L,)) to points (p,).

    An averaged point hands its gradient to the points that it was averaged from.
    """
    wavenumber = to_cm1(axis, unit)
    falling = wavenumber[0] > wavenumber[-1]
    count = wavenumber.size
    group = np.arange(count) // -(-count // points)
    measured = ~np.isnan(spectra)
    measured = measured[:, ::-1] if falling else measured

    def back(row, gradient):
        members = np.bincount(group, weights=measured[row])
        own = measured[row] * (gradient[: members.size] / np.maximum(members, 1))[group]
        return own[::-1] if falling else own

    return back
