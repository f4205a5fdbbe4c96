"""The tables of QM9S, ir_boraden.csv and raman_boraden.csv, to the file of `qm9s`.

Each table (8 GB: a header of 3,501 wavenumbers, then row number and values) is read
once for its checksum and number of rows, then streamed in blocks.

Guards: every row has its own number, all its values, and none infinite; rows of zeros
mean "no spectrum" and are counted. With a list of SMILES, molecules with triple bonds
must show their band (`triple_bond`), else rows are shifted.
"""

import warnings
from pathlib import Path

import h5py
import numpy as np
from ml_collections import ConfigDict
from tqdm import tqdm

from spektron_jax.corpus import triple_bond
from spektron_jax.corpus.line_corpus import split_of
from spektron_jax.corpus.training_file import checksum, unfinished
from spektron_jax.errors import SpektronError
from spektron_jax.spectra.axis import resample
from spektron_jax.spectra.grid import pretraining_axis

BLOCK_ROWS = 512


def convert(given: ConfigDict, target: Path) -> Path:
    """Convert as config.convert says; return the file written."""
    tables = {k: Path(given[k]) for k in ("ir", "raman") if given[k]}
    if not tables:
        raise SpektronError(
            "config.convert.ir and .raman: give ir_boraden.csv, raman_boraden.csv"
        )
    sums = {name: checksum(path, given.progress) for name, path in tables.items()}
    rows = max(count for _, count in sums.values()) - 1
    smiles = _smiles(given.smiles, rows)
    axes = {name: _header(path) for name, path in tables.items()}
    axis = next(iter(axes.values()))
    if any(not np.array_equal(axis, other) for other in axes.values()):
        raise SpektronError("ir and raman tables have different wavenumbers")
    new_axis = axis
    if given.points:
        new_axis = pretraining_axis(axis[0], axis[-1], given.points)

    def lay_out(file: h5py.File) -> None:
        text = h5py.string_dtype("utf-8")
        for name, (source, _) in sums.items():
            data = file.create_dataset(name, (rows, new_axis.size), np.float32)
            data.attrs["source_sha256"] = source
            data.attrs["rows_done"], data.attrs["offset"], data.attrs["zeros"] = 0, 0, 0
        file["axis"] = new_axis
        keys = smiles if smiles is not None else [f"row {i}" for i in range(rows)]
        file.create_dataset("split", data=[split_of(key) for key in keys], dtype=text)
        if smiles is not None:
            file.create_dataset("smiles", data=smiles, dtype=text)

    mark = repr((sums, new_axis.size, smiles is not None))
    with unfinished(target, mark, lay_out) as file:
        for name, path in tables.items():
            zeros = _stream(file, name, path, axis, new_axis, given.progress)
            print(f"{path}: {zeros} of {rows} rows hold no spectrum")
        if smiles is not None and "raman" in tables:
            triple_bond.check_rows("smiles", file["raman"], new_axis, smiles)
    return target


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


def _stream(
    file: h5py.File,
    name: str,
    path: Path,
    axis: np.ndarray,
    new_axis: np.ndarray,
    progress: bool,
) -> int:
    """Copy a table from where it stopped; return how many rows hold no spectrum."""
    data = file[name]
    done, zeros = int(data.attrs["rows_done"]), int(data.attrs["zeros"])
    same = np.array_equal(axis, new_axis)
    with (
        path.open("rb") as table,
        tqdm(
            total=len(data), initial=done, desc=path.name, disable=not progress
        ) as bar,
    ):
        table.readline()
        table.seek(int(data.attrs["offset"]) or table.tell())
        while True:
            block = []
            while len(block) < BLOCK_ROWS and (line := table.readline()).strip():
                block.append(_row(line, path, done + len(block), axis.size))
            if not block:
                break
            values = np.stack(block)
            zeros += int((values == 0).all(axis=1).sum())
            if not same:
                values = resample(values, axis, new_axis, "cm-1").spectra
            data[done : done + len(block)] = values
            done += len(block)
            data.attrs["rows_done"], data.attrs["zeros"] = done, zeros
            data.attrs["offset"] = table.tell()
            file.flush()
            bar.update(len(block))
    return zeros + len(data) - done


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
