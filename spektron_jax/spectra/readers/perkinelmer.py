"""PerkinElmer Spectrum (.sp): one spectrum at even positions.

After 44 bytes stand blocks, each with a number (int16) and a size (int32). Block 120
holds others, among them the ends of the axis, the number of points, the labels of both
axes and the ordinates (float64). A value starts with two bytes that tell its type; text
and lists then give their size. Layout as the projects specio and sp2csv describe it;
values agree with an independent reader on a file of Spectrum 10.
"""

from pathlib import Path

from spektron_jax.spectra.axis_words import other_unit_of, quantity_of, unit_of
from spektron_jax.spectra.readers.fields import Fields
from spektron_jax.spectra.readers.parsed import Log, ParsedSpectra

HEAD = b"PEPE2D constant interval DataSet"
_DATASET = 120
_RANGE, _POINTS, _X_LABEL, _Y_LABEL = -29838, -29835, -29833, -29832
_NAME, _ORDINATES = -29823, -29828
MAX_BLOCKS = 10_000


def read(path: Path, log: Log, modality: str | None) -> list[ParsedSpectra]:
    """Return the spectrum of an .sp file."""
    fields = Fields(path.read_bytes(), log)
    if not fields.data.startswith(HEAD):
        log.fail("header", "no spectrum (an image or time base?); save it as CSV")
    blocks: dict[int, tuple[int, int]] = {}
    outer = _blocks(fields, 44, len(fields), log)
    if _DATASET in outer:
        at, size = outer[_DATASET]
        blocks = _blocks(fields, at, at + size, log)
    for name, number in (("axis", _RANGE), ("points", _POINTS), ("data", _ORDINATES)):
        if number not in blocks:
            log.fail(name, "is missing: cut off or damaged; save it as CSV")
    first, last = fields.unpack("2d", blocks[_RANGE][0] + 2, "axis")
    (points,) = fields.unpack("i", blocks[_POINTS][0] + 2, "points")
    at, size = blocks[_ORDINATES]
    (length,) = fields.unpack("i", at + 2, "data")
    if length != 8 * points or length + 6 != size:
        log.fail("data", f"{length} bytes for {points} points: damaged")
    axis = fields.line(first, last, points, "axis")
    x_label, y_label = (_text(fields, blocks, n) for n in (_X_LABEL, _Y_LABEL))
    if not unit_of(x_label) and not other_unit_of(x_label):
        log.note("axis", f"its label {x_label!r} names no unit")
    return [
        ParsedSpectra(
            axis=axis,
            spectra=fields.array("<f8", points, at + 6, "data")[None],
            sample_ids=[_text(fields, blocks, _NAME) or path.stem],
            places=["data"],
            unit=unit_of(x_label),
            quantity=quantity_of(y_label),
            axis_label=x_label,
        )
    ]


def _blocks(fields: Fields, at: int, end: int, log: Log) -> dict[int, tuple[int, int]]:
    """Number -> (place, size) of the content of blocks between two bytes."""
    found: dict[int, tuple[int, int]] = {}
    while at + 6 <= end and len(found) < MAX_BLOCKS:
        number, size = fields.unpack("hi", at, f"block at byte {at}")
        if size < 0 or at + 6 + size > end:
            log.fail(f"block at byte {at}", f"{size} bytes: cut off or damaged")
        if number in found and number in (_ORDINATES, _RANGE, _POINTS):
            log.fail(f"block at byte {at}", "stands twice: damaged")
        found[number] = at + 6, size
        at += 6 + size
    return found


def _text(fields: Fields, blocks: dict[int, tuple[int, int]], number: int) -> str:
    if number not in blocks:
        return ""
    at, size = blocks[number]
    (length,) = fields.unpack("h", at + 2, f"text of block {number}")
    return fields.text(at + 4, min(length, size - 4), f"text of block {number}")
