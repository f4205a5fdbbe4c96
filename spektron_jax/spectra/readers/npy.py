"""NumPy archives (.npz), never unpickled: arrays as `arrays` describes them.

The archive that suits best: spectra (n, p), axis (p,), unit, and optionally targets
(n, k), target_names, sample_ids. A single .npy array has no axis and is refused.
"""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from spektron_jax.spectra.limits import VALUE_BYTES, check_claim
from spektron_jax.spectra.readers.arrays import read_arrays
from spektron_jax.spectra.readers.parsed import Log, ParsedSpectra

_READ_HEADER = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
# What a damaged archive or header raises, by where the damage is.
_ERRORS = (
    *(ValueError, OSError, EOFError, KeyError, RuntimeError, SyntaxError, TypeError),
    *(OverflowError, zipfile.BadZipFile, zlib.error, MemoryError, RecursionError),
)


def read(path: Path, log: Log, modality: str | None) -> list[ParsedSpectra]:
    """Return the spectra of an .npz archive."""
    with path.open("rb") as file:
        if file.read(6) == b"\x93NUMPY":
            log.fail(
                "array",
                "a single array has no axis; save np.savez(file, spectra=, axis=)",
            )
    arrays: dict[str, np.ndarray] = {}
    claimed, stored = 0, path.stat().st_size
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if not member.filename.endswith(".npy"):
                    continue
                with archive.open(member) as file:
                    shape, fortran, dtype = _header(file, member, log)
                    count = int(np.prod(shape, dtype=object))
                    claimed += count * max(dtype.itemsize, VALUE_BYTES)
                    check_claim(f"{path}: array {member.filename!r}", claimed, stored)
                    size = count * dtype.itemsize
                    data = file.read(size)
                    more = file.read(1)  # to the end, so that the checksum is checked
                if len(data) != size or more:
                    text = f"{member.file_size} bytes for {shape} {dtype}: damaged"
                    log.fail(f"array {member.filename!r}", text)
                values = np.frombuffer(data, dtype)
                values = values.reshape(shape, order="F" if fortran else "C")
                arrays[member.filename.removesuffix(".npy")] = values
    except _ERRORS as error:
        kind = type(error).__name__
        log.fail("archive", f"damaged or cut off ({kind}: {str(error)[:100]})")
    return read_arrays(arrays, log)


def _header(file, member: zipfile.ZipInfo, log: Log):
    """(shape, Fortran order, type) of one array, which its archive must hold."""
    place = f"array {member.filename!r}"
    version = np.lib.format.read_magic(file)
    if version not in _READ_HEADER:
        log.fail(place, f"version {version} of the .npy format is not known")
    shape, fortran, dtype = _READ_HEADER[version](file)
    if dtype.kind not in "iufbU":
        log.fail(place, f"holds {dtype}, which is not read; save numbers or text")
    if int(np.prod(shape, dtype=object)) * dtype.itemsize > member.file_size:
        log.fail(place, f"{shape} is more than its {member.file_size} bytes hold")
    return shape, fortran, dtype
