"""Cells of text as numbers, positions of an axis, and names with units.

Sizes: c cells.
"""

import re

import numpy as np

from spektron_jax.spectra.axis_words import unit_of

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][-+]?\d+)?"
_IS_NUMBER = re.compile(_NUMBER, re.ASCII)
# A position in a header: "1100", "1100.5 nm", "X1100.5" (R), "nm_1100",
# "scan_mir.600_abs" (Open Soil Spectral Library).
_POSITION = re.compile(
    r"(?:(x|nm|um|wl|wn|wavelength|wavenumber|wave|spc|scan_(?:mir|nir|visnir))[_. ]?)?"
    rf"({_NUMBER})"
    r"[\s_.]*(nm|um|[µμ]m|cm\^?[-−–]1|cm⁻¹|1/cm)?(_abs|_ref|_refl)?",
    re.IGNORECASE,
)
_KINDS = {"_abs": "absorbance", "_ref": "reflectance", "_refl": "reflectance"}
_OSSL_UNITS = {"scan_mir": "cm-1", "scan_nir": "nm", "scan_visnir": "nm"}
_MISSING = {"", "nan", "na", "n/a"}
MIN_POSITIONS = 3  # fewer cannot be told from other numbers


class NotANumber(ValueError):
    """A cell that holds text; str() says so.

    Attributes:
      index: of the cell among those asked for.
    """

    def __init__(self, cell: str, index: int = 0):
        super().__init__(f"{cell.strip()[:40]!r} is not a number")
        self.index = index


def number(cell: str) -> float | None:
    """Return the number in a cell, NaN if it is missing, None if it is text."""
    cell = cell.strip()
    if _IS_NUMBER.fullmatch(cell):
        return float(_exponent_e(cell))
    return np.nan if cell.lower() in _MISSING else None


def numbers(cells: list[str]) -> np.ndarray:
    """Return (c,) float64, NaN where missing; NotANumber for the first text."""
    joined = "".join(cells)
    # float() also takes 1_000, infinity and digits of other scripts.
    if joined.isascii() and "_" not in joined and "n" not in joined.lower():
        try:
            return np.array(list(map(float, cells)))
        except ValueError:
            pass
    values = np.empty(len(cells))
    for i, cell in enumerate(cells):
        value = number(cell)
        if value is None:
            raise NotANumber(cell, i)
        values[i] = value
    return values


def positions(cells: list[str]) -> tuple[np.ndarray, set[str]]:
    """Return (positions (c,), NaN where a cell is none; the units that cells name)."""
    values, units = np.full(len(cells), np.nan), set()
    for i, cell in enumerate(cells):
        found = _POSITION.fullmatch(cell.strip())
        if found:
            before, value, after, _ = found.groups()
            values[i] = float(_exponent_e(value))
            if not before and not after:
                continue
            named = _OSSL_UNITS.get((before or "").lower())
            units |= {named} if named else units_of([before or "", after or ""])
    return values, units


def quantity_of_positions(cells: list[str]) -> str | None:
    """The quantity that all positions name, as "scan_mir.600_abs" does, or None."""
    found = [_POSITION.fullmatch(cell.strip()) for cell in cells]
    said = {_KINDS.get((one[4] or "").lower()) for one in found if one}
    return said.pop() if len(said) == 1 else None


def _exponent_e(text: str) -> str:
    """Fortran writes 4.0D-01."""
    return text.replace("D", "e").replace("d", "e")


def units_of(cells: list[str]) -> set[str]:
    """The units of an axis that cells name."""
    return {unit for unit in map(unit_of, cells) if unit}


def is_axis(values: np.ndarray) -> bool:
    """Mostly one direction and mostly even steps: an axis, if with errors."""
    if values.size < MIN_POSITIONS:
        return False
    steps = np.diff(values)
    size = np.median(np.abs(steps))
    even = (np.abs(steps) < 5 * size) & (np.abs(steps) > size / 5)
    one_way = max((steps > 0).mean(), (steps < 0).mean())
    return bool(size > 0 and even.mean() >= 0.7 and one_way >= 0.8)


def starts_evenly(values: np.ndarray) -> bool:
    """Whether the first step is not much longer than the others."""
    steps = np.abs(np.diff(values[~np.isnan(values)]))
    return bool(steps.size and steps[0] < 5 * np.median(steps))


def is_count(values: np.ndarray) -> bool:
    """Whether values count up from 0 or 1."""
    return values[0] in (0, 1) and np.array_equal(
        values, values[0] + np.arange(values.size)
    )


def name_and_unit(name: str) -> tuple[str, str]:
    """Split "protein (%)" into name and unit."""
    found = re.fullmatch(r"(.+?)\s*[(\[]([^)\]]*)[)\]]", name)
    return (found[1], found[2]) if found else (name, "")
