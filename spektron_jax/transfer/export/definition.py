"""The definition of an exported calibration: plain numbers, see `docs/export.md`.

One for each property. The JSON file is this; every other form computes the same from
the same numbers:

    z      = points of the spectrum x               (`folding.py`)
    value  = intercept + raw . x + (snv . x + snv_constant) / SD(z)
    half   = fixed, or scale (floor + |axes (z - centre)|^2)^(1/4)
    t2     = sum_k (loadings_k . (z - mean))^2 / variances_k / t2_limit
    q      = (|z - mean|^2 - |loadings (z - mean)|^2) / q_limit

and where q > unlike, value is cut to ends: no spectrum that is unlike anything known
has a value beyond the labels.

q = points as measured, L = points of the model.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

import spektron_jax
from spektron_jax.errors import SpektronError
from spektron_jax.transfer.applicability import (
    EXTRAPOLATING,
    IN_DOMAIN,
    UNLIKE,
    UNLIKE_FACTOR,
    Applicability,
)
from spektron_jax.transfer.export.folding import Points
from spektron_jax.transfer.inputs import LARGEST
from spektron_jax.transfer.intervals import Intervals
from spektron_jax.transfer.members import Affine
from spektron_jax.transfer.new_spectra import MARGIN, Known

FORMAT, VERSION = "spektron-calibration", 1
TOLERANCE = 0.01  # of the smallest step: positions printed with fewer digits
FLAGS = (IN_DOMAIN, EXTRAPOLATING, UNLIKE)
NOT_KNOWN = "not known"  # the flag of a model without a domain


def definition(
    axis: np.ndarray,
    unit: str,
    points: Points,
    model: Affine,
    intervals: Intervals,
    domain: Applicability | None,
    known: Known,
    coverage: float,
    about: dict[str, Any],
) -> dict[str, Any]:
    """The definition as JSON-ready values.

    Args:
      axis: of the new instrument's spectra, as measured               (q,)
      unit: of the axis
      points: from spectra on that axis to the model's points
      model, intervals, domain, known: the parts of a fitted transfer
      coverage: of the intervals
      about: whatever else is to be kept, text by name

    Raises:
      SpektronError: a number is not finite.
    """
    raw = model.coefficients.get("raw", np.zeros(len(points.first)))
    found = {
        "format": FORMAT,
        "version": VERSION,
        "package": f"spektron_jax {spektron_jax.__version__}",
        "about": about,
        "axis": {
            "unit": unit,
            "positions": axis.tolist(),
            "tolerance": TOLERANCE * _smallest_step(axis),
        },
        "largest": LARGEST,
        "points": None if points.plain else _points(points),
        "intercept": float(model.intercept + points.constant @ raw),
        "raw": points.folded(raw).tolist(),
        "snv": None,
        "snv_constant": 0.0,
        "interval": _interval(intervals, coverage),
        "domain": None if domain is None else _domain(domain, known),
        "labels": _labels(known),
    }
    if "snv" in model.coefficients:
        vector = model.coefficients["snv"]
        centred = vector - vector.mean()
        found["snv"] = points.folded(centred).tolist()
        found["snv_constant"] = float(points.constant @ centred)
    _check_finite(found)
    return found


def names(found: Sequence[dict[str, Any]]) -> list[str]:
    """Of the properties in a file of several; of one alone, an empty name."""
    return [one["about"]["property"] for one in found] if len(found) > 1 else [""]


def size_of(found: dict[str, Any]) -> int:
    """Points of the model, L."""
    points = found["points"]
    return len(found["raw"] if points is None else points["first"])


def _smallest_step(axis: np.ndarray) -> float:
    return float(np.abs(np.diff(axis)).min()) if axis.size > 1 else 0.0


def _points(points: Points) -> dict[str, Any]:
    return {
        "first": points.first.tolist(),
        "weights": points.weights.tolist(),
        "constant": points.constant.tolist(),
    }


def _interval(intervals: Intervals, coverage: float) -> dict[str, Any]:
    found: dict[str, Any] = {"coverage": coverage, "fixed": intervals.fixed(coverage)}
    if found["fixed"] is not None:
        return found
    spread = intervals.spread
    return found | {
        "scale": intervals.scale(coverage),
        "floor": spread.floor,
        "centre": spread.centre.tolist(),
        "axes": spread.axes.T.tolist(),
    }


def _domain(domain: Applicability, known: Known) -> dict[str, Any]:
    return {
        "mean": domain.mean.tolist(),
        "loadings": domain.loadings.tolist(),
        "variances": domain.variances.tolist(),
        "t2_limit": domain.t2_limit,
        "q_limit": float(domain.q_limit),
        "unlike": UNLIKE_FACTOR,
        "ends": [known.low, known.high] if known.limits else None,
        "flags": list(FLAGS),
    }


def _labels(known: Known) -> dict[str, float] | None:
    """Range of the labels, and how far beyond it a value may lie."""
    if not np.isfinite([known.low, known.high]).all():
        return None
    margin = MARGIN * (known.high - known.low)
    return {"low": known.low, "high": known.high, "margin": margin}


def _check_finite(value: Any, where: str = "") -> None:
    if isinstance(value, dict):
        for name, each in value.items():
            _check_finite(each, f"{where}.{name}".lstrip("."))
    elif isinstance(value, list):
        for each in value:
            _check_finite(each, where)
    elif isinstance(value, float) and not np.isfinite(value):
        raise SpektronError(f"export: {where} of the model is not finite; fit again")
