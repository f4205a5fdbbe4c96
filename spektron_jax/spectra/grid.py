"""Spectral axes, units, and the rule that turns a spectrum into model points.

The rule (`to_tokens`), for p measured points and a model of 2,048 points:

1. The axis is converted to wavenumbers (1e7 / nm, 1e4 / um) and sorted upwards.
2. p <= 2,048: each measured point is one model point, at its own wavenumber, in
   order. The rest is padding: value 0, not valid, wavenumber of the last point.
3. p > 2,048: groups of ceil(p / 2048) neighbours are averaged, values and
   wavenumbers alike; the last group may be smaller.
4. NaN is "not measured": it takes no part in an average, and a point without any
   measured value is not valid.

Nothing is interpolated or extrapolated, so no data are invented, and values keep
their scale.

Sizes: n spectra, p measured points, L model points (2048).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spektron_jax.errors import SpektronError
from spektron_jax.spectra.masks import unmasked

MODALITIES = ("NIR", "IR", "Raman", "unknown")  # place = code of the DOMAIN token
# Kinds of X-H bonds, place = code. What a hydrogen is bound to decides its overtones.
XH_TYPES = (
    "CH_sp3",
    "CH_sp2",
    "CH_arom",
    "CH_sp",
    "CHO",
    "NH",
    "NH_arom_or_amide",
    "OH_alcohol",
    "OH_phenol",
    "OH_acid",
    "OH_water",
    "SH",
    "other",
)
UNITS = ("cm-1", "nm", "um")
NIR_CM1 = (4000.0, 9090.0)  # of rendered NIR spectra: 1,100 to 2,500 nm
N_POINTS = 2048
MIN_VALID_POINTS = 16  # fewer say next to nothing of a spectrum


def pretraining_axis(
    low_cm1: float = 500.0, high_cm1: float = 4000.0, points: int = N_POINTS
) -> np.ndarray:
    """Return the axis of rendered spectra, (points,) float64, increasing."""
    return np.linspace(low_cm1, high_cm1, points)


def check_name(kind: str, name: str, allowed: Sequence[str]) -> None:
    """Raise SpektronError, which lists the names, unless `name` is one of them."""
    if name not in allowed:
        raise SpektronError(
            f"{kind} {name!r}: unknown; use one of {', '.join(allowed)}"
        )


def modality_code(name: str) -> int:
    """Return the code of a modality; SpektronError lists the names."""
    check_name("modality", name, MODALITIES)
    return MODALITIES.index(name)


def to_cm1(axis: np.ndarray, unit: str) -> np.ndarray:
    """Convert positions to wavenumbers; the order of the points stays."""
    axis = np.asarray(axis, np.float64)
    check_name("unit", unit, UNITS)
    if not np.isfinite(axis).all() or (axis <= 0).any():
        raise SpektronError("axis: every position must be finite and greater than 0")
    return {"cm-1": axis, "nm": 1e7 / axis, "um": 1e4 / axis}[unit]


@dataclass(frozen=True)
class Tokens:
    """Spectra on model points.

    Attributes:
      values: (n, L) float32, 0 where not valid.
      wavenumber_cm1: (L,) float64, increasing, then constant over the padding.
      valid: (n, L) bool, False for padding and for points that were NaN.
      spacing_cm1: median distance of neighbouring points that are valid in any row.
    """

    values: np.ndarray
    wavenumber_cm1: np.ndarray
    valid: np.ndarray
    spacing_cm1: float


def to_tokens(
    spectra: np.ndarray, axis: np.ndarray, unit: str, points: int = N_POINTS
) -> Tokens:
    """Apply the rule at the top of this file.

    Args:
      spectra: (n, p) or (p,), NaN where nothing was measured.
      axis: (p,) positions, strictly increasing or strictly decreasing.
      unit: "cm-1", "nm" or "um".
      points: L, points of the model.
    """
    values, wavenumber = _checked(spectra, axis, unit)
    if wavenumber[0] > wavenumber[-1]:
        values, wavenumber = values[:, ::-1], wavenumber[::-1]
    size = -(-wavenumber.size // points)  # 1 unless p > points
    valid = ~np.isnan(values)
    starts = np.arange(0, wavenumber.size, size)
    measured = np.add.reduceat(valid.astype(np.int64), starts, axis=1)
    total = np.add.reduceat(np.where(valid, values, 0.0), starts, axis=1)
    members = np.diff(np.append(starts, wavenumber.size))
    wavenumber = np.add.reduceat(wavenumber, starts) / members
    values = total / np.maximum(measured, 1)
    valid = measured > 0
    _check_enough(valid)
    padding = points - starts.size
    return Tokens(
        values=np.pad(values, ((0, 0), (0, padding))).astype(np.float32),
        wavenumber_cm1=np.pad(wavenumber, (0, padding), mode="edge"),
        valid=np.pad(valid, ((0, 0), (0, padding))),
        spacing_cm1=float(np.median(np.diff(wavenumber[valid.any(axis=0)]))),
    )


def _checked(
    spectra: np.ndarray, axis: np.ndarray, unit: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return (values (n, p) float64, wavenumber (p,)) or raise SpektronError."""
    try:
        values = np.asarray(unmasked(spectra), np.float64)
        axis = np.asarray(axis, np.float64)
    except (TypeError, ValueError) as error:
        raise SpektronError(f"spectra and axis must be numbers: {error}") from error
    if values.ndim not in (1, 2) or axis.ndim != 1:
        raise SpektronError(
            f"spectra must be (n, p) or (p,) and the axis (p,), not {values.shape} "
            f"and {axis.shape}"
        )
    values = np.atleast_2d(values)
    if values.shape[1] != axis.size or values.size == 0:
        raise SpektronError(
            f"spectra have {values.shape[1]} points in {values.shape[0]} rows and "
            f"the axis has {axis.size}; give one position for each point"
        )
    wavenumber = to_cm1(axis, unit)
    steps = np.diff(wavenumber)
    if (np.diff(np.sort(wavenumber)) == 0).any():
        raise SpektronError("axis: positions repeat; give each point once")
    if not ((steps > 0).all() or (steps < 0).all()):
        raise SpektronError(
            "axis: positions go up and down; sort axis and spectra together"
        )
    # A float32 model cannot hold more than 3.4e38 either.
    too_large = np.abs(values) > np.finfo(np.float32).max
    if too_large.any():
        rows = _named(np.flatnonzero(too_large.any(axis=1)))
        raise SpektronError(
            f"spectra: infinite values in {rows}; mark missing points with NaN"
        )
    return values, wavenumber


def _check_enough(valid: np.ndarray) -> None:
    counts = valid.sum(axis=1)
    poor = np.flatnonzero(counts < MIN_VALID_POINTS)
    if poor.size:
        raise SpektronError(
            f"spectra: {_named(poor)} with fewer than {MIN_VALID_POINTS} valid points "
            f"(fewest: {counts.min()}); leave out such spectra"
        )


def _named(rows: np.ndarray) -> str:
    more = f" and {rows.size - 5} more" if rows.size > 5 else ""
    return f"row {', '.join(str(row) for row in rows[:5])}{more}"
