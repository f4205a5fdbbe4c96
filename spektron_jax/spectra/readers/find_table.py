"""Where the table stands in a text file, and what the lines around it say.

Lines of numbers alone are told from text; those of the commonest width are the table's
body. Above it stand its header, in one line or in two (names, then units), and notes:
"Integration Time (sec): 10", "XYDATA", "# by hand", ">>>>>Begin Spectral Data<<<<<".
What stands below it and neither starts with a number nor has the table's width is notes
too. Where rows start with text, the table starts at the first row of full width. Inside
the table nothing is a comment: "#12" is the sample of that name.
"""

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass

import numpy as np

from spektron_jax.spectra.axis_words import unit_of
from spektron_jax.spectra.readers.axis_columns import axis_rank
from spektron_jax.spectra.readers.cells import MIN_POSITIONS, number, positions
from spektron_jax.spectra.readers.layout import AXIS_NAME
from spektron_jax.spectra.readers.parsed import Log

DELIMITERS = ("\t", ";", ",", "|")
COMMENTS = ("#", "%", "//", "!")
SAMPLED_LINES = 20  # lines that show the delimiter
_COMMA_NUMBER = re.compile(r"[-+]?\d+(?:,\d+)?(?:[eEdD][-+]?\d+)?")
_NUMBER_CHARACTERS = str.maketrans("", "", '0123456789.,;|+-" \t')
_NUMBER_WORDS = re.compile(r"(?:e|d|nan|n/?a)*", re.I)
_STARTS_WITH_NUMBER = re.compile(r'[\s"]*[-+]?[.,]?\d')


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


def find_table(
    lines: list[str], places: list[str], log: Log, delimiter: str | None = ""
) -> TextTable:
    """Return the table among lines that are not blank.

    Args:
      lines: n lines of text.
      places: of each, n, for messages.
      log: of the reading.
      delimiter: of cells, None = white space, "" = to be found.
    """
    found = _bounds(lines, delimiter)
    delimiter, header, body, end = found
    kept, more = _rows_of_table(lines[body:end], places[body:end], delimiter, log)
    titles = [lines[i] for i in header]
    if titles and _is_comment(titles[0]) and not _is_row(titles[0], delimiter):
        cells = _cells_of_comment(titles[0], delimiter)
        titles = [(delimiter or "  ").join(cells)]
        log.note(places[header[0]], "a comment taken as the header")
    rows = _header_rows(titles, [places[i] for i in header], delimiter, kept, log)
    rows += split([line for line, _ in kept], [at for _, at in kept], delimiter, log)
    rows_at = [places[i] for i in header[:1]] + [at for _, at in kept]
    if end < len(lines):
        text = f"{len(lines) - end} lines after the table, kept as comments"
        log.note(places[end], f"{text}: {lines[end].strip()[:40]!r} ...")
    notes = [line for i, line in enumerate(lines[:body]) if i not in header]
    reaches_end = end == len(lines) and not more
    return TextTable(rows, rows_at, delimiter, notes + more + lines[end:], reaches_end)


def _header_rows(header, places, delimiter, kept, log: Log) -> list[list[str]]:
    """The header in one row: of names, or of names and units below them."""
    if not header:
        return []
    width = _width(kept[0][0], delimiter) if kept else 0
    rows = [_cells_of_header(line, delimiter, width, log, places[0]) for line in header]
    if len(rows) == 1:
        return rows
    names, units = rows
    units = units + [""] * (len(names) - len(units))
    if not _has_pairs(units):
        return [[_with_unit(*cells) for cells in zip(names, units, strict=False)]]
    # Names of samples stand above the columns of each: "Sample A,,Sample B,".
    joined, name = [], ""
    for above, below in zip(names, units, strict=False):
        name = above.strip() or name * bool(below.strip())
        axis = AXIS_NAME.search(below) or unit_of(below)
        joined.append(below.strip() if axis or not name else _with_unit(name, below))
    return [joined]


def _cells_of_header(
    line: str, delimiter: str | None, width: int, log: Log, place: str
) -> list[str]:
    """White space within names is one blank: "Wavenumber (cm-1)  Absorbance"."""
    if delimiter is None and len(line.split()) != width:
        wide = re.split(r"\s{2,}|\t", line.strip())
        if len(wide) == width:
            return wide
    return split([line], [place], delimiter, log)[0]


def _rows_of_table(
    lines: list[str], places: list[str], delimiter: str | None, log: Log
) -> tuple[list[tuple[str, str]], list[str]]:
    """(lines with their places, comments below them); a comment within is an error."""
    width = Counter(_width(line, delimiter) for line in lines[-SAMPLED_LINES:])
    usual = max(width, key=lambda w: (width[w], w)) if width else 0
    last = len(lines)
    while last and _is_stray(lines[last - 1], delimiter, usual):
        last -= 1
    kept = []
    for line, place in zip(lines[:last], places[:last], strict=True):
        if not _is_stray(line, delimiter, usual):
            kept.append((line, place))
        elif kept:
            text = f"{line.strip()[:30]!r} is a comment within the table; move it above"
            log.error(place, text)
    if last < len(lines):
        log.note(places[last], f"{len(lines) - last} comments after the table")
    return kept, lines[last:]


def _is_stray(line: str, delimiter: str | None, width: int) -> bool:
    if not _is_comment(line) or _width(line, delimiter) == width:
        return False
    return not _is_row(line, delimiter)


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith(COMMENTS)


def _cells_of_comment(line: str, delimiter: str | None) -> list[str]:
    """Its cells without marks: "# nm, a", or "#X  #Y  #Wave  #Intensity" of WiRE."""
    cells = line.lstrip().lstrip("#%/!").lstrip(" ").split(delimiter)
    if any(cell.startswith("#") for cell in cells) and "" in cells:
        return [cell.lstrip("#") for cell in cells if cell.strip()]
    return cells


def _with_unit(name: str, unit: str) -> str:
    unit = unit.strip().strip("[]()")
    return f"{name.strip()} [{unit}]" if unit else name.strip()


def _bounds(
    lines: list[str], given: str | None
) -> tuple[str | None, list[int], int, int]:
    """(delimiter, lines of the header, first line of the body, end) of the table.

    Where rows start with text, the header is no line apart, but the body's first.
    """
    numeric = [i for i, line in enumerate(lines) if _is_numeric(line)]
    delimiter = given
    if given == "":
        delimiter = delimiter_of([lines[i] for i in numeric[-SAMPLED_LINES:]])
    widths = {i: _width(lines[i], delimiter) for i in numeric}
    counts = Counter(width for width in widths.values() if width > 1)
    if not counts or counts.most_common(1)[0][1] < MIN_POSITIONS:
        return _bounds_of_text(lines, given)
    width = counts.most_common(1)[0][0]
    body = next(i for i in numeric if widths[i] == width)
    end = 1 + next(i for i in reversed(numeric) if widths[i] == width)
    alike = [i for i in range(body) if _width(lines[i], delimiter) == width]
    if width > 2 and any(_mostly_numbers(lines[i], delimiter) for i in alike[:-1]):
        return _bounds_of_text(lines, given)  # rows of text are in the table too
    if not _is_tail(lines[end:], delimiter, width):
        end = len(lines)
    return delimiter, _header(lines, body, delimiter, width), body, end


def _bounds_of_text(
    lines: list[str], delimiter: str | None
) -> tuple[str | None, list[int], int, int]:
    """The bounds of a table whose rows start with text."""
    if delimiter == "":
        others = [line for line in lines if not _is_comment(line)]
        delimiter = delimiter_of(others or lines)
    start = 0
    while start < len(lines) and _is_comment(lines[start]):
        if _is_row(lines[start], delimiter):
            break
        start += 1
    rows = [_filled(line, delimiter) for line in lines[start:]]
    start += _first_row(rows)
    width = _width(lines[start], delimiter) if start < len(lines) else 0
    if start and _is_commented_header(lines[start - 1], delimiter, width):
        return delimiter, [start - 1], start, len(lines)
    return delimiter, [], start, len(lines)


def _header(
    lines: list[str], body: int, delimiter: str | None, width: int
) -> list[int]:
    """The lines of names above the body: one, two, or none."""
    if body and _is_commented_header(lines[body - 1], delimiter, width):
        return [body - 1]
    above = [i for i in range(body) if not _is_comment(lines[i])][-2:]
    if not above or not _is_header(lines[above[-1]], delimiter, width):
        return []
    first, last = above[0], above[-1]
    if first == last or _width(lines[first], delimiter) != width:
        return [last]
    names, cells = lines[first].split(delimiter), lines[last].split(delimiter)
    if len(cells) <= width and _only_units(cells) and not _has_pairs(cells):
        return [first, last] if AXIS_NAME.search(names[0]) else [last]
    return [first, last] if _has_pairs(cells) and _has_words(names) else [last]


def _has_pairs(cells: list[str]) -> bool:
    """Whether several columns are named as an axis: "Wavelength,%T,Wavelength,%T"."""
    return sum(bool(AXIS_NAME.search(c) or unit_of(c)) for c in cells) > 1


def _has_words(cells: list[str]) -> bool:
    return all(number(cell) is None or not cell.strip() for cell in cells)


def _is_commented_header(line: str, delimiter: str | None, width: int) -> bool:
    """Whether a comment has the table's width and names or holds its axis."""
    if not _is_comment(line) or _is_row(line, delimiter):
        return False
    cells = _cells_of_comment(line, delimiter)
    if len(cells) != width or width < 2 or re.search("[=:]", "".join(cells)):
        return False
    named = any(AXIS_NAME.search(cell) or unit_of(cell) for cell in cells)
    if named and _has_words(cells):
        return True
    return bool(np.isfinite(positions(cells[1:])[0]).sum() > width / 2)


def _is_row(line: str, delimiter: str | None) -> bool:
    """Whether a line that starts as a comment is a row of numbers: "#1,0.31,0.32"."""
    cells = line.split(delimiter)
    values = [number(cell) for cell in cells[1:]]
    known = sum(value is not None for value in values)
    return len(values) >= MIN_POSITIONS and 2 * known > len(values)


def _is_numeric(line: str) -> bool:
    return bool(_NUMBER_WORDS.fullmatch(line.translate(_NUMBER_CHARACTERS)))


def _is_header(line: str, delimiter: str | None, width: int) -> bool:
    """Whether the line above the body belongs to the table, if with an error."""
    found = _width(line, delimiter)
    if delimiter is None and len(re.split(r"\s{2,}|\t", line.strip())) == width > 1:
        return True
    if width == 2 == found and _is_note(*line.split(delimiter)):
        return False
    if found == width or width == 2:
        return found == width
    return found > 2 and (abs(found - width) == 1 or _mostly_numbers(line, delimiter))


def _is_note(name: str, value: str) -> bool:
    """Whether two cells are a setting: "Excitation wavelength (nm)", "785"."""
    is_number = number(value) is not None and value.strip() != ""
    return is_number and name.strip() != "" and axis_rank(name.strip(' "')) is None


def _width(line: str, delimiter: str | None) -> int:
    return len(line.split()) if delimiter is None else line.count(delimiter) + 1


def _filled(line: str, delimiter: str | None) -> list[str]:
    """The cells of a line without blank ones at its end."""
    return (
        [] if not line.strip() else line.rstrip(f"{delimiter or ''} ").split(delimiter)
    )


def _mostly_numbers(line: str, delimiter: str | None) -> bool:
    cells = line.split(delimiter)
    return 2 * sum(bool(_STARTS_WITH_NUMBER.match(c)) for c in cells) >= len(cells)


def _is_tail(lines: list[str], delimiter: str | None, width: int) -> bool:
    """Whether lines below the last row of numbers are no rows with errors."""
    if any(_STARTS_WITH_NUMBER.match(line) for line in lines[:1]):
        return False
    wide = [_width(line, delimiter) == width for line in lines]
    return not any(wide if width > 2 else wide[:1])


def _only_units(cells: list[str]) -> bool:
    """Whether a line is one of units: "[nm]; [counts]"."""
    return bool(cells) and unit_of(cells[0]) is not None


def delimiter_of(lines: list[str]) -> str | None:
    """The delimiter that the last lines share; None = runs of white space."""
    sample = lines[-SAMPLED_LINES:]
    if not sample:
        return None
    if all("\t" in line for line in sample):
        return "\t"
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
    width = max((len(row) for row in rows[-SAMPLED_LINES:]), default=0)
    for i, row in enumerate(rows):
        numbers = sum(bool(re.search(r"\d", cell)) for cell in row[1:])
        if len(row) >= width or (len(row) > 2 and 2 * numbers > len(row)):
            return i
        if len(row) == 1 and i + 1 == len(rows):
            return i
    return 0
