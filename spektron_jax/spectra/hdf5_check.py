"""Checks before the library reads strings, attributes and heaps of an HDF5 file.

Strings of variable length stand in global heaps: a 16-byte header (GCOL, version,
size), then objects (index, references, size), the last of them, index 0, being the
free space up to the heap's end. libhdf5 (2.0, in h5py 3.16) walks for ever round a
heap whose sizes are damaged, and nothing can interrupt it; so the sizes are added up
here first. A string of variable length is stored as (length, heap, index); libhdf5
takes as much memory as the length claims, up to 4 GB, before it looks into the heap.
Lengths are therefore read here from the file's own bytes. Other damage makes the
library raise.
"""

import mmap
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np

from spektron_jax.errors import SpektronError

# What h5py raises on damaged files, depending on where the damage is.
HDF5_ERRORS = (OSError, RuntimeError, ValueError, TypeError, MemoryError, KeyError)
_HEAD = b"GCOL\x01\0\0\0"
_BLOCK = 2**22
MAX_ATTRIBUTE_BYTES = 2**20
MAX_DATASET_BYTES = 2**34
DEFLATE_RATIO = 1100  # gzip packs 1 : 1032 at best
MAX_STRINGS_BYTES = 2**27  # bytes of an array of strings, all as long as the longest
MAX_SCAN_BYTES = 2**28  # bytes of a file that is searched for attributes
_OBJECT = struct.Struct("<HHIQ")
_REFERENCE = np.dtype([("length", "<u4"), ("heap", "<u8"), ("index", "<u4")])
_VARIABLE = 9  # class of types of variable length


def heaps_are_sound(path: str | Path) -> bool:
    """True unless a global heap's objects do not add up to its size."""
    with open(path, "rb") as file:
        size = file.seek(0, 2)
        return size > 0 and all(_adds_up(file, at, size) for at in _heaps(file))


def _heaps(file: BinaryIO) -> Iterator[int]:
    """Where heaps start. Read, not mapped: pages would count as the process's own."""
    start, kept = 0, b""
    file.seek(0)
    while block := file.read(_BLOCK):
        block = kept + block
        at = block.find(_HEAD)
        while at >= 0:
            yield start + at
            at = block.find(_HEAD, at + 1)
        kept = block[-len(_HEAD) + 1 :]
        start += len(block) - len(kept)
        file.seek(start + len(kept))


def _adds_up(file: BinaryIO, start: int, whole: int) -> bool:
    file.seek(start)
    head = file.read(16)
    if len(head) < 16:
        return False
    (size,) = struct.unpack_from("<Q", head, 8)
    if size < 16 or start + size > whole:
        return False
    data = head + file.read(size - 16)
    at = 16
    while at + _OBJECT.size <= size:
        index, _, _, length = _OBJECT.unpack_from(data, at)
        if index == 0:
            return at + length == size
        at += _OBJECT.size + length + -length % 8
    return at <= size


def attribute(item: h5py.HLObject, name: str, default: Any = None) -> Any:
    """Return an attribute, or `default`; OSError if it claims more than a megabyte."""
    if name not in item.attrs:
        return default
    found = item.attrs.get_id(name)
    count = int(np.prod(found.shape, dtype=object))
    claims = [count * found.dtype.itemsize]
    if found.dtype.kind == "O" and claims[0] <= MAX_ATTRIBUTE_BYTES:
        claims += _claims_of_attribute(item.file.filename, name.encode(), count)
    if max(claims) > MAX_ATTRIBUTE_BYTES:
        raise OSError(f"attribute {name!r} claims {max(claims):,} bytes: damaged")
    return item.attrs[name]


def strings(dataset: h5py.Dataset) -> np.ndarray:
    """Return a dataset of strings as an array of str; OSError if it claims too much."""
    size = dataset.file.id.get_filesize()
    longest = dataset.dtype.itemsize
    if dataset.dtype.kind == "O":
        longest = max(
            (int(raw["length"].max()) for raw in _references(dataset)), default=0
        )
    most = max(MAX_STRINGS_BYTES, 4 * size)
    if longest > size or 4 * longest * dataset.size > most:
        raise OSError(
            f"strings of {dataset.name}: the longest claims {longest:,} bytes, too "
            "many, or damaged"
        )
    return np.array(dataset.asstr()[()], dtype=str)


def _claims_of_attribute(path: str, name: bytes, count: int) -> list[int]:
    """Lengths that the attribute messages of this name claim (versions 1 to 3)."""
    found: list[int] = []
    with open(path, "rb") as file:
        if file.seek(0, 2) > MAX_SCAN_BYTES:
            return found
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            at = data.find(name + b"\0")
            while at >= 0:
                for version, head in ((1, 8), (2, 8), (3, 9)):
                    if at >= head and data[at - head] == version:
                        found += _lengths(data, at, at - head, version, count)
                at = data.find(name + b"\0", at + 1)
    return found


def _lengths(
    data: mmap.mmap, at: int, start: int, version: int, count: int
) -> list[int]:
    """Lengths in the message that starts at `start` and has its name at `at`."""
    sizes = list(struct.unpack_from("<3H", data, start + 2))
    if version == 1:  # padded to 8 bytes
        sizes = [size + -size % 8 for size in sizes]
    kind = at + sizes[0]
    value = at + sum(sizes)
    if value + 16 * count > len(data) or data[kind] & 0x0F != _VARIABLE:
        return []
    return np.frombuffer(data[value : value + 16 * count], _REFERENCE)[
        "length"
    ].tolist()


def _references(dataset: h5py.Dataset) -> Iterator[np.ndarray]:
    """The stored references of strings of variable length, where they can be had."""
    if dataset.size == 0:
        return
    offset = dataset.id.get_offset()
    if offset is not None:
        yield np.fromfile(
            dataset.file.filename, _REFERENCE, dataset.size, offset=offset
        )
    elif dataset.chunks is not None:
        for i in range(dataset.id.get_num_chunks()):
            raw = _unpacked(dataset, dataset.id.get_chunk_info(i).chunk_offset)
            if raw is not None:
                yield np.frombuffer(raw, _REFERENCE)


def _unpacked(dataset: h5py.Dataset, where: tuple[int, ...]) -> bytes | None:
    """The bytes of a chunk; None where its filters are others than gzip and shuffle."""
    whole = int(np.prod(dataset.chunks)) * _REFERENCE.itemsize
    skipped, raw = dataset.id.read_direct_chunk(where)
    filters = dataset.id.get_create_plist()
    for i in reversed(range(filters.get_nfilters())):
        code = filters.get_filter(i)[0]
        if skipped >> i & 1:
            continue
        if code == h5py.h5z.FILTER_DEFLATE:
            try:
                raw = zlib.decompressobj().decompress(raw, whole)
            except zlib.error as error:
                raise OSError(f"strings of {dataset.name}: {error}") from error
        elif code == h5py.h5z.FILTER_SHUFFLE and len(raw) == whole:
            planes = np.frombuffer(raw, np.uint8).reshape(_REFERENCE.itemsize, -1)
            raw = planes.T.tobytes()
        else:
            return None
    return raw if len(raw) == whole else None


def item_of(file: h5py.File, name: str, kind: type = h5py.Dataset) -> Any:
    """Return a dataset or group; SpektronError, which lists what there is, if none."""
    found = file.get(name)
    if not isinstance(found, kind):
        present = ", ".join(sorted(file)) or "nothing"
        raise SpektronError(
            f"{file.filename}: {kind.__name__.lower()} '{name}' is missing (the file "
            f"holds {present}); add it"
        )
    return found


def small_dataset(file: h5py.File, name: str) -> h5py.Dataset:
    """Return a dataset that can be read at once; SpektronError for others."""
    found = item_of(file, name)
    if not can_be(found):
        raise SpektronError(
            f"{file.filename}: dataset '{name}' of {found.shape} is too large to read "
            "at once, or damaged"
        )
    return found


def strings_of(file: h5py.File, name: str) -> np.ndarray:
    """Return a dataset of strings, (n,) str; SpektronError if it is something else."""
    found = small_dataset(file, name)
    if found.ndim != 1 or h5py.check_string_dtype(found.dtype) is None:
        raise SpektronError(
            f"{file.filename}: dataset '{name}' is {found.dtype} {found.shape}; must "
            "be strings in 1 dimension"
        )
    return strings(found)


def can_be(dataset: h5py.Dataset) -> bool:
    """False for a dataset larger than its file can hold, or than 16 GiB."""
    size = dataset.file.id.get_filesize()
    return dataset.nbytes <= min(MAX_DATASET_BYTES, DEFLATE_RATIO * size)
