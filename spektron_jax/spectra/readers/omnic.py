"""Thermo OMNIC: one spectrum (.spa) or a group of them (.spg).

After a title at byte 30 stands, at byte 304, a table of 16-byte entries, whose number
is at byte 294: kind, place, size, and the spectrum's number in a group. Kind 2 is a
header (points, units of both axes, first and last position), kind 3 the ordinates
(float32), kind 107 a title in a group. Layout as the projects spa-on-python and
spectrochempy describe it; values agree with an independent reader on four files.

Read here, not by spectrochempy-omnic 0.2.1, which needs libraries it does not name.
"""

from pathlib import Path

import numpy as np

from spektron_jax.spectra.readers.fields import Fields
from spektron_jax.spectra.readers.parsed import Log, ParsedSpectra, common_axis

_HEADER, _ORDINATES, _TITLE = 2, 3, 107
_UNITS = {1: "cm-1", 3: "nm", 4: "um", 32: "cm-1"}
_INTERFEROGRAM, _RAMAN_SHIFT = 2, 32
_QUANTITIES = {
    11: "%R", 12: "log(1/R)", 16: "%T", 17: "absorbance", 21: "reflectance",
    31: "intensity",
}  # fmt: skip


def read(path: Path, log: Log, modality: str | None) -> list[ParsedSpectra]:
    """Return the spectra of an OMNIC file."""
    fields = Fields(path.read_bytes(), log)
    (count,) = fields.unpack("H", 294, "header")
    entries: dict[tuple[int, int], list[int]] = {}
    for i in range(count):
        at = 304 + 16 * i
        kind, _, place, size, number = fields.unpack("BBIIH", at, f"entry {i + 1}")
        entries.setdefault((kind, number), []).append(place)
        if kind == _ORDINATES:
            entries[kind, number].append(size)
    numbers = sorted(number for kind, number in entries if kind == _ORDINATES)
    if not numbers:
        log.fail("header", "no spectrum among its entries; save it as SPC in OMNIC")
    if sum(entries[_ORDINATES, number][1] for number in numbers) > len(fields):
        log.fail("header", "its spectra overlap: damaged")
    found = [_spectrum(fields, entries, number, log) for number in numbers]
    kinds = {one[2:] for one in found}
    if len(kinds) > 1:
        log.fail("headers", "spectra of several kinds in one group; split it")
    ((x_code, y_code),) = kinds
    places = [f"spectrum {number + 1}" for number in numbers]
    axis, rows = common_axis([one[0] for one in found], places, log)
    if y_code not in _QUANTITIES:
        log.note("header", f"code {y_code} of the ordinate is no quantity read here")
    titles = [_title(fields, entries, number) for number in numbers]
    if len(numbers) == 1:
        titles = [fields.text(30, 255, "title")]
    named = len(set(titles)) == len(titles) and all(titles)
    ids = titles if named else [path.stem] if len(numbers) == 1 else places
    return [
        ParsedSpectra(
            axis=axis,
            spectra=np.array([found[i][1] for i in rows]),
            sample_ids=[ids[i] for i in rows],
            places=[places[i] for i in rows],
            unit=_UNITS.get(x_code),
            quantity=_QUANTITIES.get(y_code),
            modality="Raman" if x_code == _RAMAN_SHIFT else None,
        )
    ]


def _spectrum(
    fields: Fields, entries: dict, number: int, log: Log
) -> tuple[np.ndarray, np.ndarray, int, int]:
    """(axis, ordinates, code of the abscissa, code of the ordinate) of one."""
    place = f"spectrum {number + 1}"
    headers, ordinates = entries.get((_HEADER, number)), entries[_ORDINATES, number]
    if headers is None or len(headers) > 1 or len(ordinates) > 2:
        log.fail(place, "has not one header and one set of ordinates: damaged")
    points, x_code, _, _, _, y_code = fields.unpack("IBBBBB", headers[0] + 4, place)
    first, last = fields.unpack("2f", headers[0] + 16, place)
    if x_code == _INTERFEROGRAM:
        log.fail(place, "is an interferogram; transform it to a spectrum in OMNIC")
    at, size = ordinates
    if size != 4 * points:
        log.fail(place, f"{points} points, but {size} bytes of ordinates: damaged")
    values = fields.array("<f4", points, at, place)
    return fields.line(first, last, points, place), values, x_code, y_code


def _title(fields: Fields, entries: dict, number: int) -> str:
    places = entries.get((_TITLE, number))
    return fields.text(places[0], 255, f"title {number + 1}") if places else ""
