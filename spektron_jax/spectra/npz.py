"""NumPy archives (.npz) of others: never unpickled, and no more than they can hold.

An archive of a few kilobytes can claim arrays of terabytes, so the header of each
array is held against the bytes that there are before memory is taken for it.
"""

import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import IO

import numpy as np

from spektron_jax.errors import SpektronError
from spektron_jax.spectra.limits import VALUE_BYTES, check_claim

_READ_HEADER = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
# What a damaged archive or header raises, by where the damage is.
_ERRORS = (
    *(ValueError, OSError, EOFError, KeyError, RuntimeError, SyntaxError, TypeError),
    *(OverflowError, zipfile.BadZipFile, zlib.error, MemoryError, RecursionError),
    tokenize.TokenError,
)


def load(path: Path) -> dict[str, np.ndarray]:
    """All arrays of numbers or text of an archive, by name.

    Raises:
      SpektronError: names the file and the array; damaged, cut off, of objects, or
        claiming more than it can hold.
    """
    arrays: dict[str, np.ndarray] = {}
    claimed = 0
    try:
        stored = path.stat().st_size
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if not member.filename.endswith(".npy"):
                    continue
                place = f"{path}: array {member.filename!r}"
                with archive.open(member) as file:
                    shape, fortran, dtype = _header(file, member, place)
                    count = int(np.prod(shape, dtype=object))
                    claimed += count * max(dtype.itemsize, VALUE_BYTES)
                    check_claim(place, claimed, stored)
                    size = count * dtype.itemsize
                    data = file.read(size)
                    more = file.read(1)  # to the end, so that the checksum is checked
                if len(data) != size or more:
                    text = f"{member.file_size} bytes for {shape} {dtype}: damaged"
                    raise SpektronError(f"{place}: {text}")
                values = np.frombuffer(data, dtype)
                values = values.reshape(shape, order="F" if fortran else "C")
                arrays[member.filename.removesuffix(".npy")] = values
    except SpektronError:
        raise
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise SpektronError(f"{path}: cannot be read ({error.strerror})") from error
    except _ERRORS as error:
        kind = type(error).__name__
        raise SpektronError(
            f"{path}: archive: damaged or cut off ({kind}: {str(error)[:100]})"
        ) from error
    return arrays


def _header(
    file: IO[bytes], member: zipfile.ZipInfo, place: str
) -> tuple[tuple[int, ...], bool, np.dtype]:
    """(shape, Fortran order, type) of one array, which its archive must hold."""
    version = np.lib.format.read_magic(file)
    if version not in _READ_HEADER:
        raise SpektronError(
            f"{place}: version {version} of the .npy format is not known"
        )
    shape, fortran, dtype = _READ_HEADER[version](file)
    if dtype.kind not in "iufbU":
        raise SpektronError(
            f"{place}: holds {dtype}, which is not read; save numbers or text"
        )
    if int(np.prod(shape, dtype=object)) * dtype.itemsize > member.file_size:
        raise SpektronError(
            f"{place}: {shape} is more than its {member.file_size} bytes hold"
        )
    return shape, fortran, dtype
