"""Checks before the library reads global heaps and attributes of an HDF5 file.

Strings of variable length stand in global heaps: a 16-byte header (GCOL, version,
size), then objects (index, references, size), the last of them, index 0, being the
free space up to the heap's end. libhdf5 (2.0, in h5py 3.16) walks for ever round a
heap whose sizes are damaged, and nothing can interrupt it; so the sizes are added up
here first. A damaged attribute can claim gigabytes, which take long to read; other
damage makes the library raise.
"""

import mmap
import struct
from pathlib import Path

import h5py
import numpy as np

_HEAD = b"GCOL\x01\0\0\0"
LARGEST_ATTRIBUTE = 2**20
LARGEST_BYTES = 2**34
DEFLATE_RATIO = 1100  # gzip packs 1 : 1032 at best
_OBJECT = struct.Struct("<HHIQ")


def heaps_are_sound(path: str | Path) -> bool:
    """True unless a global heap's objects do not add up to its size."""
    with open(path, "rb") as file:
        if file.seek(0, 2) == 0:
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            at = data.find(_HEAD)
            while at >= 0:
                if not _adds_up(data, at):
                    return False
                at = data.find(_HEAD, at + 1)
    return True


def _adds_up(data: mmap.mmap, start: int) -> bool:
    if start + 16 > len(data):
        return False
    (size,) = struct.unpack_from("<Q", data, start + 8)
    end = start + size
    if size < 16 or end > len(data):
        return False
    at = start + 16
    while at + _OBJECT.size <= end:
        index, _, _, length = _OBJECT.unpack_from(data, at)
        if index == 0:
            return at + length == end
        at += _OBJECT.size + length + -length % 8
    return at <= end


def attribute(item: h5py.HLObject, name: str, default: object = None) -> object:
    """Return an attribute, or `default`; OSError if it claims more than a megabyte."""
    if name not in item.attrs:
        return default
    found = item.attrs.get_id(name)
    if int(np.prod(found.shape, dtype=object)) * found.dtype.itemsize > (
        LARGEST_ATTRIBUTE
    ):
        raise OSError(f"attribute {name!r} of {found.shape} is damaged")
    return item.attrs[name]


def can_be(dataset: h5py.Dataset) -> bool:
    """False for a dataset larger than its file can hold, or than 16 GiB."""
    size = dataset.file.id.get_filesize()
    return dataset.nbytes <= min(LARGEST_BYTES, DEFLATE_RATIO * size)
