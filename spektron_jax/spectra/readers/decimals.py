"""Commas in numbers: of decimals, or of thousands.

A comma before three digits can be either: "45,123". Another comma of the table decides
it: "0,3", "1100,50" and the position "1100,5 nm" are decimals, "1,234.5" and
"1,234,567" thousands. Where none does, the two readings differ a thousandfold, and the
table is refused.
"""

import re

import numpy as np

from spektron_jax.spectra.readers.cells import positions
from spektron_jax.spectra.readers.parsed import Log

_COMMA = re.compile(r"\s*[-+]?\d*,\d+(?:[eEdD][-+]?\d+)?\s*")
_WITH_COMMA = re.compile(r"\s*[-+]?(?:\d+,\d*|,\d+)(?:[eEdD][-+]?\d+)?\s*")  # "7,"
_POINT = re.compile(r"\s*[-+]?\d*\.\d+(?:[eEdD][-+]?\d+)?\s*")
_EITHER = re.compile(r"\s*[-+]?[1-9]\d{0,2},\d{3}\s*")
_THOUSANDS = re.compile(r"\s*[-+]?[1-9]\d{0,2}(?:(?:,\d{3})+\.\d+|(?:,\d{3}){2,})\s*")

DECIMAL_COMMAS = "decimal commas"
Rows = list[list[str]]


def without_commas(
    rows: Rows, places: list[str], delimiter: str | None, log: Log
) -> Rows:
    """Return cells whose numbers hold decimal points and no commas; see the top."""
    either = decimal = point = thousands = None  # the place and cell of the first
    for row, place in zip(rows, places, strict=True):
        if "," not in "".join(row) and (point or "." not in "".join(row)):
            continue
        for cell in row:
            if "," not in cell:
                if point is None and _POINT.fullmatch(cell):
                    point = place, cell.strip()
            elif either is None and _EITHER.fullmatch(cell):
                either = place, cell.strip()
            elif thousands is None and _THOUSANDS.fullmatch(cell):
                thousands = place, cell.strip()
            elif decimal is None and not _EITHER.fullmatch(cell):
                if _COMMA.fullmatch(cell) or (row is rows[0] and _is_position(cell)):
                    decimal = place, cell.strip()
    if delimiter == ",":  # then only cells in quotation marks hold commas
        decimal = None
    if decimal and (point or thousands):
        where, cell = thousands or point  # type: ignore[misc]
        text = "a decimal point" if point else f"thousands in {cell!r}"
        log.fail(
            where,
            f"{text}, but {decimal[0]} has decimal commas; use one of them in the "
            "whole file",
        )
    if decimal:
        log.note("table", f"{DECIMAL_COMMAS}, as in {decimal[1]!r}")
        header = [
            cell.replace(",", ".") if _is_position(cell) else cell for cell in rows[0]
        ]
        return _replaced([header, *rows[1:]], _WITH_COMMA, ".")
    if thousands or (either and point):
        shown = (thousands or either or ("", ""))[1]
        log.note("table", f"commas taken as separators of thousands, as in {shown!r}")
        return _replaced(_replaced(rows, _THOUSANDS, ""), _EITHER, "")
    if either:
        place, cell = either
        log.fail(
            place,
            f"{cell!r} is {cell.replace(',', '.')} or {cell.replace(',', '')}; write "
            "decimal points, or thousands without a comma",
        )
    return rows


def with_points(cells: list[str]) -> list[str]:
    """Cells of a table with decimal commas, whose numbers get points."""
    return _replaced([cells], _WITH_COMMA, ".")[0]


def holds_thousands(cells: list[str]) -> bool:
    """Whether a cell has commas that cannot be decimal: "1,234,567"."""
    return any(cell.count(",") > 1 and _THOUSANDS.fullmatch(cell) for cell in cells)


def _is_position(cell: str) -> bool:
    """Whether a cell of a header is a position with a decimal comma: "1100,5 nm"."""
    if cell.count(",") != 1 or not cell.strip()[-1:].isalnum():
        return False
    return bool(np.isfinite(positions([cell.replace(",", ".")])[0][0]))


def _replaced(rows: Rows, pattern: re.Pattern, by: str) -> Rows:
    return [
        [
            cell.replace(",", by) if "," in cell and pattern.fullmatch(cell) else cell
            for cell in row
        ]
        for row in rows
    ]
