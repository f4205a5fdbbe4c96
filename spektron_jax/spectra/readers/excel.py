"""Excel workbooks (.xlsx, .xlsm) through openpyxl, values only.

A workbook with one filled sheet is one table; with several, each sheet is an
instrument of that name. Formulas count with the value Excel last saved. openpyxl
3.1.5 was checked on workbooks written by itself, with numbers, text, gaps and formulas
without a saved value (which read as missing).
"""

import warnings
import zipfile
from pathlib import Path

from spektron_jax.errors import SpektronError
from spektron_jax.spectra.readers.parsed import Log, ParsedSpectra
from spektron_jax.spectra.readers.table import read_table

MAX_UNPACKED_BYTES = 2**31  # unpacked; a damaged or hostile archive can claim more


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


def _sheets(path: Path, log: Log) -> dict[str, tuple[list[list[str]], list[int]]]:
    """Return filled sheet -> (rows of one width, their numbers)."""
    try:
        import openpyxl
    except ImportError as error:
        raise SpektronError(
            "Excel files need the library openpyxl: install it with "
            "`pip install spektron_jax[files]`"
        ) from error
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > MAX_UNPACKED_BYTES:
            log.fail(
                "archive", f"unpacks to {size / 2**30:.1f} GiB; split the workbook"
            )
        sheets = _cells(openpyxl, path)
    except MemoryError:
        log.fail("workbook", "does not fit into memory; split it")
    except SpektronError:
        raise
    except Exception as error:  # a damaged archive fails in many ways inside openpyxl
        log.fail(
            "workbook", f"damaged or no Excel file ({type(error).__name__}: {error})"
        )
    sheets = {name: rows for name, rows in sheets.items() if rows}
    if not sheets:
        log.fail("workbook", "every sheet is empty")
    found = {}
    for name, rows in sheets.items():
        width = max(max(len(cells) for _, cells in rows), 1)
        table = [cells + [""] * (width - len(cells)) for _, cells in rows]
        found[name] = table, [number for number, _ in rows]
    return found


def _cells(openpyxl, path: Path) -> dict[str, list[tuple[int, list[str]]]]:
    """Sheet -> (row number, cells as text without empty ones at the end)."""
    # An open file, since openpyxl goes by the suffix of a name.
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # styles and extensions that values do not need
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        try:
            sheets: dict[str, list[tuple[int, list[str]]]] = {}
            for sheet in book.worksheets:
                rows = sheets.setdefault(sheet.title, [])
                for number, row in enumerate(sheet.iter_rows(values_only=True), 1):
                    cells = ["" if v is None else _text(v) for v in row]
                    while cells and not cells[-1].strip():
                        cells.pop()
                    if cells:
                        rows.append((number, cells))
            return sheets
        finally:
            book.close()


def _text(value: object) -> str:
    return repr(value) if type(value) is float else str(value)
