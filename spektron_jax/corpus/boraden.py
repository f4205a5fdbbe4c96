"""The tables of QM9S, ir_boraden.csv and raman_boraden.csv, to the file of `qm9s`.

Each table (8 GB: a header of 3,501 wavenumbers, then row number and values) is read
once for its checksum and number of rows, then streamed.

Guards: every row has its own number, all its values, and none infinite; rows of zeros
mean "no spectrum" and are counted. With a list of SMILES, molecules with triple bonds
must show their band (`published`), else rows are shifted.
"""

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from spektron_jax.corpus.published import checksum_and_lines, convert_spectra
from spektron_jax.errors import SpektronError


def convert(given: ConfigDict, target: Path) -> Path:
    """Convert as config.convert says; return the file written."""
    return convert_spectra(_Tables(given), target, given.points, given.progress)


class _Tables:
    """Both tables, as `published.PublishedSpectra`."""

    def __init__(self, given: ConfigDict):
        self.paths = {k: Path(given[k]) for k in ("ir", "raman") if given[k]}
        if not self.paths:
            raise SpektronError(
                "config.convert.ir and .raman: give ir_boraden.csv, raman_boraden.csv"
            )
        sums = {
            k: checksum_and_lines(path, given.progress)
            for k, path in self.paths.items()
        }
        self.checksums = {kind: digest for kind, (digest, _) in sums.items()}
        self.rows = max(lines for _, lines in sums.values()) - 1
        self._smiles = _smiles(given.smiles, self.rows)
        self.has_smiles = self._smiles is not None
        self.extra: dict[str, np.ndarray] = {}
        axes = [_header(path) for path in self.paths.values()]
        self.axis_cm1 = axes[0]
        if any(not np.array_equal(self.axis_cm1, other) for other in axes):
            raise SpektronError("ir and raman tables have different wavenumbers")

    def molecules(self, start: int) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
        """Yield (SMILES or row, spectra) from row `start`; a table may end earlier."""
        size = self.axis_cm1.size
        tables = {k: _spectra(path, size, start) for k, path in self.paths.items()}
        for i in range(start, self.rows):
            found = {kind: next(table, None) for kind, table in tables.items()}
            name = f"row {i}" if self._smiles is None else self._smiles[i]
            yield name, {k: values for k, values in found.items() if values is not None}


def _smiles(path: str, rows: int) -> list[str] | None:
    """One SMILES a line, in the order of the rows."""
    if not path:
        return None
    try:
        smiles = Path(path).read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise SpektronError(f"{path}: cannot be read ({error})") from error
    if len(smiles) != rows:
        raise SpektronError(f"{path}: {len(smiles)} SMILES for {rows} rows of spectra")
    return smiles


def _header(path: Path) -> np.ndarray:
    with path.open("rb") as file:
        cells = file.readline().decode("utf-8", "replace").strip().split(",")
    try:
        axis = np.array([float(cell) for cell in cells[1:]])
    except ValueError as error:
        raise SpektronError(f"{path}: line 1: {error}; wavenumbers expected") from error
    if cells[0].strip() or axis.size < 2 or not (np.diff(axis) > 0).all():
        raise SpektronError(
            f"{path}: line 1: must be an empty cell and wavenumbers that increase"
        )
    return axis


def _spectra(path: Path, points: int, start: int) -> Iterator[np.ndarray]:
    """The rows of a table from `start` on, (points,) each."""
    with path.open("rb") as table:
        table.readline()
        number = 0
        while (line := table.readline()).strip():
            if number >= start:
                yield _row(line, path, number, points)
            number += 1


def _row(line: bytes, path: Path, number: int, points: int) -> np.ndarray:
    place = f"{path}: line {number + 2}"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            values = np.fromstring(line, sep=",")
        except (ValueError, DeprecationWarning) as error:
            raise SpektronError(f"{place}: text among the numbers") from error
    if values.size != points + 1:
        raise SpektronError(
            f"{place}: {values.size - 1} values, the header has {points}: cut off? "
            "Fetch the table again"
        )
    if values[0] != number:
        raise SpektronError(f"{place}: row number {values[0]:g}, expected {number}")
    if not np.isfinite(values).all():
        raise SpektronError(f"{place}: a value is not finite")
    return values[1:]
