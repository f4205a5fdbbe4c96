"""Bruker OPUS, decoded by the library brukeropus after a check of the structure.

brukeropus 1.4.3 was checked on files written block by block: values, axis and units
come out right. But it drops blocks that lie outside the file without a word, walks for
ever round a parameter of negative size, and trusts NPT; so header, directory, sizes
and parameters are checked here first.
"""

import struct
from pathlib import Path

import numpy as np

from spektron_jax.data.readers.draft import Draft, Log
from spektron_jax.data.readers.extra import load

MAGIC = b"\n\n\xfe\xfe"
# Result spectra in order of preference: attribute -> (quantity, modality).
_RESULTS = {
    "a": ("absorbance", None),
    "logr": ("log(1/R)", None),
    "ra": ("intensity", "Raman"),
    "r": ("reflectance", None),
    "t": ("transmittance", None),
    "atr": ("absorbance", None),
    "sm": ("intensity", None),
}
_UNITS = {"WN": "cm-1", "MI": "um", "NM": "nm", "RS": "cm-1", "RSH": "cm-1"}


def read(path: Path, log: Log, modality: str | None) -> list[Draft]:
    """Return the result spectrum of an OPUS file; other blocks are only named."""
    data = path.read_bytes()
    _check_structure(data, log)
    library = load("brukeropus")
    try:
        file = library.read_opus(str(path))
    except Exception as error:  # whatever a damaged block raises inside the library
        log.fail("file", f"damaged ({type(error).__name__}: {error})")
    broken = [*file.parse_error_blocks, *file.unmatched_data_blocks]
    if broken:
        log.fault(
            f"block at byte {broken[0].start}", "cannot be read: cut off or damaged"
        )
    found = [key for key in _RESULTS if key in file.data_keys]
    if not found:
        present = ", ".join(file.data_keys) or "none"
        log.fail("file", f"no result spectrum among its data blocks ({present})")
    key = found[0]
    block = getattr(file, key)
    quantity, kind = _RESULTS[key]
    if len(found) > 1:
        log.remark(
            f"block {key!r}", f"taken; the file also holds {', '.join(found[1:])}"
        )
    series = getattr(file, "series_keys", [])
    if series:
        log.remark("file", f"series of spectra ({', '.join(series)}) were not read")
    params = {k.upper(): v for k, v in block.params.items()}
    unit = params.get("DXU")
    if unit in {"RS", "RSH"}:
        kind = "Raman"
    if str(unit) not in _UNITS:
        log.remark(f"block {key!r}", f"unit {unit!r} of the axis is not known")
    name = str(file.params.snm) if "snm" in file.params.keys() else path.stem
    metadata = {
        k: str(file.params[k]) for k in ("ins", "res", "nss") if k in file.params.keys()
    }
    return [
        Draft(
            axis=np.asarray(block.x, np.float64),
            spectra=np.asarray(block.y, np.float64)[None],
            sample_ids=[name or path.stem],
            places=[f"block {key!r}"],
            unit=_UNITS.get(str(unit)),
            quantity=quantity,
            modality=kind,
            metadata=metadata,
        )
    ]


def _check_structure(data: bytes, log: Log) -> None:
    """Fail unless every block lies in the file and every parameter can be walked."""
    if len(data) < 24:
        log.fail("header", f"{len(data)} bytes: cut off")
    start, most, count = struct.unpack_from("<3i", data, 12)
    if not (24 <= start and 0 < count <= most and start + 12 * count <= len(data)):
        log.fail("directory", "lies outside the file: cut off or damaged")
    for i in range(count):
        place = f"block {i + 1}"
        kind, size, at = struct.unpack_from("<3i", data, start + 12 * i)
        if at <= 0 or size < 0 or at + 4 * size > len(data):
            log.fail(place, f"ends at byte {at + 4 * size} of {len(data)}: cut off")
        if kind >> 4 & 0x3F:  # parameters
            _check_parameters(data[at : at + 4 * size], place, log)
        elif kind >> 10 & 0x7F and kind >> 19 & 7 == 2:  # a series of spectra
            head = struct.unpack_from("<6i", data, at) if size >= 6 else (-1,) * 6
            if min(head) < 0 or head[1] * head[3] > 4 * size or head[5] > size:
                log.fail(place, "series larger than its block: damaged")


def _check_parameters(block: bytes, place: str, log: Log) -> None:
    at = 0
    while at + 8 <= len(block):
        name = block[at : at + 3]
        if name == b"END":
            return
        kind, size = struct.unpack_from("<2h", block, at + 4)
        if size < 0 or not name.isalnum() or at + 8 + 2 * size > len(block):
            log.fail(f"{place}, parameter at byte {at}", "damaged")
        if name == b"NPT" and kind == 0:
            (points,) = struct.unpack_from("<i", block, at + 8)
            if not 2 <= points <= 10**8:
                log.fail(f"{place}, NPT", f"{points} points: damaged")
        at += 8 + 2 * size
