"""MATLAB level 5 files (versions 5 to 7), decoded with every size checked.

A file is a 128-byte header and elements: a tag (type, bytes) and data, padded to 8
bytes; up to 4 bytes of data stand in the tag itself. A matrix is an element of
elements: flags, dimensions, name, values; cells, structs and objects hold matrices.

Decoded here because scipy.io.loadmat (1.17) ends the whole process, by a segmentation
fault in its compiled part, on some damaged files; whole files it reads right, and the
tests compare with it.

Values: numbers -> float64 or integer arrays; text -> arrays of one string for each row;
cells -> object arrays; a struct or object of size 1 -> a dict of its fields.
"""

import struct
import zlib
from pathlib import Path

import numpy as np

from spektron_jax.errors import SpektronError
from spektron_jax.spectra.limits import VALUE_BYTES, allowed_bytes

_TYPES = {
    1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4",
    7: "f4", 9: "f8", 12: "i8", 13: "u8", 16: "u1", 17: "u2",
}  # fmt: skip
_MATRIX, _COMPRESSED = 14, 15
_CELL, _STRUCT, _OBJECT, _CHAR = 1, 2, 3, 4
_NUMERIC = {
    6: "f8", 7: "f8", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4",
    14: "i8", 15: "u8",
}  # fmt: skip
_COMPLEX = 0x08
MAX_DEPTH = 12
MAX_COUNT = 10**6  # cells, fields, or letters


class DamagedFile(Exception):
    """What is wrong, and where."""


class _Allowance:
    """Bytes that the variables of a file may still take in memory."""

    def __init__(self, stored: int):
        self.left = allowed_bytes(stored)

    def take(self, size: int) -> None:
        """Raise DamagedFile where a file claims more than its size allows."""
        self.left -= size
        if self.left < 0:
            raise DamagedFile("claims more than spectra unpack to; save it with -v6")


def read_variables(path: Path) -> dict[str, object]:
    """Return name -> value of every variable; DamagedFile says what is wrong."""
    data = path.read_bytes()
    if len(data) < 128 or data[126:128] not in (b"IM", b"MI"):
        raise DamagedFile("header: cut off, or an older version; save it with -v7")
    order = "<" if data[126:128] == b"IM" else ">"
    values: dict[str, object] = {}
    at, allowance = 128, _Allowance(len(data))
    while at < len(data):
        kind, body, after = _element(data, at, order)
        place = f"variable {len(values) + 1} at byte {at}"
        at = after
        try:
            if kind == _COMPRESSED:
                unpack = zlib.decompressobj()
                body = unpack.decompress(body, max(allowance.left, 1))
                allowance.take(len(body))
                if not unpack.eof:
                    raise DamagedFile("cut off, or claims more than spectra unpack to")
                kind, body, _ = _element(body, 0, order)
            if kind == _MATRIX:
                name, value = _matrix(body, order, allowance, 0)
                if name in values:
                    raise DamagedFile(f"a second variable {name!r}")
                values[name or f"unnamed {len(values) + 1}"] = value
        except zlib.error as error:
            raise DamagedFile(f"{place}: {error}") from error
        except DamagedFile as error:
            raise DamagedFile(f"{place}: {error}") from error
    return {name: value for name, value in values.items() if value is not None}


def _element(data: bytes, at: int, order: str) -> tuple[int, bytes, int]:
    """(type, data, place of the next element)."""
    if at + 8 > len(data):
        raise DamagedFile(f"byte {at}: cut off")
    kind, size = struct.unpack_from(f"{order}II", data, at)
    if kind >> 16:  # small: type and size share four bytes
        size, kind = kind >> 16, kind & 0xFFFF
        if size > 4:
            raise DamagedFile(f"byte {at}: {size} bytes in a small element")
        return kind, data[at + 4 : at + 4 + size], at + 8
    if at + 8 + size > len(data):
        raise DamagedFile(f"byte {at}: {size} bytes, more than follow: cut off")
    padding = 0 if kind == _COMPRESSED else -size % 8
    return kind, data[at + 8 : at + 8 + size], at + 8 + size + padding


def _matrix(
    data: bytes, order: str, allowance: _Allowance, depth: int
) -> tuple[str, object]:
    """(name, value) of a matrix element's data; the value is None if not read."""
    if depth > MAX_DEPTH:
        raise DamagedFile(f"nested deeper than {MAX_DEPTH}")
    if not data:
        return "", np.empty((0, 0))
    kind, flags, at = _element(data, 0, order)
    if len(flags) < 8:
        raise DamagedFile("no flags")
    word = struct.unpack(f"{order}I", flags[:4])[0]
    kind, is_complex = word & 0xFF, bool(word >> 8 & _COMPLEX)
    if kind not in (_CELL, _STRUCT, _OBJECT, _CHAR, *_NUMERIC):
        return "", None  # sparse, functions and newer objects
    code, raw, at = _element(data, at, order)
    shape = tuple(_numbers(code, raw, order).tolist())
    if not 2 <= len(shape) <= 8 or min(shape) < 0:
        raise DamagedFile(f"dimensions {shape[:8]}")
    count = int(np.prod(shape, dtype=object))
    _, raw, at = _element(data, at, order)
    name = raw.decode("latin-1")
    if kind in (_STRUCT, _OBJECT):
        return name, _fields(data, at, order, kind, count, allowance, depth)
    if kind == _CELL:
        if count > MAX_COUNT:
            raise DamagedFile(f"{count} cells")
        allowance.take(VALUE_BYTES * count)
        cells = np.empty(count, dtype=object)
        for i in range(count):
            cells[i], at = _nested(data, at, order, allowance, depth)
        return name, cells.reshape(shape, order="F")
    if is_complex:
        raise DamagedFile(f"{name!r} is complex; store real numbers")
    if count == 0:
        return name, np.empty(shape) if kind != _CHAR else np.empty(0, dtype=str)
    code, raw, at = _element(data, at, order)
    allowance.take(VALUE_BYTES * count)
    if kind == _CHAR:
        if count > MAX_COUNT:
            raise DamagedFile(f"{count} letters of text")
        return name, _text(code, raw, order, shape)
    values = _numbers(code, raw, order)
    if values.size != count:
        raise DamagedFile(f"{name!r}: {values.size} values for {shape}")
    with np.errstate(invalid="ignore"):  # a damaged type of the values
        return name, values.astype(_NUMERIC[kind]).reshape(shape, order="F")


def _nested(
    data: bytes, at: int, order: str, allowance: _Allowance, depth: int
) -> tuple[object, int]:
    kind, body, at = _element(data, at, order)
    if kind != _MATRIX:
        raise DamagedFile(f"an element of type {kind} where a matrix should be")
    return _matrix(body, order, allowance, depth + 1)[1], at


def _fields(
    data: bytes,
    at: int,
    order: str,
    kind: int,
    count: int,
    allowance: _Allowance,
    depth: int,
) -> dict[str, object] | None:
    """The fields of a struct or object of size 1; None for arrays of them."""
    if kind == _OBJECT:
        _, _, at = _element(data, at, order)  # the name of its class
    code, raw, at = _element(data, at, order)
    widths = _numbers(code, raw, order)
    if widths.size != 1 or not 1 <= widths[0] <= 256:
        raise DamagedFile("length of field names")
    _, raw, at = _element(data, at, order)
    width = int(widths[0])
    if len(raw) % width:
        raise DamagedFile("field names")
    pieces = [raw[i : i + width] for i in range(0, len(raw), width)]
    names = [piece.split(b"\0")[0].decode("latin-1") for piece in pieces]
    if count != 1:
        return None
    values = {}
    for name in names:
        values[name], at = _nested(data, at, order, allowance, depth)
    return values


def _numbers(code: int, raw: bytes, order: str) -> np.ndarray:
    if code not in _TYPES:
        raise DamagedFile(f"values of unknown type {code}")
    dtype = np.dtype(order + _TYPES[code])
    if len(raw) % dtype.itemsize:
        raise DamagedFile(f"{len(raw)} bytes of {dtype}")
    return np.frombuffer(raw, dtype)


def _text(code: int, raw: bytes, order: str, shape: tuple[int, ...]) -> np.ndarray:
    """One string for each row, without the blanks that fill it up."""
    if code == 16:  # UTF-8
        try:
            letters = np.array(list(raw.decode("utf-8")))
        except UnicodeDecodeError as error:
            raise DamagedFile(f"text: {error}") from error
    else:
        codes = _numbers(code, raw, order).astype(np.int64)
        if (codes < 0).any() or (codes > 0x10FFFF).any():
            raise DamagedFile("text: codes that are no letters")
        letters = np.array([chr(code) for code in codes])
    if letters.size != np.prod(shape, dtype=object):
        raise DamagedFile(f"text: {letters.size} letters for {shape}")
    table = letters.reshape((shape[0], -1), order="F")
    return np.array(["".join(row).rstrip(" \0") for row in table])


def read_or_fail(path: Path) -> dict[str, object]:
    """`read_variables`, with a SpektronError that names the file."""
    try:
        return read_variables(path)
    except DamagedFile as error:
        raise SpektronError(
            f"{path}: {error}; the file is damaged or cut off: fetch it again"
        ) from error
