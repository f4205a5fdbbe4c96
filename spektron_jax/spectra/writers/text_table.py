"""Spectra of one instrument as delimited text: a row for each sample.

    # spektron_jax spectra
    # unit: nm                                      (`own_notes`)
    sample,protein (%),species,1100.0,1102.0
    a,11.2,wheat,0.312,0.315

A file from elsewhere is made safe for spreadsheets as all tables are (`tables`).

n = samples, k = targets, p = points.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from spektron_jax.errors import SpektronError
from spektron_jax.spectra.own_notes import lines_of
from spektron_jax.spectra.readers.cells import name_and_unit
from spektron_jax.spectra.spectra_set import SpectraSet
from spektron_jax.spectra.tables import write_table

DELIMITERS = (",", ";", "\t")
_LOOKS_LIKE_THOUSANDS = re.compile(r"-?\d{1,3},\d{3}")


def write(path: Path, spectra: SpectraSet, delimiter: str, decimal: str) -> None:
    """Write the only instrument of a set; see the top."""
    if delimiter not in DELIMITERS or decimal not in (".", ","):
        raise SpektronError(
            f"delimiter {delimiter!r}, decimal {decimal!r}: the delimiter is ',', ';' "
            "or a tab, the decimal mark '.' or ','"
        )
    if delimiter == decimal:
        raise SpektronError("delimiter and decimal are both ','; give delimiter=';'")
    (name,) = spectra.instruments
    rows = (list(map(_in_one_line, row)) for row in cells_of(spectra, name))
    if decimal == ",":
        rows = ([_with_comma(cell) for cell in row] for row in rows)
    write_table(path, rows, delimiter=delimiter, notes=lines_of(spectra, name))


def cells_of(spectra: SpectraSet, name: str) -> Iterator[list[str | float]]:
    """Rows of the table of one instrument, header first, of text and of numbers.

    Numbers are shortest decimals that give the float32 back; a missing one is "".
    """
    one = spectra.instruments[name]
    targets = zip(spectra.target_names, spectra.target_units, strict=True)
    yield [
        *("sample", *(_header(*target) for target in targets), *spectra.labels),
        *map(float, one.axis),
    ]
    for i, sample in enumerate(spectra.sample_ids.tolist()):
        yield [
            sample,
            *map(_number, spectra.targets[i]),
            *(str(values[i]) for values in spectra.labels.values()),
            *map(_number, one.spectra[i]),
        ]


def _header(name: str, unit: str) -> str:
    """A name that `name_and_unit` takes apart again: "protein (dry) ()"."""
    return f"{name} ({unit})" if unit or name_and_unit(name)[0] != name else name


def _number(value: np.float32) -> str | float:
    return "" if np.isnan(value) else float(str(value))


def _in_one_line(cell: str | float) -> str | float:
    """Text without line ends, which few readers take inside a cell."""
    return " ".join(cell.splitlines()) if isinstance(cell, str) else cell


def _with_comma(cell: str | float) -> str:
    """A number with a decimal comma that cannot be one of thousands: "1,2340"."""
    if isinstance(cell, str):
        return cell
    text = repr(cell).replace(".", ",")
    return f"{text}0" if _LOOKS_LIKE_THOUSANDS.fullmatch(text) else text
