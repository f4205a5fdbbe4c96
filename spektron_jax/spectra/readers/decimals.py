"""Commas and points in numbers: of decimals, or of thousands.

A comma before three digits can be either: "45,123". Another comma of the table decides
it: "0,3", "1100,50" and the position "1100,5 nm" are decimals, "1,234.5" and
"1,234,567" thousands. Where none does, the two readings differ a thousandfold, and the
table is refused.

So it is with points and blanks: "1.234,5", "12 345,6" and "12'345.6" are thousands. So
are "1.234" where commas are decimal, "1.234.567" and "12 345", but outside of spectra
only in a column that is not all of one form, since "24 100" may be a name. Elsewhere
"1.234" is a decimal; it is refused in a column that it continues as thousands only
("950", "987", "1.012", "1.234"). The ids of samples keep points and blanks.
"""

import re
from typing import NamedTuple

import numpy as np

from spektron_jax.spectra.axis_words import unit_of
from spektron_jax.spectra.readers.cells import is_axis, is_count, number, positions
from spektron_jax.spectra.readers.layout import AXIS_NAME, ID_NAME
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
_FROM_1000 = re.compile(r"\s*[-+]?[1-9]\d{3,}\s*")
_GAP = 3.0  # times: integers of hundreds beside decimals that are smaller
_APART = " \u00a0\u2009\u202f'’"
_GROUPED = re.compile(
    rf"\s*[-+]?[1-9]\d{{0,2}}([{_APART}])\d{{3}}(?:\1\d{{3}})*(?:[.,]\d+)?\s*"
)
_GROUP = re.compile(rf"\d[{_APART}]\d{{3}}(?!\d)")
_POINTS_OF_THOUSANDS = "points taken as separators of thousands, as in "

DECIMAL_COMMAS = "decimal commas"
Rows = list[list[str]]


class Columns(NamedTuple):
    """Columns of a table: `ids` of samples, `spectra` with positions and values."""

    ids: set[int] = set()
    spectra: set[int] = set()


def columns_of(header: list[str]) -> Columns:
    """Columns of a table of spectra, as its header tells them."""
    plain = list(map(_plain_position, header))
    ids = {j for j, cell in enumerate(plain) if cell and ID_NAME.fullmatch(cell)}
    if not plain:
        return Columns()
    top = positions(plain)[0]
    if not is_axis(top[~np.isnan(top)][:4]):  # else there may be no ids
        top[0] = np.nan
    known = top[~np.isnan(top)]
    names_axis = bool(unit_of(plain[0]) or AXIS_NAME.search(plain[0]))
    if not is_axis(known) or is_count(known):
        return Columns(ids, set(range(len(plain))) - ids if names_axis else set())
    spectra = set(np.flatnonzero(~np.isnan(top)).tolist())
    # "nm" may also stand above the names, for the positions beside it.
    return Columns(ids if names_axis else (ids | {0}) - spectra, spectra)


def without_commas(
    rows: Rows,
    places: list[str],
    delimiter: str | None,
    log: Log,
    columns: Columns | None = None,
) -> Rows:
    """Return cells whose numbers hold decimal points and no commas; see the top."""
    columns = columns or columns_of(rows[0] if rows else [])
    if delimiter is not None:
        rows = _without_groups(rows, columns, log)
    # The place and cell of the first; `named` of an id.
    either = decimal = point = thousands = dotted = dots = named = None
    for row, place in zip(rows, places, strict=True):
        if "," not in "".join(row) and (point or "." not in "".join(row)):
            continue
        for j, cell in enumerate(row):
            if "." in cell and j in columns.ids and _is_name(rows[0][j], cell):
                named = named or _POINT.fullmatch(cell)
            elif "." in cell and _DOTS.fullmatch(cell):
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
    pointed = rows
    if (decimal or not point) and (dots or (decimal and dotted)):
        pointed, left = _without_points(rows, columns)
        if decimal and left is not None:
            point = point or (places[left], "")
    if decimal and (point or thousands):
        where, cell = thousands or point  # type: ignore[misc]
        text = "a decimal point" if point else f"thousands in {cell!r}"
        log.fail(
            where,
            f"{text}, but {decimal[0]} has decimal commas; use one of them in the "
            "whole file",
        )
    changed = pointed != rows
    if decimal:
        if changed:
            shown = (dots or dotted or ("", ""))[1]
            log.note("table", f"{_POINTS_OF_THOUSANDS}{shown!r}")
        log.note("table", f"{DECIMAL_COMMAS}, as in {decimal[1]!r}")
        header = [_decimal_point(cell) for cell in pointed[0]]
        return _replaced([header, *pointed[1:]], _WITH_COMMA, ".")
    if thousands or (either and (point or dotted or named)):
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
    if dots and changed:
        log.note("table", f"{_POINTS_OF_THOUSANDS}{dots[1]!r}")
        return pointed
    if dotted and not point and delimiter != ",":
        _refuse_mixed(rows, places, columns, log)
    return rows


def _without_points(rows: Rows, columns: Columns) -> tuple[Rows, int | None]:
    """Cells without points between thousands; the first row where some may be left.

    The points of a column, of all spectra and of the header each need evidence there.
    """
    header, *body = rows
    width = min(map(len, rows))
    sure = {
        j
        for j in set(range(width)) - columns.ids - columns.spectra
        if _shows_thousands([row[j] for row in body], ".")
    }
    inside = [j for j in columns.spectra if j < width and j > 0]
    if _shows_thousands([row[j] for row in body for j in inside], "."):
        sure |= set(inside)
    if 0 in columns.spectra and _shows_thousands([row[0] for row in body], "."):
        sure.add(0)
    found, left = list[list[str]](), None
    for i, row in enumerate(rows):
        if "." in "".join(row):
            row = list(row)
            whole = i == 0 and any("," in c and _DOTS.fullmatch(c) for c in header)
            for j, cell in enumerate(row):
                if not (_DOTTED.fullmatch(cell) or _DOTS.fullmatch(cell)):
                    continue
                if whole or (i and j in sure):
                    row[j] = cell.replace(".", "")
                elif left is None and _DOTTED.fullmatch(cell):
                    if j not in columns.ids or not _is_name(header[j], cell):
                        left = i
        found.append(row)
    return found, left


def _shows_thousands(cells: list[str], sign: str) -> bool:
    """Whether cells are all numbers and not all of one form, as names may be.

    Args:
      cells: of a column, without its header.
      sign: between thousands: a point, or those of `_APART`.
    """
    forms = set[int]()
    for cell in map(str.strip, cells):
        value = number(cell)
        if value is None:
            if not may_be_number(cell):
                return False
        elif np.isnan(value) or (sign == "." and len(cell.strip("+-")) < 3):
            continue  # "1" may stand beside "1.012"
        decimals = "," in cell or ("." in cell and sign != ".")
        forms.add(-1 if decimals else sum(map(cell.count, sign)))
    return len(forms) > 1 or -1 in forms


def _refuse_mixed(rows: Rows, places: list[str], columns: Columns, log: Log) -> None:
    """Refuse columns in which "1.012" after "987" is nearer as thousands.

    Decimals are "1.250" and "2.500", which end with 0, and those beside "1000".
    """
    for j in sorted(set(range(min(map(len, rows)))) - columns.ids):
        cells = [row[j] for row in rows[1:]]
        three = [i for i, cell in enumerate(cells) if _DOTTED.fullmatch(cell)]
        whole = [cell for cell in cells if _HUNDREDS.fullmatch(cell)]
        if len(three) < 2 or not whole or any(map(_FROM_1000.fullmatch, cells)):
            continue
        if all(_OF_THREE.fullmatch(cells[i]) for i in three):
            continue
        if all(cells[i].strip().endswith("0") for i in three):
            continue
        small = [abs(float(cells[i])) for i in three]
        large = [abs(float(cell)) for cell in whole]
        if min(large) / max(small) > max(_GAP, 1000 * min(small) / max(large)):
            cell = cells[three[0]].strip()
            log.fail(
                f"{places[three[0] + 1]} ({rows[0][j].strip()})",
                f"{cell!r} in a column with {whole[0].strip()!r} is {cell} or "
                f"{cell.replace('.', '')}; write thousands without a point, or the "
                "whole column with as many decimals",
            )


def _without_groups(rows: Rows, columns: Columns, log: Log) -> Rows:
    """Cells without blanks and apostrophes between thousands, except in ids."""
    grouped = {
        j
        for row in rows
        if _GROUP.search("\n".join(row))
        for j, cell in enumerate(row)
        if _GROUPED.fullmatch(cell)
    }
    sure = grouped & columns.spectra
    for j in grouped - columns.ids - columns.spectra:
        if _shows_thousands([row[j] for row in rows[1:] if j < len(row)], _APART):
            sure.add(j)
    found, shown = list[list[str]](), ""
    for i, row in enumerate(rows):
        if sure and _GROUP.search("\n".join(row)):
            row = list(row)
            for j in sure & (columns.spectra if i == 0 else sure):
                group = _GROUPED.fullmatch(row[j]) if j < len(row) else None
                if group:
                    shown, row[j] = (
                        shown or row[j].strip(),
                        row[j].replace(group[1], ""),
                    )
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


def _is_name(header: str, cell: str) -> bool:
    """Whether a cell of an id's column is no property, such as 12.5 below "fat"."""
    return number(cell) is None or ID_NAME.fullmatch(header.strip()) is not None


def _plain_position(cell: str) -> str:
    """A cell of a header with a decimal point, if it is a position: "1.100,5"."""
    group = _GROUPED.fullmatch(cell)
    cell = cell.replace(group[1], "") if group else cell
    if _DOTS.fullmatch(cell):
        cell = cell.replace(".", "")
    return _decimal_point(cell).strip()


def _decimal_point(cell: str) -> str:
    return cell.replace(",", ".") if _is_position(cell) else cell


def may_be_number(cell: str) -> bool:
    """Whether a cell is a number, if its commas, points and blanks are sorted out."""
    forms = _GROUPED, _DOTS, _THOUSANDS, _WITH_COMMA
    return number(cell) is not None or any(form.fullmatch(cell) for form in forms)


def has_plain_comma(cell: str) -> bool:
    """Whether a cell has a comma that can be read in one way: not "45,123"."""
    return "," in cell and may_be_number(cell) and not _EITHER.fullmatch(cell)


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
