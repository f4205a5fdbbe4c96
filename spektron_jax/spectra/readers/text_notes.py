"""What the lines around a table say of its unit and its quantity.

Only a note that speaks of an axis, is the line of names itself, or is a unit and
nothing else counts: "XUNITS=1/CM", "# wavenumber (cm-1) transmittance", "nm". Never a
value such as "Laser wavelength: 785 nm" or "Sample1_785nm".
"""

import re

from spektron_jax.spectra.axis_words import other_unit_of, quantity_of, unit_of

_AXIS_NOTE = re.compile(r"x[ _-]?axis|x[ _-]?units?\b|axis ?unit", re.I)
_VALUES_NOTE = re.compile(r"y[ _-]?axis|y[ _-]?units?\b|axis ?unit(\[\d\])?", re.I)
_HEADER_NOTE = re.compile(r"\W*(raman ?shift|wave)\D*", re.I)
_AXIS_WORDS = re.compile(
    r"raman ?shift|wave(?: ?(?:length|number)s?)?|cm\W*-?1|\bnm\b", re.I
)
_CM1 = re.compile(r"cm\W*-?1|1/cm", re.I)
_ONLY_A_UNIT = re.compile(
    r"\W*(cm\W*-?1|1/cm|nm|nanomet\w*|[uµμ]m|micro(ns?|met\w*)|wave ?numbers?)\W*", re.I
)

_LIGHT = re.compile(r"laser|excit|pump|slit|grating|filter", re.I)  # not the axis

Hint = tuple[str, str] | None  # (unit or quantity, the note)


def hints(notes: list[str]) -> tuple[Hint, Hint]:
    """Return (unit, note) and (quantity, note), where notes agree on one.

    A unit that is not read here counts too, so that it stops the reading.
    """
    units: dict[str, str] = {}
    quantities: dict[str, str] = {}
    for note in notes:
        said = note.strip()[:60]
        if _LIGHT.search(note):
            continue
        header = _HEADER_NOTE.fullmatch(_CM1.sub("", note))
        if header or _ONLY_A_UNIT.fullmatch(note) or _AXIS_NOTE.search(note):
            unit = unit_of(note) or (other_unit_of(note) if not header else None)
            if unit:
                units.setdefault(unit, said)
        about = _VALUES_NOTE.search(note)
        if header:
            quantity = quantity_of(_AXIS_WORDS.sub(" ", note))
        elif about:
            quantity = quantity_of(note[about.end() :].lstrip("[]0123456789:=\t "))
        else:
            quantity = quantity_of(note) if len(note.split()) == 1 else None
        if quantity:
            quantities.setdefault(quantity, said)
    return _only(units), _only(quantities)


def _only(said: dict[str, str]) -> Hint:
    return next(iter(said.items())) if len(said) == 1 else None
