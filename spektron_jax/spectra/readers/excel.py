"""Excel workbooks (.xlsx, .xlsm) through openpyxl, values only.

A workbook with one table is one instrument; with several, each sheet is an instrument
of that name. A sheet is looked through as text is: notes may stand above and below the
table. A sheet without a table is notes when another one has one. Formulas count with
the value Excel last saved; one without is an error. openpyxl 3.1.5 was checked on
workbooks written by itself, with numbers, text, gaps and formulas.
"""

import warnings
import zipfile
from pathlib import Path

from spektron_jax.errors import SpektronError
from spektron_jax.spectra.limits import check_claim
from spektron_jax.spectra.readers.parsed import Log, ParsedSpectra
from spektron_jax.spectra.readers.table import read_table

MAX_XML_BYTES = 2**24  # that any workbook may unpack to; 3 s of parsing
MAX_ROWS = 2**20  # of a sheet; Excel's own limit
MAX_GAPS = 10**6  # empty cells that a sheet may have, if most of it is empty
MAX_GAP_SHARE = 50  # empty cells for each filled one beyond that

Sheet = tuple[list[list[str]], list[int]]  # rows of one width, and their numbers


def read(path: Path, log: Log, modality: str | None) -> list[ParsedSpectra]:
    """Return the spectra of each filled sheet."""
    sheets = _sheets(path, log)
    parts = []
    for name, (table, numbers) in sheets.items():
        place = f"sheet {name!r}, row " if len(sheets) > 1 else "row "
        places = [f"{place}{number}" for number in numbers]
        parts.append(read_table(table, places, log, modality))
        parts[-1].name = name
        if len(sheets) > 1:
            parts[-1].axis_place = f"sheet {name!r}, {parts[-1].axis_place}"
    return parts


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
    try:
        import openpyxl
    except ImportError as error:
        raise SpektronError(
            "Excel files need the library openpyxl: install it with "
            "`pip install spektron_jax[files]`"
        ) from error
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
            return {
                sheet.title: _filled(sheet.title, sheet, log)
                for sheet in book.worksheets
            }
        finally:
            book.close()


def _filled(name: str, sheet, log: Log) -> Sheet:
    """The rows that hold something, all as wide as the widest."""
    # The size that a sheet states is not to be relied on.
    sheet.reset_dimensions()
    rows: list[list[str]] = []
    numbers, seen, filled, width = [], 0, 0, 0
    for number, row in enumerate(sheet.iter_rows(values_only=True), 1):
        seen += len(row)
        cells = ["" if value is None else _text(value) for value in row]
        while cells and not cells[-1].strip():
            cells.pop()
        if cells:
            rows.append(cells)
            numbers.append(number)
            filled += sum(cell != "" for cell in cells)
            width = max(width, len(cells))
        most = max(MAX_GAPS, MAX_GAP_SHARE * filled)
        if number > MAX_ROWS or max(seen, width * len(rows)) > most:
            log.fail(
                f"sheet {name!r}, row {number}",
                "nearly all cells so far are empty; delete the cells far from the "
                "table",
            )
    return [cells + [""] * (width - len(cells)) for cells in rows], numbers


def _text(value: object) -> str:
    return repr(value) if type(value) is float else str(value)
