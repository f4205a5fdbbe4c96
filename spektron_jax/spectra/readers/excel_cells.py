"""Cells of a sheet as text, as a person sees them in Excel.

Per cent: a cell with 0.011 that shows as 1.1 % is 1.1 below a header that names %; the
sign may also be mere text of the format, as in `0.0"%"`. Merged: one value of several
rows counts for each of them. Numbers that are stored as text may have decimal commas,
as in CSV; names and remarks keep theirs.
"""

import re
import zipfile

from spektron_jax.spectra.readers.cells import MIN_POSITIONS, is_axis, positions
from spektron_jax.spectra.readers.decimals import (
    Columns,
    columns_of,
    has_plain_comma,
    may_be_number,
    without_commas,
)
from spektron_jax.spectra.readers.parsed import Log

MAX_BLANK_ROWS = 2**18  # one after the other; a second of looking through them
MAX_GAPS = 10**6  # empty cells that a sheet may have, if most of it is empty
MAX_GAP_SHARE = 50  # empty cells for each filled one beyond that
_MERGED = re.compile(
    rb'<(?:\w+:)?mergeCell\s[^>]*ref="([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})"'
)
# Of a format of numbers: texts, single characters, blanks of a width, colours.
_LITERAL = re.compile(r'"[^"]*"|\\.|[_*].|\[[^\]]*\]')
_CONDITION = re.compile(r"\[[<>=]")

Rows = list[list[str]]
Sheet = tuple[Rows, list[int]]  # rows of one width, and their numbers


def merged_columns(archive: zipfile.ZipFile, path: str) -> dict[tuple[int, int], int]:
    """Merged cells of one column: (first row, column) -> last row, as of Excel, from 1.

    Args:
      archive: the workbook
      path: of the sheet in it
    """
    found = {}
    for first, top, last, bottom in _MERGED.findall(archive.read(path)):
        if first == last and int(top) < int(bottom):
            column = 0
            for letter in first:
                column = 26 * column + letter - 64
            found[int(top), column] = int(bottom)
    return found


def filled(sheet, merged: dict[tuple[int, int], int], log: Log) -> Sheet:
    """The rows that hold something, all as wide as the widest."""
    # The size that a sheet states is not to be relied on.
    sheet.reset_dimensions()
    place = f"sheet {sheet.title!r}"
    rows: list[list[object]] = []
    numbers: list[int] = []
    shown = _Shown(merged, log, place)
    seen, count, width = 0, 0, 0
    for index, row in enumerate(sheet.iter_rows(), 1):
        seen += len(row)
        cells = shown.values(index, row)
        while cells and not _text(cells[-1]).strip():
            cells.pop()
        if cells:
            rows.append(cells)
            numbers.append(index)
            count += sum(cell is not None and cell != "" for cell in cells)
            width = max(width, len(cells))
        most = max(MAX_GAPS, MAX_GAP_SHARE * count)
        blank_rows = index - (numbers[-1] if numbers else 0)
        if blank_rows > MAX_BLANK_ROWS or max(seen, width * len(rows)) > most:
            log.fail(
                f"{place}, row {index}",
                "nearly all cells so far are empty; delete the cells far from the "
                "table",
            )
    table = [cells + [None] * (width - len(cells)) for cells in rows]
    return _with_points(table, [f"{place}, row {n}" for n in numbers], log), numbers


class _Shown:
    """Values of rows, one after the other, as Excel shows them."""

    def __init__(self, merged: dict[tuple[int, int], int], log: Log, place: str):
        self._merged, self._log, self._place = merged, log, place
        self._open: dict[int, tuple[int, object]] = {}  # column -> last row, value
        self._heads: dict[int, str] = {}  # column -> the last text in it
        self._told: set[int] = set()
        self._has_axis = False  # a row of positions was seen

    def values(self, index: int, row: tuple) -> list[object]:
        """Values of a row, None for an empty cell."""
        values = [cell.value for cell in row]
        if not self._has_axis:
            known = positions(list(map(_text, values)))[0]
            self._has_axis = is_axis(known[known == known])
            if self._has_axis:  # what stands above positions is a title
                for j, value in enumerate(values):
                    if type(value) in (int, float) and not _shows_per_cent(row[j]):
                        self._heads.pop(j, None)
        for j, value in enumerate(values):
            if isinstance(value, str):
                self._heads[j] = value
            elif "%" in self._heads.get(j, "") and _shows_per_cent(row[j]):
                values[j] = self._per_cent(j, float(value))
        if self._merged:
            self._spread(index, values)
        return values

    def _per_cent(self, column: int, value: float) -> float:
        shown = float(f"{100 * value:.15g}")
        if column not in self._told:
            self._told.add(column)
            text = f"{self._heads[column]!r} read as shown in per cent: {value:g} as "
            self._log.note(self._place, f"{text}{shown:g}")
        return shown

    def _spread(self, index: int, values: list[object]) -> None:
        """Fill in the merged cells of a row; not those of titles and headers."""
        several = sum(type(value) in (int, float) for value in values) >= MIN_POSITIONS
        for j, (last, value) in list(self._open.items()):
            if index > last:
                del self._open[j]
            elif type(value) in (int, float) or several:
                values += [None] * (j + 1 - len(values))
                values[j] = value
        for j, value in enumerate(values):
            last = self._merged.get((index, j + 1), 0)
            if last and value is not None and (type(value) is not str or several):
                self._open[j] = last, value
                text = f"merged cells of column {j + 1}, rows {index} to {last}: "
                self._log.note(self._place, f"{text}{value} counts for each of them")


def _shows_per_cent(cell) -> bool:
    """Whether a cell shows its number in per cent: a hundred times what it holds."""
    value = cell.value
    if type(value) not in (int, float) or "%" not in cell.number_format:
        return False
    parts = _LITERAL.sub("", cell.number_format).split(";")
    if _CONDITION.search(cell.number_format):
        return all("%" in part for part in parts)
    index = 1 if value < 0 else 2 if value == 0 else 0
    return "%" in (parts[index] if index < len(parts) else parts[0])


def _with_points(table: list[list[object]], places: list[str], log: Log) -> Rows:
    """Cells as text; numbers that are stored as text get decimal points."""
    rows = [[_text(value) for value in row] for row in table]
    stored = [
        [value if isinstance(value, str) else "" for value in row] for row in table
    ]
    if not any("," in cell for row in stored for cell in row):
        return rows
    left = min(j for row in rows for j, cell in enumerate(row) if cell.strip())
    top, columns = _header([row[left:] for row in rows])
    columns = Columns(*({left + j for j in one} for one in columns))
    numeric = {
        j
        for j in range(left + 1, len(rows[0]))
        if j in columns.spectra or _holds_numbers(stored, rows, j, top)
    } - columns.ids
    numeric |= columns.spectra & {left}
    bare = [
        [cell if j in numeric else "" for j, cell in enumerate(row)]
        for row in stored[top:]
    ]
    pointed = without_commas(bare, places[top:], "\t", log, columns)
    return rows[:top] + [
        [new or old for new, old in zip(*pair, strict=True)]
        for pair in zip(pointed, rows[top:], strict=True)
    ]


def _header(rows: Rows) -> tuple[int, Columns]:
    """The row of positions or of names, and what the columns of a sheet hold."""
    ids = set(columns_of(rows[0]).ids)
    for i, row in enumerate(rows):
        columns = columns_of(row)
        if columns.spectra and sum(bool(cell.strip()) for cell in row) > 1:
            ids |= columns.ids
            return i, Columns(ids, columns.spectra - ids)
    return 0, Columns(ids)


def _holds_numbers(stored: Rows, rows: Rows, column: int, top: int) -> bool:
    """Whether a column holds numbers alone below its header, and a plain comma."""
    cells = [row[column] for row in rows[top:] if row[column].strip()]
    while cells and not may_be_number(cells[0]):
        del cells[0]
    commas = any(has_plain_comma(row[column]) for row in stored[top:])
    return commas and all(map(may_be_number, cells))


def _text(value: object) -> str:
    if value is None:
        return ""
    return repr(value) if type(value) is float else str(value)
