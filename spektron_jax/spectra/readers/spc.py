"""Galactic/Thermo SPC, new format (versions 4B and 4C) and old (4D).

A 512-byte header, an optional shared axis, then for each spectrum a 32-byte
subheader, an optional axis of its own, and ordinates: float32, or integers that a
power of two scales:

    y = 2^(exponent - 32) int32        y = 2^(exponent - 16) int16

The exponent stands in the header for a single spectrum, in the subheader for several.
Axes have types (numbers), which labels (text) replace where the header says so.

Decoded here: spc-io 0.2.1 takes the subheader's exponent for single spectra too, which
many writers leave at 0 (values wrong by a power of two), reorders spectra, knows
neither version 4C nor 4D, and needs pandas and pydantic.
"""

import json
import struct
from pathlib import Path

import numpy as np

from spektron_jax.spectra.axis_words import other_unit_of, quantity_of, unit_of
from spektron_jax.spectra.grid import MODALITIES
from spektron_jax.spectra.readers.parsed import Log, ParsedSpectra, common_axis

HEADER = struct.Struct("<BBBbIddIBBBBI9s9sH8f130s30sIIBBHf48sfIfB187s")
SUBHEADER = struct.Struct("<BbHfffIIf4s")
_OLD_HEADER = struct.Struct("<BBhfffBBHBBBB8sHH7f130s30s")
LOG_HEADER = struct.Struct("<IIIII44s")
LOG_KEY = "SPEKTRON_JAX="  # starts the line of the log that says what ours hold
FLOAT = -128  # exponent of ordinates that are float32
_BAD_JSON = (
    *(ValueError, TypeError, KeyError, AttributeError),
    *(OverflowError, RecursionError),
)
VERSIONS = (0x4B, 0x4C, 0x4D)
SHORT, MULTI, LABELS, OWN_AXES, HAS_AXIS = 0x01, 0x04, 0x20, 0x40, 0x80  # bits
UNITS = {1: "cm-1", 2: "um", 3: "nm", 13: "cm-1"}
RAMAN_SHIFT = 13
# Axes that are no wavelength or wavenumber.
_OTHER_AXES = {
    4: "seconds", 5: "minutes", 6: "Hz", 7: "kHz", 8: "MHz", 9: "m/z", 10: "ppm",
    11: "days", 12: "years", 14: "eV", 16: "pixels", 17: "channels",
    18: "degrees", 19: "degrees", 20: "degrees", 21: "K", 22: "points",
    23: "ms", 24: "us", 25: "ns", 26: "GHz", 27: "cm", 28: "m", 29: "mm", 30: "hours",
}  # fmt: skip
_INTERFEROGRAM, _PERCENT = 1, 11
QUANTITIES = {
    2: "absorbance",
    4: "counts",
    10: "log(1/R)",
    12: "intensity",
    13: "intensity",
    128: "transmittance",
    129: "reflectance",
}


def read(path: Path, log: Log, modality: str | None) -> list[ParsedSpectra]:
    """Return the spectra of an SPC file."""
    data = path.read_bytes()
    if len(data) < 2 or data[1] not in VERSIONS:
        version = f"{data[1]:02X}" if len(data) > 1 else "none"
        log.fail("header", f"version {version}; this program reads 4B, 4C and 4D")
    try:
        if data[1] == 0x4D:
            return [_old(data, path.stem, log)]
        return [_new(data, path.stem, log)]
    except struct.error as error:
        log.fail("header", f"cut off ({error})")


def _new(data: bytes, stem: str, log: Log) -> ParsedSpectra:
    order = "<" if data[1] == 0x4B else ">"
    head = struct.Struct(HEADER.format.replace("<", order)).unpack_from(data)
    flags, exponent, points, first, last, count = head[0], *head[3:8]
    xtype, ytype = head[8], head[9]
    comment, labels = _words(head[24], head[25], flags)
    count = max(count, 1)
    if not flags & MULTI and count > 1:
        log.warning(
            "header", f"{count} spectra, though the flag for several is not set"
        )
    where = HEADER.size
    per_point = 2 if flags & SHORT and exponent != FLOAT else 4
    if not flags & OWN_AXES and where + count * (32 + per_point * points) > len(data):
        _cut(log, f"header: {count} spectra of {points} points", len(data))
    if count * SUBHEADER.size > len(data):
        _cut(log, f"header: {count} spectra", len(data))
    shared = np.empty(0)
    if flags & HAS_AXIS and not flags & OWN_AXES:
        shared = _array(data, where, points, f"{order}f4", "axis", log)
        where += 4 * points
    elif not flags & OWN_AXES:
        if not np.isfinite([first, last]).all():
            log.fail("header", f"axis {first:g} to {last:g}: damaged")
        shared = np.linspace(first, last, points)
    places = [f"spectrum {i + 1}" for i in range(count)]
    axes, spectra = _subfiles(data, where, order, flags, exponent, shared, places, log)
    axis, rows = common_axis(axes, places, log)
    _check_ends(axis, first, last, log, bool(flags & OWN_AXES))
    ids = [stem] if count == 1 else [f"{stem} {i + 1}" for i in rows]
    part = _parsed(
        axis, [spectra[i] for i in rows], ids, [places[i] for i in rows],
        xtype, ytype, comment, labels, log,
    )  # fmt: skip
    if head[26] and len(rows) == count:
        _add_log(part, data[head[26] :], log)
    return part


def _subfiles(
    data: bytes,
    where: int,
    order: str,
    flags: int,
    exponent: int,
    shared: np.ndarray,
    places: list[str],
    log: Log,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Axis and values of each spectrum, from the first one's subheader on."""
    subheader = struct.Struct(SUBHEADER.format.replace("<", order))
    axes, spectra, powers = [], [], set()
    for place in places:
        if where + subheader.size > len(data):
            _cut(log, f"{place}, subheader", len(data))
        sub = subheader.unpack_from(data, where)
        where += subheader.size
        axis = shared
        if flags & OWN_AXES:
            axis = _array(data, where, sub[6], f"{order}f4", f"{place}, axis", log)
            where += 4 * axis.size
        power = sub[1] if flags & MULTI else exponent
        bits = 16 if flags & SHORT else 32
        is_float = FLOAT in (exponent, power)
        kind = f"{order}f4" if is_float else f"{order}i{bits // 8}"
        raw = _array(data, where, axis.size, kind, place, log)
        where += raw.nbytes
        values = raw if is_float else _scaled(raw, int(power) - bits)
        with np.errstate(invalid="ignore"):  # signalling NaN of damaged files
            axes.append(axis.astype(np.float64))
            spectra.append(values.astype(np.float64))
        powers.add(FLOAT if is_float else power)
    if flags & MULTI and powers == {0} and exponent:
        text = f"scales by 2^{exponent}, the subheaders by 1, which was taken"
        log.warning("header", f"{text}; compare one spectrum with its plot")
    return axes, spectra


def _old(data: bytes, stem: str, log: Log) -> ParsedSpectra:
    """Version 4D: 32-bit integers whose 16-bit halves are swapped, one spectrum."""
    head = _OLD_HEADER.unpack_from(data)
    flags, exponent, points, first, last, xtype, ytype = head[0], *head[2:8]
    comment, labels = _words(head[-2], head[-1], flags)
    if flags & (MULTI | SHORT | OWN_AXES | HAS_AXIS):
        text = "several or short spectra, or a stored axis"
        log.fail("header", f"version 4D with {text}; save it as 4B")
    if not (np.isfinite([points, first, last]).all() and 2 <= points <= len(data)):
        log.fail("header", f"{points:g} points; the file is damaged")
    where = _OLD_HEADER.size + 32
    if exponent == FLOAT:
        values = _array(data, where, int(points), "<f4", "spectrum 1", log)
    else:
        halves = _array(data, where, 2 * int(points), "<u2", "spectrum 1", log)
        whole = (halves[0::2].astype(np.uint32) << 16) | halves[1::2]
        values = _scaled(whole.astype(np.int32), exponent - 32)
    axis = np.linspace(first, last, int(points))
    log.note("header", "old version 4D: compare one spectrum with its plot")
    return _parsed(
        axis, [values], [stem], ["spectrum 1"], xtype, ytype, comment, labels, log
    )


def _words(comment: bytes, labels: bytes, flags: int) -> tuple[str, list[str]]:
    """The comment, and the labels of x and y where they replace the types."""
    parts = [comment.split(b"\0")[0]]
    if flags & LABELS:
        parts += labels.split(b"\0")[:2]
    text, *words = (part.decode("latin-1").strip() for part in parts)
    return text, words


def _parsed(
    axis, spectra, ids, places, xtype, ytype, comment, labels: list[str], log: Log
) -> ParsedSpectra:
    """With unit and quantity by the types, or by the labels that replace them."""
    if ytype == _INTERFEROGRAM:
        log.fail("header", "holds interferograms; transform them to spectra first")
    if ytype == _PERCENT and not any(map(quantity_of, labels[1:])):
        log.note("header", "per cent, but not of what: give quantity='%T' or '%R'")
    x_label, y_label = (*labels, "", "")[:2]
    unit, quantity = UNITS.get(xtype), QUANTITIES.get(ytype)
    label = x_label or _OTHER_AXES.get(xtype, "")
    for kind, by_type, by_label in (
        ("unit", unit, unit_of(x_label) or other_unit_of(x_label)),
        ("quantity", quantity, quantity_of(y_label)),
    ):
        if by_type and by_label and by_type != by_label:
            text = f"{kind} {by_label}, by the label, which replaces the type {by_type}"
            log.note("header", text)
    if other_unit_of(x_label):
        unit = None
    return ParsedSpectra(
        axis=axis,
        spectra=np.array(spectra, np.float64),
        sample_ids=ids,
        places=places,
        unit=unit_of(x_label) or unit,
        quantity=quantity_of(y_label) or quantity,
        modality="Raman" if xtype == RAMAN_SHIFT and not x_label else None,
        axis_place="axis",
        axis_label=f"axis ({label})" if label in _OTHER_AXES.values() else label,
        metadata={"comment": comment} if comment else {},
    )


def _add_log(part: ParsedSpectra, block: bytes, log: Log) -> None:
    """What the log of a file that `spektron_jax.write` made says of its spectra."""
    if len(block) < LOG_HEADER.size:
        return
    start = LOG_HEADER.unpack_from(block)[2]
    text = block[start:].split(b"\0")[0].decode("latin-1")
    line = next((one for one in text.splitlines() if one.startswith(LOG_KEY)), None)
    if line is None:
        return
    try:
        about = json.loads(line.removeprefix(LOG_KEY))
        ids = list(map(str, about["sample_ids"]))
        targets = {
            (str(name), str(unit)): np.array(
                [np.nan if value is None else float(value) for value in values]
            )
            for name, unit, values in about["targets"]
        }
        labels = {str(k): list(map(str, v)) for k, v in about["labels"].items()}
        sizes = {len(ids), *map(np.size, targets.values()), *map(len, labels.values())}
        if sizes != {len(part.sample_ids)}:
            raise ValueError("other numbers of samples")
        name, description = str(about["instrument"]), str(about["description"])
        metadata = {str(k): str(v) for k, v in about["metadata"].items()}
        modality = about["modality"] if about["modality"] in MODALITIES else None
    except _BAD_JSON as error:
        log.warning("log", f"{LOG_KEY} is damaged ({error}); left out")
        return
    part.sample_ids, part.targets, part.labels = ids, targets, labels
    part.name, part.named, part.description = name or part.name, bool(name), description
    part.modality, part.metadata = modality, metadata


def _scaled(values: np.ndarray, power: int) -> np.ndarray:
    with np.errstate(over="ignore"):  # infinite values are found as errors
        return np.ldexp(values.astype(np.float64), power)


def _array(data: bytes, where: int, count: int, kind: str, place: str, log: Log):
    size = np.dtype(kind).itemsize * count
    if where + size > len(data):
        _cut(log, f"{place}, {count} values", len(data))
    return np.frombuffer(data, kind, count, where)


def _check_ends(axis, first: float, last: float, log: Log, own: bool) -> None:
    """A stored axis must run between the ends that the header gives."""
    if own or axis.size == 0:
        return
    slack = 0.01 * abs(last - first) + 1e-6 * max(abs(first), abs(last))
    if not (abs(axis[0] - first) <= slack and abs(axis[-1] - last) <= slack):
        text = f"axis {axis[0]:g} to {axis[-1]:g}, header {first:g} to {last:g}"
        log.warning("axis", text)


def _cut(log: Log, what: str, size: int) -> None:
    log.fail(what, f"more than the file's {size} bytes hold: cut off or damaged")
