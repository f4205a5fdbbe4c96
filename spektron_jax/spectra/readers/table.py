"""Spectra in a table of text cells, as CSV files and Excel sheets hold them.

`layout` tells how it is laid out.

Sizes: n samples, p positions.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from spektron_jax.spectra.axis_words import quantity_of, unit_of
from spektron_jax.spectra.readers.axis_columns import counts
from spektron_jax.spectra.readers.cells import (
    NotANumber,
    is_axis,
    name_and_unit,
    number,
    numbers,
    positions,
    quantity_of_positions,
    units_of,
)
from spektron_jax.spectra.readers.columns import measurements
from spektron_jax.spectra.readers.layout import (
    AXIS_NAME,
    ID_NAME,
    has_header,
    layout_of,
    one_unit,
    tidy_columns,
)
from spektron_jax.spectra.readers.parsed import Log, ParsedSpectra
from spektron_jax.spectra.readers.statistics import without_statistics
from spektron_jax.spectra.readers.tidy import read_tidy

Rows = list[list[str]]
MAX_TEXT_SHARE = 0.2  # of a target's values; a column with more text is a label


def read_table(
    rows: Rows, places: list[str], log: Log, modality: str | None
) -> list[ParsedSpectra]:
    """Return the spectra of a table, one instrument for each axis it holds.

    Args:
      rows: cells, the header first if there is one.
      places: of each row, for messages.
      log: of the reading.
      modality: as the user says it; decides between a first row and a first column.
    """
    if not rows:
        log.fail("table", "holds no rows")
    width = len(rows[0])
    kept = []
    for i, row in enumerate(rows):
        if len(row) != width:
            text = f"ragged: {len(row)} cells, the first row has {width}"
            log.error(places[i], text)
        else:
            kept.append(i)
    rows, places = [rows[i] for i in kept], [places[i] for i in kept]
    columns = tidy_columns(rows)
    if columns is not None:
        log.note("table", "read as tidy (columns of sample, position and value)")
        return [read_tidy(rows, places, columns, log)]
    parts = []
    for table, at, name in measurements(rows, places, log):
        layout, why = layout_of(table, log, modality)
        log.note("table", f"read as {layout} ({why})")
        part = {"wide": _wide, "long": _long}[layout](table, at, log)
        without_statistics(part, log)
        part.name = name or part.name
        parts.append(part)
    if len(parts) > 1 and None in {part.quantity for part in parts}:
        for part in parts:  # "A" and "B" are samples
            part.quantity = part.quantity_hint = None
    return parts


@dataclass
class WideHeader:
    """What the header of a wide table says.

    Attributes:
      axis: (p,) positions.
      first, last: the columns that hold them.
      others: the columns that do not.
      unit, quantity: as its cells say, or None.
      label: of the axis, or "".
    """

    axis: np.ndarray
    first: int
    last: int
    others: list[int]
    unit: str | None
    quantity: str | None
    label: str


def wide_header(header: list[str], place: str, log: Log) -> WideHeader:
    """Return what the header of a wide table says."""
    top, units = positions(header)
    corner_is_axis = not np.isnan(top[0]) and is_axis(top[~np.isnan(top)][:4])
    if not corner_is_axis:
        top[0] = np.nan
    columns = np.flatnonzero(~np.isnan(top))
    first, last = int(columns[0]), int(columns[-1])
    between = [i for i in range(first, last + 1) if np.isnan(top[i])]
    if between:
        log.fail(
            f"{place}, column {between[0] + 1}",
            f"{header[between[0]]!r} among positions is not a number; correct it",
        )
    label = next((cell for cell in header[:first] if _names_axis(cell)), "")
    return WideHeader(
        axis=top[columns],
        first=first,
        last=last,
        others=[i for i in range(len(header)) if not first <= i <= last],
        unit=one_unit(units | units_of([label]), place, log),
        quantity=quantity_of_positions(header[first : last + 1]),
        label=label,
    )


def wide_numbers(
    row: list[str], found: WideHeader, place: str, log: Log
) -> np.ndarray | None:
    """Return the values of a row, (p,), or None after an error."""
    try:
        values = numbers(row[found.first : found.last + 1])
    except NotANumber as error:
        log.error(f"{place}, column {found.first + error.index + 1}", str(error))
        return None
    if np.array_equal(values, found.axis):
        log.error(place, "repeats the positions of the header")
        return None
    return values


def wide_part(
    header: list[str],
    found: WideHeader,
    rows: Sequence[Mapping[int, str] | list[str]],
    spectra: np.ndarray,
    places: list[str],
    log: Log,
) -> ParsedSpectra:
    """Return the spectra (n, p) of a wide table with the other cells of its n rows."""
    part = ParsedSpectra(
        axis=found.axis,
        spectra=spectra,
        sample_ids=[str(i) for i in range(1, len(rows) + 1)],
        places=places,
        unit=found.unit,
        quantity=found.quantity,
        axis_place="first row",
        axis_label=found.label,
        numbered=True,
    )
    _add_columns(part, header, rows, found.others, log)
    return part


def _wide(rows: Rows, places: list[str], log: Log) -> ParsedSpectra:
    found = wide_header(rows[0], places[0], log)
    spectra, kept = [], []
    for i in range(1, len(rows)):
        values = wide_numbers(rows[i], found, places[i], log)
        if values is not None:
            spectra.append(values)
            kept.append(i)
    table = np.array(spectra).reshape(len(kept), found.axis.size)
    kept_rows, kept_at = [rows[i] for i in kept], [places[i] for i in kept]
    return wide_part(rows[0], found, kept_rows, table, kept_at, log)


def _add_columns(
    part: ParsedSpectra,
    header: list[str],
    rows: Sequence[Mapping[int, str] | list[str]],
    others: list[int],
    log: Log,
) -> None:
    """Sort columns that are not positions into sample id, targets and labels."""
    cells = {i: [row[i].strip() for row in rows] for i in others}
    values = {i: [number(cell) for cell in cells[i]] for i in others}
    text = [i for i in others if None in values[i]]
    used = _take_ids(part, {i: header[i].strip() for i in others}, cells, text, log)
    for i in others:
        if i in used:
            continue
        name = header[i].strip() or f"column {i + 1}"
        wrong = [row for row, value in enumerate(values[i]) if value is None]
        if name in log.text_columns or len(wrong) > MAX_TEXT_SHARE * len(rows):
            part.labels[name] = cells[i]
            continue
        for row in wrong:
            place = f"{part.places[row]}, column {i + 1} ({name})"
            log.error(place, str(NotANumber(cells[i][row])))
        known = [np.nan if value is None else value for value in values[i]]
        part.targets[name_and_unit(name)] = np.array(known)


def _take_ids(
    part: ParsedSpectra,
    names: dict[int, str],
    cells: dict[int, list[str]],
    text: list[int],
    log: Log,
) -> list[int]:
    """Take the sample ids from the likeliest column; return the columns used up."""
    named = [i for i, name in names.items() if name and ID_NAME.fullmatch(name)]
    blank = [i for i, name in names.items() if not name]
    candidates = [*named, *[i for i in blank if i in text], *text, *blank]
    if not candidates:
        return []
    i = candidates[0]
    # A column without a name that counts is the index of pandas or R.
    part.sample_ids, part.numbered = cells[i], i in blank and counts(cells[i])
    if i in blank:  # coordinates of a map stand in several columns
        columns = [cells[j] for j in blank]
        part.sample_ids = [" ".join(words) for words in zip(*columns, strict=True)]
    if "" in cells[i]:
        place = part.places[cells[i].index("")]
        log.error(f"{place}, column {i + 1}", "the sample id is missing")
    return [i, *blank]


def _long(rows: Rows, places: list[str], log: Log) -> ParsedSpectra:
    width = len(rows[0])
    header = rows[0] if has_header(rows[0]) else None
    body = 0 if header is None else 1
    rows, places_of_rows = rows[body:], places[body:]
    axis, units = positions([row[0] for row in rows])
    for i in np.flatnonzero(np.isnan(axis)):
        text = f"{rows[i][0][:40]!r} is not a position"
        log.error(f"{places_of_rows[i]}, column 1", text)
    kept = np.flatnonzero(~np.isnan(axis))
    spectra, columns = [], []
    for j in range(1, width):
        try:
            spectra.append(numbers([rows[i][j] for i in kept]))
            columns.append(j)
        except NotANumber as error:
            place = places_of_rows[kept[error.index]]
            log.error(f"{place}, column {j + 1}", str(error))
    table = np.array(spectra).reshape(len(columns), kept.size)
    return long_part(header, columns, axis[kept], table, units, places[0], log)


def long_part(
    header: list[str] | None,
    columns: list[int],
    axis: np.ndarray,
    spectra: np.ndarray,
    units: set[str],
    place: str,
    log: Log,
) -> ParsedSpectra:
    """Return the spectra (n, p) of n columns of a long table, with `units` of axis."""
    label = header[0] if header else ""
    names, quantity, hint = [""] * len(columns), None, None
    if header is not None:
        names = [header[j].strip() for j in columns]
        if names == ["A"]:  # the quantity, or the sample
            hint = "absorbance", "A"
        else:
            names, quantity = _names_and_quantity(names, header[1:])
    numbered = not any(names)
    return ParsedSpectra(
        axis=axis,
        spectra=spectra,
        sample_ids=list(map(str, columns)) if numbered else names,
        places=[f"column {j + 1}" for j in columns],
        unit=one_unit(units | units_of([label]), place, log),
        quantity=quantity,
        quantity_hint=hint,
        axis_place="first column",
        axis_label=label,
        numbered=numbered,
    )


def _names_axis(cell: str) -> bool:
    """Whether a header's cell before the positions speaks of them."""
    only_a_unit = unit_of(cell) and len(cell.split()) == 1 and "_" not in cell
    return bool(AXIS_NAME.search(cell) or only_a_unit)


def _names_and_quantity(
    names: list[str], header: list[str]
) -> tuple[list[str], str | None]:
    """Names of columns without what all of them measure: "A1 (AU)", "A2 (AU)"."""
    split = [name_and_unit(name) for name in names]
    derived = re.compile(r"d\d?|delta|Δ|log|ln|norm\w*", re.I)  # "d(Absorbance)"
    said = {
        None if len(unit) < 2 or derived.fullmatch(name) else quantity_of(unit)
        for name, unit in split
    }
    if len(said) == 1 and None not in said:
        return [name for name, _ in split], said.pop()
    return names, quantity_of(header[0]) if names and len(header) == 1 else None
