"""Commas and points in numbers: of decimals, or of thousands.

A comma before three digits can be either: "45,123". Another comma of the table decides
it: "0,3", "1100,50" and the position "1100,5 nm" are decimals, "1,234.5" and
"1,234,567" thousands. Where none does, the two readings differ a thousandfold, and the
table is refused.

So it is with points: "1.234,5" and "1.234.567" are thousands, and so is "1.234" where
commas are decimal. Elsewhere "1.234" is a decimal, but refused in a column with "987"
and without any other number of decimals in the table. "12 345,6" and "12'345.6" are
thousands always.
"""

import re

import numpy as np

from spektron_jax.spectra.readers.cells import positions
from spektron_jax.spectra.readers.layout import ID_NAME
from spektron_jax.spectra.readers.parsed import Log

_COMMA = re.compile(r"\s*[-+]?\d*,\d+(?:[eEdD][-+]?\d+)?\s*")
_WITH_COMMA = re.compile(r"\s*[-+]?(?:\d+,\d*|,\d+)(?:[eEdD][-+]?\d+)?\s*")  # "7,"
_POINT = re.compile(r"\s*[-+]?\d*\.\d+(?:[eEdD][-+]?\d+)?\s*")
_EITHER = re.compile(r"\s*[-+]?[1-9]\d{0,2},\d{3}\s*")
_THOUSANDS = re.compile(r"\s*[-+]?[1-9]\d{0,2}(?:(?:,\d{3})+\.\d+|(?:,\d{3}){2,})\s*")
_DOTTED = re.compile(r"\s*[-+]?[1-9]\d{0,2}\.\d{3}\s*")  # "1.234"
_DOTS = re.compile(r"\s*[-+]?[1-9]\d{0,2}(?:(?:\.\d{3})+,\d+|(?:\.\d{3}){2,})\s*")
_HUNDREDS = re.compile(r"\s*[-+]?[1-9]\d{2}\s*")
_OF_THREE = re.compile(r".*\.(?:333|667|666)\s*")  # a mean of three counts
_GAP = 3.0  # times: integers of hundreds beside decimals that are smaller
_GROUPED = re.compile(
    r"\s*[-+]?[1-9]\d{0,2}([ \u00a0\u2009\u202f'’])\d{3}(?:\1\d{3})*(?:[.,]\d+)?\s*"
)
_GROUP = re.compile(r"\d[ \u00a0\u2009\u202f'’]\d{3}(?!\d)")
_POINTS_OF_THOUSANDS = "points taken as separators of thousands, as in "

DECIMAL_COMMAS = "decimal commas"
Rows = list[list[str]]


def without_commas(
    rows: Rows, places: list[str], delimiter: str | None, log: Log
) -> Rows:
    """Return cells whose numbers hold decimal points and no commas; see the top."""
    if delimiter is not None:
        rows = _without_groups(rows, log)
    # The place and cell of the first.
    either = decimal = point = thousands = dotted = dots = None
    for row, place in zip(rows, places, strict=True):
        if "," not in "".join(row) and (point or "." not in "".join(row)):
            continue
        for cell in row:
            if "." in cell and _DOTS.fullmatch(cell):
                dots = dots or (place, cell.strip())
                decimal = decimal or (dots if "," in cell else None)
            elif "," not in cell:
                if _DOTTED.fullmatch(cell):
                    dotted = dotted or (place, cell.strip())
                elif point is None and _POINT.fullmatch(cell):
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
        if dots or dotted:
            shown = (dots or dotted or ("", ""))[1]
            log.note("table", f"{_POINTS_OF_THOUSANDS}{shown!r}")
            rows = _replaced(_replaced(rows, _DOTS, "", "."), _DOTTED, "", ".")
        log.note("table", f"{DECIMAL_COMMAS}, as in {decimal[1]!r}")
        header = [
            cell.replace(",", ".") if _is_position(cell) else cell for cell in rows[0]
        ]
        return _replaced([header, *rows[1:]], _WITH_COMMA, ".")
    if thousands or (either and (point or dotted)):
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
    if dots and not point:
        log.note("table", f"{_POINTS_OF_THOUSANDS}{dots[1]!r}")
        return _replaced(_replaced(rows, _DOTS, "", "."), _DOTTED, "", ".")
    if dotted and not point and delimiter != ",":
        _refuse_mixed(rows, places, log)
    return rows


def _refuse_mixed(rows: Rows, places: list[str], log: Log) -> None:
    """Refuse a column of "1.234" and "987", which has no other decimals."""
    for j in range(min(map(len, rows))):
        cells = [row[j] for row in rows[1:]]
        three = [i for i, cell in enumerate(cells) if _DOTTED.fullmatch(cell)]
        whole = [cell for cell in cells if _HUNDREDS.fullmatch(cell)]
        if not (three and whole) or all(_OF_THREE.fullmatch(cells[i]) for i in three):
            continue
        smaller = np.median([abs(float(cells[i])) for i in three])
        if smaller * _GAP < np.median([abs(float(cell)) for cell in whole]):
            cell = cells[three[0]].strip()
            log.fail(
                f"{places[three[0] + 1]} ({rows[0][j].strip()})",
                f"{cell!r} in a column with {whole[0].strip()!r} is {cell} or "
                f"{cell.replace('.', '')}; write thousands without a point, or the "
                "whole column with as many decimals",
            )


def _without_groups(rows: Rows, log: Log) -> Rows:
    """Cells without blanks and apostrophes between thousands, except in ids."""
    found, shown = list[list[str]](), ""
    named = [bool(cell.strip() and ID_NAME.fullmatch(cell.strip())) for cell in rows[0]]
    for row in rows:
        if found and _GROUP.search("\n".join(row)):
            row = list(row)
            for j, cell in enumerate(row):
                group = _GROUPED.fullmatch(cell)
                if group and not (j < len(named) and named[j]):
                    shown, row[j] = shown or cell.strip(), cell.replace(group[1], "")
        found.append(row)
    if shown:
        log.note("table", f"{shown!r} and alike taken as numbers with thousands apart")
    return found


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


def _replaced(rows: Rows, pattern: re.Pattern, by: str, sign: str = ",") -> Rows:
    return [
        [
            cell.replace(sign, by) if sign in cell and pattern.fullmatch(cell) else cell
            for cell in row
        ]
        for row in rows
    ]
