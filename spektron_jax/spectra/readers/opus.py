"""Bruker OPUS files: the result spectrum among their blocks.

A 24-byte header says where the directory stands; each of its entries is (type, size in
words, place) of a block. Parameter blocks hold (name, type, size, value); a data block
has a status block of the same type with NPT, FXV, LXV, CSF and DXU:

    y = CSF data[:NPT]        x from FXV to LXV in NPT even steps

Decoded here. brukeropus 1.4.3 gives the same values for whole files (a test compares),
but on damaged ones it drops blocks without a word, walks for ever round a parameter of
negative size, and recurses without end where a parameter is missing.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spektron_jax.spectra.readers.parsed import Log, ParsedSpectra

# Result spectra in order of preference: data code -> (name, quantity, modality).
_RESULTS = {
    4: ("absorbance", "absorbance", None),
    15: ("log reflectance", "log(1/R)", None),
    16: ("ATR", "absorbance", None),
    10: ("Raman", "intensity", "Raman"),
    12: ("reflectance", "reflectance", None),
    5: ("transmittance", "transmittance", None),
    1: ("single channel", "intensity", None),
}
_UNITS = {"WN": "cm-1", "MI": "um", "NM": "nm", "RS": "cm-1", "RSH": "cm-1"}
_RAMAN_UNITS = ("RS", "RSH")
_SERIES, _COMPACT, _SAMPLE_SOURCE = 2, 4, 1
_FORMS = (0, _SERIES, _COMPACT)  # others hold text and structures
_IMAGINARY = 2
_RESULT_SOURCES = (0, 3)
MAX_OVERLAP = 4  # bytes of all blocks, in lengths of the file


@dataclass
class _DataBlock:
    """A block of the file; its kind is packed into bits."""

    place: str
    kind: int
    data: bytes

    def __post_init__(self) -> None:
        self.source = self.kind >> 2 & 3  # 1 sample, 2 reference, 3 result
        self.parameter = self.kind >> 4 & 0x3F  # 1: status of data, more: others
        self.code = self.kind >> 10 & 0x7F  # what the data are
        self.form = self.kind >> 19 & 7
        self.without_parameter = self.kind & ~(0x3F << 4)
        self.unread = ""  # what it is, if no spectrum
        if self.form == _SERIES:
            self.unread = "a series of spectra"
        elif self.kind >> 17 & 3:
            self.unread = "a derivative"
        elif self.kind & 3 == _IMAGINARY:
            self.unread = "the imaginary part of a spectrum"


def read(path: Path, log: Log, modality: str | None) -> list[ParsedSpectra]:
    """Return the result spectrum of an OPUS file; other data are only named."""
    blocks = _blocks(path.read_bytes(), log)
    data = [b for b in blocks if b.parameter == 0 and b.form in _FORMS]
    data = [b for b in data if b.code in _RESULTS]
    data = [
        b
        for b in data
        if b.source in _RESULT_SOURCES or (b.code == 1 and b.source == _SAMPLE_SOURCE)
    ]
    for block in data:
        if block.unread:
            log.warning(block.place, f"{block.unread}, which is not read")
    data = [b for b in data if not b.unread]
    found = [code for code in _RESULTS if any(b.code == code for b in data)]
    if not found:
        log.fail("file", "no result spectrum among its blocks; export one with OPUS")
    name, quantity, kind = _RESULTS[found[0]]
    if len(found) > 1:
        rest = ", ".join(_RESULTS[code][0] for code in found[1:])
        log.warning("file", f"{name} taken; it also holds {rest}")
    block, status = _pair(
        [b for b in data if b.code == found[0]],
        [(b, _parameters(b, log)) for b in blocks if b.parameter == 1],
        log,
    )
    axis, values = _decode(block, status, log)
    others: dict[str, int | float | str] = {}
    for other in blocks:
        if other.parameter > 1:
            others |= _parameters(other, log)
    unit = str(status.get("DXU", ""))
    if unit not in _UNITS:
        log.warning(block.place, f"unit {unit!r} of the axis (DXU) is not known")
    sample = str(others.get("SNM", "")).strip() or path.stem
    return [
        ParsedSpectra(
            axis=axis,
            spectra=values[None],
            sample_ids=[sample],
            places=[block.place],
            unit=_UNITS.get(unit),
            quantity=quantity,
            modality="Raman" if unit in _RAMAN_UNITS else kind,
            metadata={
                name: str(others[key])
                for key, name in (("INS", "instrument"), ("RES", "resolution"))
                if key in others
            },
        )
    ]


def _blocks(data: bytes, log: Log) -> list[_DataBlock]:
    """Every block of the directory; all must lie inside the file."""
    if len(data) < 24:
        log.fail("header", f"{len(data)} bytes: cut off")
    start, _, count = struct.unpack_from("<3i", data, 12)
    if not (24 <= start and 0 < count and start + 12 * count <= len(data)):
        log.fail("directory", "lies outside the file: cut off or damaged")
    blocks, claimed = [], 0
    for i in range(count):
        kind, size, at = struct.unpack_from("<3i", data, start + 12 * i)
        place = f"block {i + 1} at byte {at}"
        if kind < 0 or at <= 0 or size < 0 or at + 4 * size > len(data):
            end = at + 4 * size
            log.fail(place, f"ends at byte {end} of {len(data)}: cut off or damaged")
        claimed += 4 * size
        if claimed > MAX_OVERLAP * len(data):
            log.fail(place, "overlaps others: damaged")
        blocks.append(_DataBlock(place, kind, data[at : at + 4 * size]))
    return blocks


def _parameters(block: _DataBlock, log: Log) -> dict[str, int | float | str]:
    values: dict[str, int | float | str] = {}
    at, data = 0, block.data
    while at + 8 <= len(data) and data[at : at + 3] != b"END":
        name = data[at : at + 3]
        kind, size = struct.unpack_from("<2h", data, at + 4)
        end = at + 8 + 2 * size
        least = {0: 4, 1: 8}.get(kind, 0)
        if not name.isalnum() or 2 * size < least or end > len(data):
            log.fail(f"{block.place}, parameter {len(values) + 1}", "damaged")
        key = name.decode("latin-1").upper()
        if kind == 0:
            (values[key],) = struct.unpack_from("<i", data, at + 8)
        elif kind == 1:
            (values[key],) = struct.unpack_from("<d", data, at + 8)
        else:
            values[key] = data[at + 8 : end].split(b"\0")[0].decode("latin-1")
        at = end
    return values


def _pair(data: list[_DataBlock], statuses: list, log: Log) -> tuple[_DataBlock, dict]:
    """A data block with its status; of several alike, the last in the file."""
    for block in reversed(data):
        alike = [s for b, s in statuses if b.without_parameter == block.kind]
        if len(alike) > 1:  # least and greatest value tell them apart
            values = np.frombuffer(block.data, "<f4")
            alike = [
                s
                for s in alike
                if values.size and np.isclose(s.get("MXY", np.nan), values.max())
            ]
        if len(alike) == 1:
            if len(data) > 1:
                log.warning(block.place, f"taken, the last of {len(data)} alike")
            return block, alike[0]
    log.fail(data[-1].place, "has no status block of its own: damaged")


def _decode(block: _DataBlock, status: dict, log: Log) -> tuple[np.ndarray, np.ndarray]:
    place = block.place
    for name in ("NPT", "FXV", "LXV"):
        if not isinstance(status.get(name), int | float):
            log.fail(place, f"its status block has no number {name}: damaged")
    points = status["NPT"]
    scale = status.get("CSF", 1.0)
    form = {1: "<f4", 2: "<i4"}.get(status.get("DPF", 1))
    if form is None or not isinstance(scale, int | float):
        log.fail(place, "data point format (DPF) or scale (CSF) is not known")
    if not (isinstance(points, int) and 2 <= points <= len(block.data) // 4):
        log.fail(
            place,
            f"NPT says {points} points, the block holds {len(block.data) // 4}: cut "
            "off or damaged",
        )
    values = np.frombuffer(block.data, form)
    values = values[-points:] if block.form == _COMPACT else values[:points]
    with np.errstate(all="ignore"):  # infinite values are found as errors
        values = values.astype(np.float64) * scale
        axis = np.linspace(float(status["FXV"]), float(status["LXV"]), points)
    return axis, values
