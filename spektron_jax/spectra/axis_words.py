"""What the label of an axis or of a column names: its unit, its quantity."""

import re

from spektron_jax.spectra.axis import QUANTITIES

# Words in the label of an axis -> unit, tried in this order.
_UNIT_WORDS = (
    (
        "cm-1",
        r"(?<![\w.])1 ?/ ?cm\b|(?<!\w)/cm\b|\bcm ?\(?- ?1|\bcm1\b|reciprocal cent",
    ),
    ("nm", r"nano ?met|(?<!1/)(?<![a-z])nm(?!-1|[a-z])"),
    ("um", r"micro ?met|\bmicrons?\b|(?<![a-z])um(?![a-z])"),
)
_CM1_NAMES = re.compile(
    r"wave[ _-]?number|raman[ _-]?shift|wellenzahl|nombre d.onde|n[uú]mero de onda"
)
_VALUE_WITH_UNIT = re.compile(r"(?<![a-z\d/])\d[\d.,]*[ _]?(?:nm|um|cm ?-1|1/cm)(?!\w)")
_BRACKETS = re.compile(r"[(\[{]([^)\]}]*)[)\]}]")
# Units of axes that are no wavelength or wavenumber of these programs.
_OTHER_UNITS = re.compile(
    r"å|ångstr.ms?|angstr.ms?|[mk]?ev|electron ?volts?|[kmgtp]?hz|hertz|[pcm]?m"
    r"|[mnu]?m-1|1/[mnu]?m|rad/[cmnu]?m"
    r"|picomet\w*|millimet\w*|met(?:er|re)s?|[mun]?s|sec|seconds?|min|minutes?|hours?|h"
    r"|days?|years?|ppm|pix|px|pixels?|points?|channels?|deg|degrees?|°|m/z|amu|da|th|k[cj]a?l?/mol|hartrees?|°?c|k"
)
_OTHER_NAMES = re.compile(
    r"energy|frequency|time|theta|\bmass\b|m/z|temperature|angle|chemical shift", re.I
)
_NO_UNITS = {
    "x",
    "y",
    "vac",
    "vacuum",
    "air",
    "raw",
    "rel",
    "cal",
    "calc",
    "obs",
    "axis",
}


def _plain(text: str) -> str:
    """Small letters, and units as they are typed."""
    text = text.lower().replace("−", "-").replace("⁻¹", "-1").replace("–", "-")
    text = re.sub(r"\^|\*\*|[{}]", "", text)
    return text.replace("µ", "u").replace("μ", "u").replace("å", "å")


def unit_of(text: str) -> str | None:
    """Return the unit that the label of an axis names, or None.

    What stands in brackets counts before the name: "Wavelength (cm-1)". A number with
    its unit is a value, as in "785 nm laser".
    """
    text = _VALUE_WITH_UNIT.sub(" ", _plain(text))
    for part in (*_BRACKETS.findall(text), text):
        for unit, words in _UNIT_WORDS:
            if re.search(words, part):
                return unit
    marked = [*_BRACKETS.findall(text), *re.split(r"[,:=]|(?<!1)/| in ", text)[1:]]
    if any(_OTHER_UNITS.fullmatch(part.strip()) for part in marked):
        return None  # "Wavenumber (m-1)"
    return "cm-1" if _CM1_NAMES.search(text) else None


def other_unit_of(text: str) -> str | None:
    """Return the unit that a label names and nothing here reads, such as "eV"."""
    if unit_of(text):
        return None
    plain = _plain(text).strip()
    marked = [*_BRACKETS.findall(plain), *re.split(r"[/,:=\t]| in ", plain)[1:], plain]
    for part in map(str.strip, marked):
        one_letter = len(part) == 1
        if not (one_letter and part == plain):  # may be any name
            if part == "a" or _OTHER_UNITS.fullmatch(part):
                return part
    if re.search(r"wave\w*[ _]A$", text.strip()):
        return "A"
    for part in map(str.strip, _BRACKETS.findall(plain)):
        if re.fullmatch(r"(?=.*[^\W\d])[^\s=]{1,8}", part) and part not in _NO_UNITS:
            return part
    last = re.split(r"[\s_]", plain)[-1]
    return last if len(last) > 1 and _OTHER_UNITS.fullmatch(last) else None


def names_other_axis(text: str) -> bool:
    """Whether a label names an axis of energy, time, ... without a unit read here."""
    return unit_of(text) is None and bool(_OTHER_NAMES.search(text))


# Quantity -> words that name it, tried in this order.
_QUANTITY_WORDS = (
    ("log(1/R)", r"-? ?log ?_?(?:10)? ?\(? ?(?:1 ?/ ?r|r)(?!\w)\)?|(?<!\w)1/r(?!\w)"),
    ("absorbance", r"-?log ?(?:10)? ?\(?1 ?/ ?t\b\)?|optical density|\b(?:absorbances?"
     r"|absorption|absorbanz|abs|absorb|extin[kc]tion)\b"),
    ("transmittance", r"\b(?:transmittances?|transmission|transmissions|transm|trans"
     r"|transmi)\b|(?:%|percent) ?tr?\b|\bt ?\(?(?:%|percent)"),
    ("reflectance", r"\b(?:reflectances?|reflectivity|reflection|reflect|refl"
     r"|remission)\b|(?:%|percent) ?r\b|\br ?\(?(?:%|percent)"),
    ("counts", r"\b(?:counts?|cn?ts?|cps)\b"),
    ("intensity", r"\b(?:intensity|intensities|intens|raman|arbitrary)\b"),
)  # fmt: skip
# Words that may stand beside them. With any other, as in "Reflectance standard 3" or
# "Absorbance 2nd derivative", a label is a name or another quantity.
_BESIDE = set(
    "data raw spectrum spectra signal signals unit units value values corrected dark "
    "subtracted processed a u au arb arbitrary percent relative rel diffuse total "
    "apparent ccd measured factor of in the y axis scale ir nir ftir ft atr unitless "
    "none raman mode base x per s sec second counts intensity".split()
)


def quantity_of(text: str) -> str | None:
    """Return the quantity that a label such as "ABSORBANCE" names, or None.

    Every word of the label must belong to it.
    """
    low = " ".join(text.lower().split()).strip(" .")
    if low in {name.lower() for name in QUANTITIES}:
        return next(name for name in QUANTITIES if name.lower() == low)
    if low.startswith("-") and not low.startswith("-log"):
        return None
    if low == "au" or text.strip() == "A":  # "a" may be a sample's name
        return "absorbance"
    if re.search(r"\d{2,} ?[x*×]|[x*×] ?\d", low):
        return None  # a multiple of it
    low, found = low.replace("_", " "), []
    rest = low
    for name, words in _QUANTITY_WORDS:
        if re.search(words, rest):
            found.append(name)
            rest = re.sub(words, " ", rest)
    if not found or not set(re.findall(r"\w*[^\W\d]\w*", rest)) <= _BESIDE:
        return None
    if len(found) > 1 and not set(found) <= {"counts", "intensity"}:
        return "log(1/R)" if set(found) == {"log(1/R)", "absorbance"} else None
    percent = "%" in low or "percent" in low
    share = {"transmittance": "%T", "reflectance": "%R"}
    return share.get(found[0], found[0]) if percent else found[0]
