"""What our own tables say of themselves, in lines above them that others skip.

    # spektron_jax spectra
    # instrument: m5
    # unit: nm
    # quantity: absorbance
    # label: batch

`label` names a column of text, even if all its cells are numbers. A value is JSON text
without its quotation marks, with commas, semicolons and tabs escaped: a spreadsheet
keeps each line in one cell, and none of it is a formula.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from spektron_jax.spectra.spectra_set import SpectraSet

MARK = "# spektron_jax spectra"
_ESCAPED = {'\\"': "\\u0022", ",": "\\u002c", ";": "\\u003b", "|": "\\u007c"}
_KNOWN = ("instrument", "unit", "quantity", "modality", "description")


@dataclass
class OwnNotes:
    """What such lines say.

    Attributes:
      said: "instrument", "unit", "quantity", "modality" and "description", if given.
      labels: names of columns that hold text.
      metadata: whatever else.
    """

    said: dict[str, str] = field(default_factory=dict)
    labels: set[str] = field(default_factory=set)
    metadata: dict[str, str] = field(default_factory=dict)


def lines_of(spectra: SpectraSet, name: str) -> list[str]:
    """Return the lines above the table of one instrument."""
    one = spectra.instruments[name]
    values = (name, one.unit, one.quantity, spectra.modality, one.description)
    pairs = [*zip(_KNOWN, values, strict=True)]
    pairs += [("label", label) for label in spectra.labels]
    pairs += [(f"metadata {key}", text) for key, text in spectra.metadata.items()]
    return [MARK, *(f"# {key}: {_escaped(str(text))}" for key, text in pairs)]


def taken_from(lines: Iterable[str]) -> tuple[OwnNotes, list[str]]:
    """Return what our own lines say, and the lines that are not ours."""
    own, others, ours = OwnNotes(), [], False
    for line in lines:
        stripped = line.strip(' "\t,;|\r\n\ufeff')
        if stripped == MARK:
            ours = True
            continue
        key, colon, text = stripped.removeprefix("# ").partition(":")
        if not (ours and colon and stripped.startswith("# ")):
            others.append(line)
            continue
        value = _plain(text.strip())
        if key in _KNOWN:
            own.said[key] = value
        elif key == "label":
            own.labels.add(value)
        else:
            own.metadata[key.removeprefix("metadata ")] = value
    return own, others


def _escaped(text: str) -> str:
    text = json.dumps(text, ensure_ascii=False)[1:-1]
    for character, code in _ESCAPED.items():
        text = text.replace(character, code)
    return text


def _plain(text: str) -> str:
    try:
        return json.loads(f'"{text}"')
    except ValueError:  # edited by hand
        return text
