"""Axes and quantities that are never silently wrong.

A position is a wavelength (nm, um) or a wavenumber (cm-1):

    cm-1 = 1e7 / nm = 1e4 / um

A quantity is what was measured. Only these conversions exist, within a family:

    T = %T / 100        A = -log10 T            (absorbance, transmittance, %T)
    R = %R / 100        log(1/R) = -log10 R     (reflectance, %R, log(1/R))

`check` refuses an axis that turns back, repeats, or lies where no spectrum of that
modality lies in that unit; `resample` puts spectra on another axis, locally, and says
what it did.

Sizes: n spectra, p points, q points of the new axis.
"""

from dataclasses import dataclass

import numpy as np

from spektron_jax.errors import SpektronError
from spektron_jax.spectra.grid import MODALITIES, UNITS, check_name

# Beyond these, in cm-1 (Raman: the shift), no instrument of that modality measures: the
# check is there to catch a wrong unit. NIR includes Vis-NIR, which begins at 350 nm in
# field spectrometers and at 300 nm in some laboratory ones.
RANGES_CM1 = {
    "NIR": (2900.0, 34000.0),  # 294 to 3448 nm
    "IR": (10.0, 13000.0),  # Fourier-transform spectrometers scan on into the NIR
    "Raman": (-4500.0, 6000.0),
    "unknown": (-4500.0, 60000.0),  # to 167 nm, UV
}
# Where most spectra of a modality lie: a unit that nobody named is guessed by these.
COMMON_CM1 = RANGES_CM1 | {"IR": (10.0, 8000.0)}
NAMES = {"NIR": "NIR and Vis-NIR"}  # in messages
QUANTITIES = (
    "absorbance",
    "transmittance",
    "%T",
    "reflectance",
    "%R",
    "log(1/R)",
    "counts",
    "intensity",
)
# quantity -> (family, factor to a share of 1; None where it is a logarithm)
_FAMILIES = {
    "absorbance": ("transmission", None),
    "transmittance": ("transmission", 1.0),
    "%T": ("transmission", 0.01),
    "log(1/R)": ("reflection", None),
    "reflectance": ("reflection", 1.0),
    "%R": ("reflection", 0.01),
}
GAP_STEPS = 5.0  # a step of so many median steps is a gap
_PER_UNIT = {"nm": 1e7, "um": 1e4}


def convert(axis: np.ndarray, unit: str, to: str) -> np.ndarray:
    """Convert positions to another unit; the order of the points stays."""
    for name in (unit, to):
        check_name("unit", name, UNITS)
    axis = np.asarray(axis, np.float64)
    if unit == to:
        return axis.copy()
    if not (np.isfinite(axis).all() and (axis > 0).all()):
        raise SpektronError(
            f"axis: only positions above 0 convert from {unit} to {to}; leave out "
            "the others"
        )
    if "cm-1" in (unit, to):
        with np.errstate(over="ignore"):
            values = _PER_UNIT[to if unit == "cm-1" else unit] / axis
        if not np.isfinite(values).all():
            raise SpektronError(f"axis: {axis.min():g} {unit} is too close to 0")
        return values
    return axis * (1e-3 if to == "um" else 1e3)


def check(axis: np.ndarray, unit: str, modality: str, place: str = "axis") -> list[str]:
    """Return warnings on an axis that can be used; raise SpektronError for others.

    Args:
      axis: (p,) positions, running up or down.
      unit: "nm", "um" or "cm-1".
      modality: "NIR", "IR", "Raman" or "unknown".
      place: file and place, for messages.
    """
    axis = np.asarray(axis, np.float64)
    check_name("modality", modality, MODALITIES)
    if unit not in UNITS:
        raise SpektronError(f"{place}: unit {unit!r}: use one of {', '.join(UNITS)}")
    if axis.ndim != 1 or axis.size < 2:
        raise SpektronError(f"{place}: shape {axis.shape}; give 2 positions or more")
    bad = np.flatnonzero(~np.isfinite(axis))
    if bad.size:
        raise SpektronError(f"{place}: point {bad[0] + 1} is not a finite number")
    steps = np.diff(axis)
    repeated = np.flatnonzero(steps == 0)
    if repeated.size == 0:
        order = np.argsort(axis, kind="stable")
        repeated = order[np.flatnonzero(np.diff(axis[order]) == 0)]
    if repeated.size:
        raise SpektronError(
            f"{place}: the position {axis[repeated[0]]:g} stands twice (first at point "
            f"{repeated[0] + 1}); give each position once"
        )
    direction = np.sign(np.median(np.sign(steps))) or np.sign(steps[0])
    turns = np.flatnonzero(np.sign(steps) != direction)
    if turns.size:
        raise SpektronError(
            f"{place}: turns back at point {turns[0] + 2} ({axis[turns[0]]:g}, then "
            f"{axis[turns[0] + 1]:g}); sort positions and values together"
        )
    _check_range(axis, unit, modality, place)
    wide = np.abs(steps) > GAP_STEPS * np.median(np.abs(steps))
    return [
        f"{place}: gap of {abs(steps[i]):g} {unit} after {axis[i]:g}"
        for i in np.flatnonzero(wide)[:5]
    ]


def plausible_units(axis: np.ndarray, modality: str) -> list[str]:
    """Return the units in which an axis lies where most such spectra lie."""
    return _units_within(axis, modality, COMMON_CM1[modality])


def _units_within(
    axis: np.ndarray, modality: str, range_cm1: tuple[float, float]
) -> list[str]:
    low, high = range_cm1
    found = []
    for unit in UNITS:
        if modality == "Raman" and unit != "cm-1":
            continue  # a Raman axis in nm needs the laser's wavelength
        try:
            values = convert(axis, unit, "cm-1")
        except SpektronError:
            continue
        if low <= values.min() and values.max() <= high:
            found.append(unit)
    return found


def _check_range(axis: np.ndarray, unit: str, modality: str, place: str) -> None:
    if unit in _units_within(axis, modality, RANGES_CM1[modality]):
        return
    units = plausible_units(axis, modality)
    span = f"{axis.min():g} to {axis.max():g} {unit}"
    low, high = RANGES_CM1[modality]
    if modality == "Raman" and unit != "cm-1":
        raise SpektronError(
            f"{place}: {span} is not a Raman shift; convert it with the laser's "
            "wavelength to cm-1"
        )
    advice = "check unit and modality"
    if units:
        advice = f"in {' or '.join(units)} it would fit: give unit={units[0]!r}"
    raise SpektronError(
        f"{place}: {span} lies outside {NAMES.get(modality, modality)} spectra "
        f"({low:g} to {high:g} cm-1); {advice}"
    )


def convert_quantity(
    values: np.ndarray, quantity: str, to: str, *, strict: bool = True
) -> np.ndarray:
    """Convert spectra to another quantity of the same family (see the top).

    A share of 0 or less has no logarithm: SpektronError, or NaN if not strict.
    """
    values = np.asarray(values, np.float64)
    if quantity == to:  # in words of a file's own too
        return values.copy()
    for name in (quantity, to):
        check_name("quantity", name, QUANTITIES)
    family, factor = _FAMILIES.get(quantity, (quantity, 1.0))
    to_family, to_factor = _FAMILIES.get(to, (to, 1.0))
    if family != to_family:
        raise SpektronError(
            f"{quantity} cannot be turned into {to}: they are different measurements"
        )
    share = 10.0**-values if factor is None else values * factor
    if to_factor is not None:
        return share / to_factor
    bad = share <= 0
    if bad.any() and strict:
        place = ", ".join(str(i) for i in np.argwhere(bad)[0])
        raise SpektronError(
            f"{quantity} of 0 or less has no {to}: {int(bad.sum())} values, the first "
            f"at [{place}]; leave them out or convert with strict=False (NaN there)"
        )
    return -np.log10(np.where(bad, np.nan, share))


@dataclass(frozen=True)
class Resampled:
    """Spectra on another axis.

    Attributes:
      spectra: (n, q) float64, NaN where not valid.
      valid: (n, q) bool, False outside the measured axis, in gaps, and near NaN.
      report: one line that says what was done.
    """

    spectra: np.ndarray
    valid: np.ndarray
    report: str


def resample(
    spectra: np.ndarray, axis: np.ndarray, new_axis: np.ndarray, unit: str
) -> Resampled:
    """Put spectra on `new_axis`, by the two neighbours of each new point alone.

    Linear interpolation: a new point takes part in nothing but its two neighbours, and
    one outside the axis, inside a gap, or beside NaN is not valid. Nothing is
    extrapolated.

    Args:
      spectra: (n, p).
      axis: (p,) positions in `unit`, running up or down.
      new_axis: (q,) positions in the same unit (see `convert`).
      unit: unit of both.
    """
    axis = np.asarray(axis, np.float64)
    new_axis = np.asarray(new_axis, np.float64)
    values = np.atleast_2d(np.asarray(spectra, np.float64))
    check(axis, unit, "unknown")
    check(new_axis, unit, "unknown", "new axis")
    if values.shape[1] != axis.size:
        raise SpektronError(
            f"spectra have {values.shape[1]} points and the axis {axis.size}"
        )
    if axis[0] > axis[-1]:
        axis, values = axis[::-1], values[:, ::-1]
    right = np.clip(np.searchsorted(axis, new_axis), 1, axis.size - 1)
    left = right - 1
    step = axis[right] - axis[left]
    weight = (new_axis - axis[left]) / step
    # An exact hit needs one point only, so that NaN beside it does no harm.
    result = np.where(
        weight == 0,
        values[:, left],
        np.where(
            weight == 1,
            values[:, right],
            (1 - weight) * values[:, left] + weight * values[:, right],
        ),
    )
    steps = np.diff(axis)
    in_gap = (step > GAP_STEPS * np.median(steps)) & (weight > 0) & (weight < 1)
    outside = (new_axis < axis[0]) | (new_axis > axis[-1])
    valid = ~(outside | in_gap) & ~np.isnan(result)
    ratio = float(np.median(np.abs(np.diff(new_axis))) / np.median(steps))
    report = (
        f"resampled {axis.size} to {new_axis.size} points by linear interpolation, "
        f"{int(outside.sum())} outside {axis[0]:g} to {axis[-1]:g} {unit} and "
        f"{int(in_gap.sum())} in gaps not valid; new step {ratio:.3g} x the old one"
    )
    if ratio > 2:
        report += " (narrow bands between the new points are lost)"
    return Resampled(np.where(valid, result, np.nan), valid, report)
