"""Numbers and text at places of a binary file, each checked against its end."""

import struct
from typing import Any

import numpy as np

from spektron_jax.spectra.readers.parsed import Log


class Fields:
    """The bytes of a file; every reading beyond the end raises SpektronError."""

    def __init__(self, data: bytes, log: Log):
        self.data, self._log = data, log

    def __len__(self) -> int:
        return len(self.data)

    def unpack(self, form: str, at: int, place: str) -> tuple[Any, ...]:
        """Return the fields of a `struct` format at a byte, little-endian."""
        self._check(at, struct.calcsize(f"<{form}"), place)
        return struct.unpack_from(f"<{form}", self.data, at)

    def array(self, kind: str, count: int, at: int, place: str) -> np.ndarray:
        """Return (count,) numbers of a NumPy type as float64."""
        self._check(at, count * np.dtype(kind).itemsize, place)
        with np.errstate(invalid="ignore"):  # signalling NaN of damaged files
            return np.frombuffer(self.data, kind, count, at).astype(np.float64)

    def text(self, at: int, size: int, place: str) -> str:
        """Return text up to its first zero byte."""
        self._check(at, size, place)
        return self.data[at : at + size].split(b"\0")[0].decode("latin-1").strip()

    def line(self, first: float, last: float, points: int, place: str) -> np.ndarray:
        """Return (points,) even positions between two ends that the file gives."""
        if points < 2 or not np.isfinite([first, last]).all() or first == last:
            text = f"{points} points from {first:g} to {last:g}: damaged"
            self._log.fail(place, text)
        return np.linspace(first, last, points)

    def _check(self, at: int, size: int, place: str) -> None:
        if at < 0 or size < 0 or at + size > len(self.data):
            text = f"ends at byte {at + size} of {len(self.data)}: cut off or damaged"
            self._log.fail(place, text)
