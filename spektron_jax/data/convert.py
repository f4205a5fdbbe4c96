"""Published files to the HDF5 files that training and evaluation read.

    boraden    ir_boraden.csv, raman_boraden.csv of QM9S  -> qm9s.h5 (see `qm9s`)
    corn_mat   corn.mat of Eigenvector                     -> spectra.h5, a spectra set
    folder     any file or folder that `read` opens        -> spectra.h5, a spectra set

The QM9S tables (8 GB each: a header of 3,501 wavenumbers, then row number and values)
are streamed in blocks into contiguous datasets, in little memory. Each is first read
once for its checksum and number of rows. A conversion that was broken off goes on where
it stopped: the unfinished file carries the place, and is renamed when it is whole.

Guards: every row has its own number, all its values, and none infinite; rows of zeros
mean "no spectrum" and are counted. With a list of SMILES, molecules with C#C or C#N
must show their band at 2,050-2,350 cm-1 in the Raman spectrum, else rows are shifted.

Sizes: n rows, p positions of the table, q positions of the output.
"""

import hashlib
import os
import warnings
from pathlib import Path

import h5py
import numpy as np
from absl import logging
from ml_collections import ConfigDict
from tqdm import tqdm

from spektron_jax.data import spectra_file
from spektron_jax.data.axis import resample
from spektron_jax.data.corpus import split_of
from spektron_jax.data.readers import read
from spektron_jax.errors import SpektronError
from spektron_jax.grid import pretraining_axis

SOURCES = ("boraden", "corn_mat", "folder")
BLOCK_ROWS = 512
_BYTES = 2**22
TRIPLE_CM1 = (2050.0, 2350.0)
LEAST_SHARE = 0.7  # of the triple bonds that must show their band


def run(config: ConfigDict, workdir: Path) -> Path:
    """Convert as config.convert says; return the file written into workdir."""
    given = config.convert
    if given.source not in SOURCES:
        raise SpektronError(
            f"config.convert.source = {given.source!r}: must be one of "
            + ", ".join(SOURCES)
        )
    if given.source == "boraden":
        return _boraden(given, workdir / "qm9s.h5")
    if not given.path:
        raise SpektronError("config.convert.path: give the file or folder to convert")
    found = read(
        given.path, given.unit or None, given.modality or None, strict=given.strict
    )
    target = workdir / "spectra.h5"
    if Path(given.path).is_file():
        found.metadata["source_sha256"] = _checksum(Path(given.path), False)[0]
    spectra_file.save(target, found)
    logging.info("%s\nwritten to %s", found.describe(), target)
    return target


def _boraden(given: ConfigDict, target: Path) -> Path:
    tables = {k: Path(given[k]) for k in ("ir", "raman") if given[k]}
    if not tables:
        raise SpektronError(
            "config.convert.ir and .raman: give ir_boraden.csv, raman_boraden.csv"
        )
    if target.exists():
        raise SpektronError(f"{target}: exists; remove it or choose another --workdir")
    sums = {name: _checksum(path, given.progress) for name, path in tables.items()}
    rows = max(count for _, count in sums.values()) - 1
    smiles = _smiles(given.smiles, rows)
    axes = {name: _header(path) for name, path in tables.items()}
    axis = next(iter(axes.values()))
    if any(not np.array_equal(axis, other) for other in axes.values()):
        raise SpektronError("ir and raman tables have different wavenumbers")
    new_axis = pretraining_axis(axis[0], axis[-1], given.points or axis.size)
    if not given.points:
        new_axis = axis
    part = target.with_suffix(".h5.part")
    with h5py.File(part, "a") as file:
        _prepare(file, sums, rows, new_axis, smiles)
        for name, path in tables.items():
            zeros = _stream(file, name, path, axis, new_axis, given.progress)
            logging.info("%s: %d of %d rows hold no spectrum", path, zeros, rows)
        if smiles is not None and "raman" in tables:
            _check_triple_bonds(file["raman"], new_axis, smiles)
    os.replace(part, target)
    return target


def _checksum(path: Path, progress: bool) -> tuple[str, int]:
    """(sha256, lines) of a file, read once in blocks."""
    digest, lines, last = hashlib.sha256(), 0, b"\n"
    try:
        with (
            path.open("rb") as file,
            tqdm(
                total=path.stat().st_size,
                unit="B",
                unit_scale=True,
                desc=f"checksum {path.name}",
                disable=not progress,
            ) as bar,
        ):
            while block := file.read(_BYTES):
                digest.update(block)
                lines += block.count(b"\n")
                last = block[-1:]
                bar.update(len(block))
    except OSError as error:
        raise SpektronError(f"{path}: cannot be read ({error.strerror})") from error
    return digest.hexdigest(), lines + (last != b"\n")


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


def _prepare(
    file: h5py.File,
    sums: dict[str, tuple[str, int]],
    rows: int,
    axis: np.ndarray,
    smiles: list[str] | None,
) -> None:
    """Lay out a new file, or see that an unfinished one is of the same tables."""
    mark = repr((sums, axis.size, smiles is not None))
    if "mark" in file.attrs:
        if file.attrs["mark"] != mark:
            raise SpektronError(
                f"{file.filename}: begun from other tables or settings; remove it"
            )
        return
    text = h5py.string_dtype("utf-8")
    for name, (checksum, _) in sums.items():
        data = file.create_dataset(name, (rows, axis.size), np.float32)
        data.attrs["source_sha256"] = checksum
        data.attrs["rows_done"], data.attrs["offset"], data.attrs["zeros"] = 0, 0, 0
    file["axis"] = axis
    keys = smiles if smiles is not None else [f"row {i}" for i in range(rows)]
    file.create_dataset("split", data=[split_of(key) for key in keys], dtype=text)
    if smiles is not None:
        file.create_dataset("smiles", data=smiles, dtype=text)
    file.attrs["mark"] = mark


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


def _check_triple_bonds(
    raman: h5py.Dataset, axis: np.ndarray, smiles: list[str]
) -> None:
    """The band that tells whether rows and molecules belong together."""
    rows = [i for i, s in enumerate(smiles) if "C#C" in s or "C#N" in s or "N#C" in s]
    rows = [i for i in rows[:2000] if raman[i].any()]
    inside = (axis >= TRIPLE_CM1[0]) & (axis <= TRIPLE_CM1[1])
    if len(rows) < 10 or not inside.any():
        return
    show = [raman[i][inside].max() > 0.05 * raman[i].max() for i in rows]
    if np.mean(show) < LEAST_SHARE:
        raise SpektronError(
            f"smiles: only {np.mean(show):.0%} of the molecules with a triple bond "
            "show its band; rows and SMILES do not belong together"
        )
