"""NumPy archives (.npz), never unpickled: arrays as `arrays` describes them.

The archive that suits best: spectra (n, p), axis (p,), unit, and optionally targets
(n, k), target_names, sample_ids. A single .npy array has no axis and is refused.
"""

import zipfile
import zlib
from pathlib import Path

import numpy as np

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
    if path.read_bytes()[:6] == b"\x93NUMPY":
        log.fail(
            "array", "a single array has no axis; save np.savez(file, spectra=, axis=)"
        )
    arrays = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if member.filename.endswith(".npy"):
                    name = member.filename.removesuffix(".npy")
                    arrays[name] = _array(archive, member, log)
    except _ERRORS as error:
        kind = type(error).__name__
        log.fail("archive", f"damaged or cut off ({kind}: {str(error)[:100]})")
    return read_arrays(arrays, log)


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo, log: Log) -> np.ndarray:
    """One array; its header must agree with the size that the archive holds."""
    place = f"array {member.filename!r}"
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        if version not in _READ_HEADER:
            log.fail(place, f"version {version} of the .npy format is not known")
        shape, fortran, dtype = _READ_HEADER[version](file)
        if dtype.kind not in "iufbU":
            log.fail(place, f"holds {dtype}, which is not read; save numbers or text")
        size = int(np.prod(shape, dtype=object)) * dtype.itemsize
        if size > member.file_size:
            log.fail(place, f"{shape} is more than its {member.file_size} bytes hold")
        data = file.read()  # to the end, so that the checksum is checked
    if len(data) != size:
        log.fail(place, f"{len(data)} bytes for {shape} {dtype}: damaged")
    values = np.frombuffer(data, dtype)
    return values.reshape(shape, order="F" if fortran else "C")
