"""Where the table stands in a text file, and what the lines around it say.

Lines of numbers alone are told from text; those of the commonest width are the table's
body. Above it stand its header, in one line or in two (names, then units), and notes:
"Integration Time (sec): 10", "XYDATA", ">>>>>Begin Spectral Data<<<<<". What stands
below it and neither starts with a number nor has the table's width is notes too. Where
rows start with text, the table starts at the first row of full width.
"""

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass

from spektron_jax.spectra.axis import quantity_of, unit_of
from spektron_jax.spectra.readers.cells import MIN_POSITIONS
from spektron_jax.spectra.readers.layout import AXIS_NAME
from spektron_jax.spectra.readers.parsed import Log

DELIMITERS = ("\t", ";", ",", "|")
SAMPLED_LINES = 20  # lines that show the delimiter
_COMMA_NUMBER = re.compile(r"[-+]?\d+(?:,\d+)?(?:[eE][-+]?\d+)?")
_NUMBER_CHARACTERS = str.maketrans("", "", '0123456789.,;|+-" \t')
_NUMBER_WORDS = re.compile(r"(?:e|nan|n/?a)*", re.I)
_STARTS_WITH_NUMBER = re.compile(r'[\s"]*[-+]?[.,]?\d')
# Notes that speak of an axis: "XUNITS", "AxisUnit[1]", "XAxisUnit = rel. 1/cm".
# Never "Laser wavelength: 785 nm", which says nothing of the axis.
_AXIS_NOTE = re.compile(r"x[ _-]?axis|x[ _-]?units?\b|axis ?unit", re.I)
_VALUES_NOTE = re.compile(r"y[ _-]?axis|y[ _-]?units?\b|axis ?unit", re.I)
_HEADER_NOTE = re.compile(r"\W*(raman ?shift|wave)\D*", re.I)
_CM1 = re.compile(r"cm\W*-?1|1/cm", re.I)


@dataclass
class TextTable:
    """Cells of a table.

    Attributes:
      rows: header first, if there is one.
      places: where each row stands.
      delimiter: None = runs of white space.
      notes: the lines before and after it.
      reaches_end: whether it ends with the file.
    """

    rows: list[list[str]]
    places: list[str]
    delimiter: str | None
    notes: list[str]
    reaches_end: bool


def find_table(lines: list[str], places: list[str], log: Log) -> TextTable:
    """Return the table among lines that are neither blank nor comments."""
    delimiter, start, body, end = _bounds(lines)
    rows = split(lines[start:end], places[start:end], delimiter, log)
    places_of_rows = places[start:end]
    if body is None:
        first = _first_row(rows)
        rows, places_of_rows, start = rows[first:], places_of_rows[first:], first
    elif body - start == 2:
        names, units = rows[:2]
        units = units + [""] * (len(names) - len(units))
        joined = [_with_unit(*cells) for cells in zip(names, units, strict=True)]
        rows, places_of_rows = [joined, *rows[2:]], [places[start], *places[body:end]]
    if end < len(lines):
        text = f"{len(lines) - end} lines after the table, kept as comments"
        log.warning(places[end], f"{text}: {lines[end].strip()[:40]!r} ...")
    notes = lines[:start] + lines[end:]
    return TextTable(rows, places_of_rows, delimiter, notes, end == len(lines))


def _with_unit(name: str, unit: str) -> str:
    unit = unit.strip().strip("[]()")
    return f"{name.strip()} [{unit}]" if unit else name.strip()


def hints(notes: list[str]) -> tuple[tuple[str, str] | None, tuple[str, str] | None]:
    """Return (unit, note) and (quantity, note), where notes agree on one."""
    found: list[tuple[str, str] | None] = []
    for names_it, name_of in ((_AXIS_NOTE, unit_of), (_VALUES_NOTE, quantity_of)):
        said: dict[str | None, str] = {}
        for note in notes:
            alone = len(note.split()) == 1
            header = _HEADER_NOTE.fullmatch(_CM1.sub("", note))
            if alone or header or names_it.search(note):
                said.setdefault(name_of(note), note.strip()[:60])
        only = [(name, note) for name, note in said.items() if name]
        found.append(only[0] if len(only) == 1 else None)
    return found[0], found[1]


def _bounds(lines: list[str]) -> tuple[str | None, int, int | None, int]:
    """(delimiter, first line, first line of the body, end) of the table.

    The body is None where it cannot be told by its numbers.
    """
    numeric = [i for i, line in enumerate(lines) if _is_numeric(line)]
    delimiter = delimiter_of([lines[i] for i in numeric[-SAMPLED_LINES:]])
    widths = {i: _width(lines[i], delimiter) for i in numeric}
    counts = Counter(width for width in widths.values() if width > 1)
    unclear = delimiter_of(lines), 0, None, len(lines)
    if not counts or counts.most_common(1)[0][1] < MIN_POSITIONS:
        return unclear
    width = counts.most_common(1)[0][0]
    body = next(i for i in numeric if widths[i] == width)
    end = 1 + next(i for i in reversed(numeric) if widths[i] == width)
    alike = [i for i in range(body) if _width(lines[i], delimiter) == width]
    if width > 2 and any(_mostly_numbers(lines[i], delimiter) for i in alike[:-1]):
        return unclear  # rows of text above: not only the body is the table
    if not _is_tail(lines[end:], delimiter, width):
        end = len(lines)
    start = body
    if body and _is_header(lines[body - 1], delimiter, width):
        start = body - 1
        above = lines[body - 2] if body > 1 else ""
        two = _width(above, delimiter) == width >= _width(lines[start], delimiter)
        two = two and _only_units(lines[start], delimiter)
        start -= two and AXIS_NAME.search(above.split(delimiter)[0]) is not None
    return delimiter, start, body, end


def _is_numeric(line: str) -> bool:
    return bool(_NUMBER_WORDS.fullmatch(line.translate(_NUMBER_CHARACTERS)))


def _is_header(line: str, delimiter: str | None, width: int) -> bool:
    """Whether the line above the body belongs to the table, if with an error."""
    found = _width(line, delimiter)
    if found == width or width == 2:
        return found == width
    return found > 2 and (abs(found - width) == 1 or _mostly_numbers(line, delimiter))


def _width(line: str, delimiter: str | None) -> int:
    return len(line.split()) if delimiter is None else line.count(delimiter) + 1


def _mostly_numbers(line: str, delimiter: str | None) -> bool:
    cells = line.split(delimiter)
    return 2 * sum(bool(_STARTS_WITH_NUMBER.match(c)) for c in cells) >= len(cells)


def _is_tail(lines: list[str], delimiter: str | None, width: int) -> bool:
    """Whether lines below the last row of numbers are no rows with errors."""
    if any(_STARTS_WITH_NUMBER.match(line) for line in lines):
        return False
    wide = [_width(line, delimiter) == width for line in lines]
    return not any(wide if width > 2 else wide[:1])


def _only_units(line: str, delimiter: str | None) -> bool:
    """Whether a line is one of units: "[nm]; [counts]"."""
    cells = [cell.strip() for cell in line.split(delimiter)]
    return bool(cells) and unit_of(cells[0]) is not None


def delimiter_of(lines: list[str]) -> str | None:
    """The delimiter that the last lines share; None = runs of white space."""
    sample = lines[-SAMPLED_LINES:]
    if not sample:
        return None
    spaced = [line.split() for line in sample]
    if min(map(len, spaced)) > 1 and all(
        _COMMA_NUMBER.fullmatch(cell) for row in spaced for cell in row
    ):
        return None
    for delimiter in DELIMITERS:
        if min(line.count(delimiter) for line in sample) > 0:
            return delimiter
    # A cut-off last line may hold none.
    for delimiter in DELIMITERS:
        if sum(delimiter in line for line in sample) > len(sample) / 2:
            return delimiter
    return None


def split(
    lines: list[str], places: list[str], delimiter: str | None, log: Log
) -> list[list[str]]:
    """Return the cells of each line, without quotation marks."""
    if delimiter is None:
        return [line.split() for line in lines]
    rows = []
    for line, place in zip(lines, places, strict=True):
        if '"' not in line:
            rows.append(line.split(delimiter))
            continue
        try:
            found = list(
                csv.reader(io.StringIO(line), delimiter=delimiter, strict=True)
            )
        except csv.Error as error:
            log.fail(place, f"quotation marks do not match ({error}); correct them")
        rows.append(found[0])
    return rows


def _first_row(rows: list[list[str]]) -> int:
    """The table starts at its header, or where the first row of full width stands."""
    width = max(len(row) for row in rows[-SAMPLED_LINES:])
    for i, row in enumerate(rows):
        if len(row) >= width or any(re.search(r"\d", cell) for cell in row[1:]):
            return i
        if len(row) == 1 and i + 1 == len(rows):
            return i
    return 0
