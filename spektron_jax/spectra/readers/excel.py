"""Excel workbooks (.xlsx, .xlsm) through openpyxl, values only.

A workbook with one table is one instrument; with several, each sheet is an instrument
of that name. A sheet is searched for its table as text is: notes may stand above it. A
sheet without numbers is notes. Formulas count with the value Excel last saved; one
without is an error. openpyxl 3.1.5 was checked on workbooks written by itself, with
numbers, text, gaps and formulas.
"""

import warnings
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from spektron_jax.errors import SpektronError
from spektron_jax.spectra.limits import check_claim
from spektron_jax.spectra.own_notes import taken_from
from spektron_jax.spectra.readers.cells import MIN_POSITIONS, number
from spektron_jax.spectra.readers.excel_cells import Sheet, filled, merged_columns
from spektron_jax.spectra.readers.find_table import find_table
from spektron_jax.spectra.readers.parsed import Log, ParsedSpectra, apply
from spektron_jax.spectra.readers.table import read_table
from spektron_jax.spectra.readers.text_notes import hints

MAX_XML_BYTES = 2**24  # that any workbook may unpack to; 3 s of parsing


def read(path: Path, log: Log, modality: str | None) -> list[ParsedSpectra]:
    """Return the spectra of each sheet that holds a table."""
    sheets = _sheets(path, log)
    parts: list[ParsedSpectra] = []
    comments = []
    for name, sheet in sheets.items():
        if not any(map(_has_numbers, (*sheet[0], *zip(*sheet[0], strict=True)))):
            log.note(f"sheet {name!r}", "holds no numbers; left out as notes")
            comments += [" ".join(filter(None, row)) for row in sheet[0]]
            continue
        own = Log(log.path, log.strict, log.unit)
        try:
            found, notes = _read_sheet(name, sheet, own, modality)
        except SpektronError as error:
            text = str(error).removeprefix(f"{path}: ")
            if f"sheet {name!r}" not in text:
                text = f"sheet {name!r}: {text}"
            if len(sheets) == 1:
                raise SpektronError(f"{path}: {text}") from error
            log.error(f"sheet {name!r}", text.removeprefix(f"sheet {name!r}: "))
            continue
        log.problems += own.problems
        log.notes += own.notes
        comments += notes
        for part in found:
            if not part.named:
                part.name = name if len(found) == 1 else f"{name} {part.name}"
            part.axis_place = f"sheet {name!r}, {part.axis_place}"
        parts += found
    for part in parts:
        if comments:
            part.metadata["comments"] = "\n".join(comments)
    return parts


def _read_sheet(
    name: str, sheet: Sheet, log: Log, modality: str | None
) -> tuple[list[ParsedSpectra], list[str]]:
    """(spectra of a sheet, the notes around its table), found as in tabbed text."""
    rows = [[" ".join(cell.split()) for cell in row] for row in sheet[0]]
    lines = ["\t".join(row).rstrip("\t") for row in rows]
    places = [f"sheet {name!r}, row {number}" for number in sheet[1]]
    own, _ = taken_from(lines)
    log.text_columns = own.labels
    table = find_table(lines, places, log, "\t")
    width = max(map(len, table.rows), default=0)
    cells = [row + [""] * (width - len(row)) for row in table.rows]
    kept = [j for j in range(width) if any(row[j] for row in cells)]
    cells = [[row[j] for j in kept] for row in cells]
    parts = read_table(cells, table.places, log, modality)
    notes = taken_from(table.notes)[1]
    unit, quantity = hints(notes)
    for part in parts:
        part.unit_hint, part.quantity_hint = unit, quantity
        apply(own, part)
    return parts, notes


def _has_numbers(cells: Iterable[str]) -> bool:
    """Whether a row or a column holds as many numbers as an axis has at least."""
    known = sum(bool(cell) and number(cell) is not None for cell in cells)
    return known >= MIN_POSITIONS


def read_cells(path: Path, log: Log) -> tuple[list[list[str]], list[str]]:
    """Return the cells of a workbook's only filled sheet and its rows' places."""
    sheets = _sheets(path, log)
    if len(sheets) > 1:
        listed = ", ".join(map(repr, sheets))
        log.fail("workbook", f"the sheets {listed} are filled; keep the table alone")
    ((table, numbers),) = sheets.values()
    return table, [f"row {number}" for number in numbers]


def _sheets(path: Path, log: Log) -> dict[str, Sheet]:
    """Return filled sheet -> (rows of one width, their numbers)."""
    import openpyxl

    try:
        _check_archive(path, log)
        sheets = _cells(openpyxl, path, log)
    except SpektronError:
        raise
    except Exception as error:  # a damaged archive fails in many ways inside openpyxl
        log.fail(
            "workbook", f"damaged or no Excel file ({type(error).__name__}: {error})"
        )
    sheets = {name: sheet for name, sheet in sheets.items() if sheet[0]}
    if not sheets:
        log.fail("workbook", "every sheet is empty")
    return sheets


def _check_archive(path: Path, log: Log) -> None:
    """Refuse what unpacks to far more than its size, and entities of XML."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        size = sum(member.file_size for member in members)
        check_claim(f"{path}: workbook", size, path.stat().st_size, MAX_XML_BYTES)
        for member in members:
            if member.filename.endswith((".xml", ".rels")):
                with archive.open(member) as file:
                    if b"<!DOCTYPE" in file.read(1024).upper():
                        text = "holds XML with definitions of its own, which Excel "
                        log.fail(member.filename, text + "never writes; save it anew")


def _cells(openpyxl, path: Path, log: Log) -> dict[str, Sheet]:
    """Sheet -> (rows of text, their numbers), without empty rows."""
    # An open file, since openpyxl goes by the suffix of a name.
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # styles and extensions that values do not need
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        try:
            sheets = {
                sheet.title: _filled(sheet, file, log) for sheet in book.worksheets
            }
        finally:
            book.close()
        if any("" in row for rows, _ in sheets.values() for row in rows):
            file.seek(0)
            book = openpyxl.load_workbook(file, read_only=True)
            try:
                for sheet in book.worksheets:
                    _check_formulas(sheet, sheets[sheet.title], log)
            finally:
                book.close()
    return sheets


def _filled(sheet, file: BinaryIO, log: Log) -> Sheet:
    """The filled rows of a sheet, as they are shown."""
    with zipfile.ZipFile(file) as archive:
        merged = merged_columns(archive, sheet._worksheet_path)
    return filled(sheet, merged, log)


def _check_formulas(sheet, found: Sheet, log: Log) -> None:
    """An error for cells that hold a formula and no value."""
    values = dict(zip(found[1], found[0], strict=True))
    sheet.reset_dimensions()
    bare: dict[int, list[str]] = {}
    for row, cells in enumerate(sheet.iter_rows(), 1):
        for column, cell in enumerate(cells):
            if getattr(cell, "data_type", "") != "f":
                continue
            known = values.get(row, [])
            if column >= len(known) or not known[column]:
                bare.setdefault(row, []).append(cell.coordinate)
    for row, names in bare.items():
        text = f"formulas without a stored result in {', '.join(names[:5])}"
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        text = f"{text}{more}; open and save the workbook in Excel"
        if log.strict:
            log.error(f"sheet {sheet.title!r}, row {row}", text)
        log.warning(f"sheet {sheet.title!r}, row {row}", text)
