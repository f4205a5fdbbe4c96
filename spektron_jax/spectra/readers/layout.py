"""How a table of spectra is laid out, told from its first row and first column.

Three layouts are told apart, and the one found is said in the set's problems:

    wide   first row: positions; then one row for each sample. Columns that are not
           positions are the sample id, targets (numbers) and labels (text).
    long   first column: positions; then one column for each sample.
    tidy   one row for each sample and position, in columns named so.
"""

import re

import numpy as np

from spektron_jax.spectra.axis import plausible_units
from spektron_jax.spectra.axis_words import quantity_of, unit_of
from spektron_jax.spectra.readers.cells import (
    MIN_POSITIONS,
    is_axis,
    is_count,
    number,
    positions,
    starts_evenly,
)
from spektron_jax.spectra.readers.parsed import Log

AXIS_NAME = re.compile(
    r"wave|wvl|wellen|shift|axis|position|\bx\b|lambda|frequency|energy", re.I
)
ID_NAME = re.compile(r"(sample|spectrum)?[ _.-]*(ids?|names?|no|number|code)?", re.I)
_VALUE_NAME = re.compile(r"value|\by\b|signal|response|spectrum", re.I)


def layout_of(rows: list[list[str]], log: Log, modality: str | None) -> tuple[str, str]:
    """Return the name of the layout, and what shows it."""
    header = rows[0]
    top, _ = positions(header)
    headless = not has_header(header)  # then the first cell belongs to the axis
    side = [row[0] for row in rows]
    down, _ = positions(side if headless else side[1:])
    across_axis, down_axis = top[~np.isnan(top)], down[~np.isnan(down)]
    across = is_axis(across_axis)
    downwards = len(header) > 1 and is_axis(down_axis) and np.isnan(down).mean() < 0.5
    if headless:
        across = across and starts_evenly(top)
        downwards = downwards and starts_evenly(down)
        if downwards and not across and len(header) > len(rows):
            log.fail(
                "table",
                f"{len(header)} columns without a header and only {len(rows)} rows: "
                "positions are missing; add a first row of them",
            )
    if across and downwards:
        return _one_of_two(header[0].strip(), across_axis, down_axis, log, modality)
    if across:
        return "wide", "positions in the first row"
    if downwards:
        return "long", "positions in the first column"
    log.fail(
        "table",
        "neither the first row nor the first column holds positions (nm, um or "
        "cm-1); put them in one of them",
    )


def has_header(row: list[str]) -> bool:
    """Whether the first row of a long table names its columns: it holds words.

    A blank first cell stands above names that are numbers, such as concentrations.
    """
    if not row[0].strip():
        return len(row) > 2 or "." not in row[1]
    values = positions(row[:1])[0], [number(cell) for cell in row[1:]]
    return bool(np.isnan(values[0][0])) or None in values[1]


def _one_of_two(
    corner: str,
    across_axis: np.ndarray,
    down_axis: np.ndarray,
    log: Log,
    modality: str | None,
) -> tuple[str, str]:
    """The layout where both the first row and the first column could be an axis."""
    if corner and (unit_of(corner) or AXIS_NAME.search(corner)):
        return "long", f"positions in the first column, named {corner!r}"
    if is_count(across_axis) != is_count(down_axis):
        wide = is_count(down_axis)
    else:
        wide, long = (
            log.unit in units if log.unit else bool(units)
            for units in (
                plausible_units(axis, modality or "unknown")
                for axis in (across_axis, down_axis)
            )
        )
        if wide == long:
            if not (corner and ID_NAME.fullmatch(corner)):
                log.fail(
                    "table",
                    "first row and first column could both be positions; name the "
                    "first cell 'sample' or 'wavelength'",
                )
            return "wide", f"positions in the first row, samples named {corner!r}"
    if wide:
        return "wide", "positions in the first row, row numbers in the first column"
    return "long", "positions in the first column, sample numbers in the first row"


def tidy_columns(rows: list[list[str]]) -> tuple[int, int, int] | None:
    """Return the columns of sample, position and value, if names say which.

    Each sample has several rows; a column "Sample" that differs from row to row is the
    signal of one.
    """
    names = [cell.strip() for cell in rows[0]] if rows else []
    position = [i for i, s in enumerate(names) if unit_of(s) or AXIS_NAME.search(s)]
    sample = [i for i, s in enumerate(names) if s and ID_NAME.fullmatch(s)]
    value = [i for i, s in enumerate(names) if quantity_of(s) or _VALUE_NAME.search(s)]
    if names[:2] == ["X", "Y"] and len(position) > 1:  # the points of a map
        position, sample, value = position[1:], [0], value[1:]
    value = [i for i in value if i not in position + sample]
    if not len(position) == len(value) == len(sample) == 1 or len(rows) < 4:
        return None
    samples = {row[sample[0]] for row in rows[1:] if len(row) == len(names)}
    if MIN_POSITIONS * len(samples) > len(rows) - 1:
        return None
    return sample[0], position[0], value[0]


def one_unit(units: set[str], place: str, log: Log) -> str | None:
    """Return the unit that cells agree on; SpektronError if they name two."""
    if len(units) > 1:
        log.fail(place, f"mixed units: {', '.join(sorted(units))}; keep one of them")
    return next(iter(units), None)
