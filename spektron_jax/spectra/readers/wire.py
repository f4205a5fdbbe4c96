"""Renishaw WiRE (.wdf): single spectra, series and maps.

The file is a chain of blocks, each with a 16-byte header (name, number, size). WDF1
gives counts and units, XLST the axis, DATA the intensities (float32), ORGN where and
when each was measured. Layout as the project Gwyddion and renishawWiRE describe it;
values agree with an independent reader on files of WiRE 4 and 5.

Read here, not by renishawWiRE 0.1.16, which prints while it reads, allocates what a
damaged header claims, and reads files whose kind of measurement is undefined.
"""

from pathlib import Path

from spektron_jax.spectra.readers.fields import Fields
from spektron_jax.spectra.readers.parsed import Log, ParsedSpectra

_UNITS = {1: "cm-1", 2: "cm-1", 3: "nm", 5: "um"}
_RAMAN_SHIFT, _ELECTRON_VOLT, _COUNTS = 1, 4, 6
_SEVERAL = 1 | 8  # flags: more axes and blocks of data, or tracks, than one
_COORDINATES = {3: "x", 4: "y", 5: "z"}
MAX_BLOCKS = 10_000


def read(path: Path, log: Log, modality: str | None) -> list[ParsedSpectra]:
    """Return the spectra of a .wdf file."""
    fields = Fields(path.read_bytes(), log)
    blocks = _blocks(fields, log)
    (flags,) = fields.unpack("Q", 16, "WDF1")
    if flags & _SEVERAL:
        log.fail("WDF1", "several axes or tracks in one file; export it from WiRE")
    points, capacity, count = fields.unpack("IQQ", 60, "WDF1")
    y_size, x_size, origins = fields.unpack("III", 84, "WDF1")
    _, kind = fields.unpack("II", 128, "WDF1")
    (counts_unit,) = fields.unpack("I", 152, "WDF1")
    if kind == 0:
        log.fail("WDF1", "the kind of measurement is not defined; export it from WiRE")
    if y_size != 1 or x_size != points or not 0 < count <= capacity:
        text = f"{count} spectra of {points} points, {x_size} x {y_size} positions"
        log.fail("WDF1", f"{text}: an image or damaged; export spectra from WiRE")
    for name in (b"DATA", b"XLST"):
        if name not in blocks:
            log.fail(name.decode(), "is missing: cut off or damaged")
    data_at, data_size = blocks[b"DATA"]
    if 4 * count * points > data_size - 16:
        log.fail("DATA", f"too short for {count} x {points} values: damaged")
    _, unit = fields.unpack("II", blocks[b"XLST"][0] + 16, "XLST")
    axis = fields.array("<f4", points, blocks[b"XLST"][0] + 24, "XLST")
    values = fields.array("<f4", points * count, data_at + 16, "DATA")
    if count < capacity:
        text = f"{count} of {capacity} spectra were measured; the others left out"
        log.warning("WDF1", text)
    log.keeps_constant = True  # dark points of a map
    rows = [f"spectrum {i}" for i in range(1, count + 1)]
    ids = [path.stem] if count == 1 else [f"{path.stem} {i + 1}" for i in range(count)]
    part = ParsedSpectra(
        axis=axis,
        spectra=values.reshape(count, points),
        sample_ids=ids,
        places=rows,
        unit=_UNITS.get(unit),
        quantity="counts" if counts_unit == _COUNTS else None,
        modality="Raman" if unit == _RAMAN_SHIFT else None,
        axis_label="axis (eV)" if unit == _ELECTRON_VOLT else "",
    )
    part.metadata["title"] = fields.text(240, 160, "WDF1") or path.stem
    if count > 1 and b"ORGN" in blocks:
        _add_coordinates(part, fields, blocks[b"ORGN"][0], origins, capacity)
    return [part]


def _blocks(fields: Fields, log: Log) -> dict[bytes, tuple[int, int]]:
    """Name -> (place, size) of the first block of each name."""
    blocks: dict[bytes, tuple[int, int]] = {}
    at = 0
    for _ in range(MAX_BLOCKS):
        if at + 16 > len(fields):
            break
        name, _, size = fields.unpack("4sIQ", at, f"block at byte {at}")
        if size < 16 or at + size > len(fields):
            place = f"block {name.decode('latin-1')!r} at byte {at}"
            log.fail(place, f"{size} bytes of {len(fields)}: cut off or damaged")
        blocks.setdefault(name, (at, size))
        at += size
    return blocks


def _add_coordinates(
    part: ParsedSpectra, fields: Fields, at: int, origins: int, capacity: int
) -> None:
    """Labels x, y and z, where the file gives them; in um."""
    at += 20
    for _ in range(min(origins, 20)):
        kind, _ = fields.unpack("II", at, "ORGN")
        name = _COORDINATES.get(kind & 0x7FFFFFFF)
        if name:
            values = fields.array("<f8", len(part.sample_ids), at + 24, "ORGN")
            part.labels[name] = [f"{value:g}" for value in values]
        at += 24 + 8 * capacity
