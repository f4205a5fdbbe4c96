"""Units of reference values: which are written otherwise, which are another."""

import re

from spektron_jax.spelling import british

# Contents by size, a litre taken as a kilogram: units of two rows are not the same.
_CONTENTS = (
    ("g/g", "kg/kg", "g/ml", "kg/l", "g/cm3", "g/cc"),
    ("%", "g/100g", "g/100ml", "g/dl", "kg/100kg"),
    ("g/kg", "mg/g", "g/l", "mg/ml", "kg/t", "kg/m3", "‰"),
    ("mg/100g", "mg/100ml", "mg/dl"),
    ("mg/kg", "mg/l", "ug/g", "ug/ml", "ppm", "g/t", "g/m3"),
    ("ug/kg", "ug/l", "ng/g", "ng/ml", "ppb", "mg/t", "mg/m3"),
)
_OTHERS = (
    *(("mol/l", "mol/kg"), ("mmol/l", "mmol/kg"), ("umol/l", "umol/kg")),
    *(("°c", "c", "degc"), ("°f", "f", "degf"), ("k",)),
    *(("mpa",), ("kpa",), ("pa",), ("bar",), ("psi",)),
)
_SIZES = {unit: row for row in (*_CONTENTS, *_OTHERS) for unit in row}
_PERCENT = re.compile(  # of mass or volume, "wt%", "% m/m", "% (w/w)", "% by weight"
    r"(?:wt|vol|mass|weight|[mwv])?[.-]?%(?:by)?"
    r"(?:wt|vol|mass|weight|[mwv](?:/[mwv])?)?"
)


def plain(unit: str) -> str:
    """A unit as it is compared: "mg L-1" and "mg/l" are one.

    Examples:
      >>> plain("mg L^-1"), plain("g / 100 g"), plain("per cent")
      ('mg/l', 'g/100g', '%')
    """
    text = british(unit).replace("⁻¹", "-1")
    text = re.sub("[µμ]", "u", text)
    text = re.sub(r"per ?cent(?:age)?|\bpct\b", "%", text)
    text = re.sub(r"[\s·*.]*(?<![a-z])([a-z]+)\s*\^?\s*[({]?[-−]1[)}]?", r"/\1", text)
    return re.sub(r"[\s^()\[\]{}_]", "", text.replace(" per ", "/"))


def is_another(unit: str, own: str) -> bool:
    """Whether values in two units are known to differ; False: not that anyone knows."""
    sizes = [_size(plain(one)) for one in (unit, own)]
    return None not in sizes and sizes[0] != sizes[1]


def _size(text: str) -> tuple[str, ...] | None:
    return _SIZES.get("%" if _PERCENT.fullmatch(text) else text)
