"""Spectra as an Excel workbook: a sheet for each instrument, laid out as text is.

Text is stored as text, so that none of it is a formula. openpyxl writes it.
"""

import io
import re
from pathlib import Path

import numpy as np

from spektron_jax.errors import SpektronError
from spektron_jax.spectra.own_notes import lines_of
from spektron_jax.spectra.spectra_set import SpectraSet
from spektron_jax.spectra.writers.text_table import cells_of

MAX_COLUMNS, MAX_ROWS, MAX_TITLE = 16384, 1048576, 31  # of Excel
_NO_TITLE = re.compile(r"[\[\]:*?/\\\x00-\x1f]")
_NO_CELL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")  # no part of XML


def write(path: Path, spectra: SpectraSet) -> None:
    """Write every instrument of a set to a sheet of its own."""
    from openpyxl import Workbook

    notes = {name: lines_of(spectra, name) for name in spectra.instruments}
    for name, lines in notes.items():
        _check_size(spectra, name, len(lines))
    book = Workbook(write_only=True)
    titles: set[str] = set()
    for name, lines in notes.items():
        title = _title(name, titles)
        titles.add(title.lower())
        sheet = book.create_sheet(title)
        for line in lines:
            sheet.append([_cell(sheet, line)])
        for row in cells_of(spectra, name):
            sheet.append([_cell(sheet, value) for value in row])
    whole = io.BytesIO()  # a disk that is full would leave openpyxl's files open
    book.save(whole)
    path.write_bytes(whole.getbuffer())


def _title(name: str, taken: set[str]) -> str:
    """The name as Excel allows it, once; the notes above the table have the whole."""
    title = _NO_TITLE.sub("_", name)[:MAX_TITLE].strip("'") or "spectra"
    number = 2
    while title.lower() in taken:
        tail = f" {number}"
        title, number = f"{title[: MAX_TITLE - len(tail)]}{tail}", number + 1
    return title


def _check_size(spectra: SpectraSet, name: str, notes: int) -> None:
    beside = 1 + len(spectra.target_names) + len(spectra.labels)
    rows, columns = (
        notes + 1 + len(spectra),
        beside + spectra.instruments[name].axis.size,
    )
    if rows > MAX_ROWS or columns > MAX_COLUMNS:
        raise SpektronError(
            f"instrument {name!r}: {rows} rows of {columns} columns are more than an "
            f"Excel sheet holds ({MAX_ROWS} and {MAX_COLUMNS}); write .csv or .h5"
        )


def _cell(sheet, value: str | float):
    from openpyxl.cell import WriteOnlyCell

    if not isinstance(value, str):
        return value if np.isfinite(value) else None
    if not value:
        return None
    cell = WriteOnlyCell(sheet, _NO_CELL.sub(" ", value))
    cell.data_type = "s"
    return cell
