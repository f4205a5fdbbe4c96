"""What the published data sets share: archives, checksums, resuming, a check of rows.

`convert_spectra` writes the file that `qm9s` reads from any `PublishedSpectra`, in
blocks. The unfinished file has the suffix .h5.part and carries a mark of what it is
made from; it takes its name when it is whole, and the same command resumes it.

Spectra and molecules belong together only if the band of triple bonds says so: C#C and
C#N stretch at 2,050-2,350 cm-1, where other molecules of H, C, N, O and F show next to
nothing. Where rows are shifted by one, most such molecules lack it.

Sizes: n molecules, p points.
"""

import hashlib
import itertools
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import h5py
import numpy as np
from tqdm import tqdm

from spektron_jax.corpus.line_corpus import split_of
from spektron_jax.errors import SpektronError
from spektron_jax.spectra.axis import resample
from spektron_jax.spectra.grid import pretraining_axis
from spektron_jax.spectra.hdf5_open import refuse_other_files

BUNDLE_ERRORS = (OSError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error)
MAX_FILE_BYTES = 2**24  # of one file in a bundle
BLOCK_ROWS = 512
_READ_BYTES = 2**22
_LAYOUT = 2  # of unfinished files; those of another layout are refused

TRIPLE_CM1 = (2050.0, 2350.0)
MIN_MOLECULES = 10  # with triple bonds; fewer are not judged
MIN_SHOWING = 0.7  # share of the triple bonds that must show their band
MIN_HEIGHT = 0.05  # of the strongest band of the spectrum
MAX_CHECKED = 2000


class PublishedSpectra(Protocol):
    """Spectra of molecules, in the order of the rows to be written.

    Attributes:
      paths: kind of spectra, "ir" or "raman" -> the file they come from.
      checksums: kind -> sha256 of that file.
      axis_cm1: (p,) increasing.
      rows: n.
      has_smiles: whether molecules have SMILES.
      extra: name -> (n,) array, stored as it is.
    """

    paths: dict[str, Path]
    checksums: dict[str, str]
    axis_cm1: np.ndarray
    rows: int
    has_smiles: bool
    extra: dict[str, np.ndarray]

    def molecules(self, start: int) -> Iterator[tuple[str, Mapping[str, np.ndarray]]]:
        """Yield from row `start` (SMILES or a name of the row, kind -> spectrum (p,)).

        A kind that is missing is written as a row of zeros, "no spectrum".
        """


def convert_spectra(
    source: PublishedSpectra, target: Path, points: int, progress: bool
) -> Path:
    """Write spectra as `qm9s` reads them; resume where an earlier run stopped.

    Args:
      source: what to write.
      target: file to write.
      points: of the axis to write, the source's own ends; 0 = its own points.
      progress: show a bar.
    """
    axis = source.axis_cm1
    if points:
        axis = pretraining_axis(axis[0], axis[-1], points)
    with _unfinished(target, source, axis) as file:
        _stream(file, source, axis, progress)
        for kind, path in source.paths.items():
            zeros = int(file[kind].attrs["zeros"])
            print(f"{path}: {zeros} of {source.rows} molecules have no spectrum")
        if source.has_smiles and "raman" in source.paths:
            smiles = file["smiles"].asstr()[:].tolist()
            check_raman(str(source.paths["raman"]), file["raman"], axis, smiles)
    return target


@contextmanager
def _unfinished(
    target: Path, source: PublishedSpectra, axis: np.ndarray
) -> Iterator[h5py.File]:
    """Yield the file to fill; rename it to `target` when the body is done."""
    if target.exists():
        raise SpektronError(f"{target}: exists; remove it or choose another --workdir")
    ends = source.axis_cm1[[0, -1]].tolist()
    mark = repr((_LAYOUT, source.checksums, ends, axis.size, source.has_smiles))
    part = target.with_suffix(".h5.part")
    try:
        file = h5py.File(part, "a")
    except OSError as error:
        raise SpektronError(f"{part}: damaged ({error}); remove it") from error
    with file:
        refuse_other_files(file)
        if "mark" not in file.attrs:
            _lay_out(file, source, axis)
            file.attrs["mark"] = mark
        elif file.attrs["mark"] != mark:
            raise SpektronError(
                f"{part}: begun from other tables or settings; remove it"
            )
        yield file
    os.replace(part, target)


def _lay_out(file: h5py.File, source: PublishedSpectra, axis: np.ndarray) -> None:
    for kind, checksum in source.checksums.items():
        data = file.create_dataset(kind, (source.rows, axis.size), np.float32)
        data.attrs["source_sha256"], data.attrs["zeros"] = checksum, 0
    file["axis"] = axis
    for name, values in source.extra.items():
        file[name] = values
    for name in ("smiles", "split") if source.has_smiles else ("split",):
        file.create_dataset(name, (source.rows,), h5py.string_dtype("utf-8"))
    file.attrs["rows_done"] = 0


def _stream(
    file: h5py.File, source: PublishedSpectra, axis: np.ndarray, progress: bool
) -> None:
    done = int(file.attrs["rows_done"])
    same = np.array_equal(axis, source.axis_cm1)
    none = np.zeros(source.axis_cm1.size)
    molecules = source.molecules(done)
    with tqdm(total=source.rows, initial=done, unit="mol", disable=not progress) as bar:
        while block := list(itertools.islice(molecules, BLOCK_ROWS)):
            rows = slice(done, done + len(block))
            for kind in source.paths:
                spectra = np.stack([found.get(kind, none) for _, found in block])
                empty = int((spectra == 0).all(axis=1).sum())
                if not same:
                    spectra = resample(spectra, source.axis_cm1, axis, "cm-1").spectra
                file[kind][rows] = spectra
                file[kind].attrs["zeros"] += empty
            names = [name for name, _ in block]
            file["split"][rows] = [split_of(name) for name in names]
            if source.has_smiles:
                file["smiles"][rows] = names
            done += len(block)
            file.attrs["rows_done"] = done
            file.flush()
            bar.update(len(block))


def checksum_and_lines(path: Path, progress: bool) -> tuple[str, int]:
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
            while block := file.read(_READ_BYTES):
                digest.update(block)
                lines += block.count(b"\n")
                last = block[-1:]
                bar.update(len(block))
    except OSError as error:
        raise SpektronError(f"{path}: cannot be read ({error.strerror})") from error
    return digest.hexdigest(), lines + (last != b"\n")


class Bundle:
    """The .csv files of a zip archive, or of the folder it was unpacked into, by name.

    Attributes:
      path: of the archive or folder.
      names: of the files, sorted; with the folders of an archive before them.
    """

    def __init__(self, path: str | Path, field: str):
        """Open it; SpektronError names `field`, the setting that gave the path."""
        self.path = Path(path)
        self._files: dict[str, Path] = {}
        try:
            if self.path.is_dir():
                found = sorted(self.path.rglob("*.csv"))
                self._files = {str(p.relative_to(self.path)): p for p in found}
                self.names = list(self._files)
            else:
                self._archive = zipfile.ZipFile(self.path)
                names = self._archive.namelist()
                self.names = sorted(n for n in names if n.endswith(".csv"))
        except BUNDLE_ERRORS as error:
            raise SpektronError(
                f"{field} = {str(path)!r}: cannot be read ({error}); give the zip file "
                "or the folder it was unpacked into"
            ) from error
        if not self.names:
            raise SpektronError(f"{field} = {str(path)!r}: holds no .csv files")

    def read(self, name: str) -> str:
        """Return the text of a file; one of BUNDLE_ERRORS if it is damaged."""
        if name in self._files:
            return self._files[name].read_text("utf-8")
        if self._archive.getinfo(name).file_size > MAX_FILE_BYTES:
            raise ValueError("too large")
        return self._archive.read(name).decode("utf-8")

    def checksum(self, progress: bool) -> str:
        """Sha256 of the archive; of a folder, of its files' names and sizes."""
        if not self._files:
            return checksum_and_lines(self.path, progress)[0]
        digest = hashlib.sha256()
        for name, file in self._files.items():
            digest.update(f"{name} {file.stat().st_size}\n".encode())
        return digest.hexdigest()


def has_triple_bond(smiles: str) -> bool:
    """Whether a SMILES names C#C or C#N."""
    return "C#C" in smiles or "C#N" in smiles or "N#C" in smiles


def check_triple_bonds(place: str, molecules: int, showing: int) -> None:
    """Raise SpektronError if too few of the molecules with triple bonds show it."""
    if molecules >= MIN_MOLECULES and showing < MIN_SHOWING * molecules:
        raise SpektronError(
            f"{place}: only {showing} of {molecules} molecules with a triple bond show "
            "its band; molecules and spectra of these files do not belong together"
        )


def check_raman(
    place: str, raman: h5py.Dataset, axis_cm1: np.ndarray, smiles: list[str]
) -> None:
    """`check_triple_bonds` on up to 2,000 molecules of Raman spectra, (n, p)."""
    low, high = TRIPLE_CM1
    if axis_cm1[0] > low or axis_cm1[-1] < high:
        return
    inside = (axis_cm1 >= low) & (axis_cm1 <= high)
    rows = [i for i, text in enumerate(smiles) if has_triple_bond(text)][:MAX_CHECKED]
    spectra = [values for i in rows if (values := raman[i]).any()]
    showing = [x[inside].max(initial=0) > MIN_HEIGHT * x.max() for x in spectra]
    check_triple_bonds(place, len(showing), sum(showing))
