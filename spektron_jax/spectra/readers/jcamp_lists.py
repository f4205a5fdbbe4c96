"""Lists of a JCAMP-DX block that say what the sample is.

    ##CONCENTRATIONS=(NCU)        of the standard: name, concentration, unit
    (protein, 11.2, %)(oil, 3, %)
    ##$LABELS=(NV)                of our own files: name, value
    (species, wheat)

What has another form is left out. n = blocks.
"""

import re
from collections.abc import Iterator

import numpy as np

from spektron_jax.spectra.readers.cells import number

_TRIPLE = re.compile(r"\((.+),\s*([^,\s]+)\s*,\s*([^,]*)\)")
_PAIR = re.compile(r"\((.+?),\s*(.*)\)")


def concentrations(texts: list[str]) -> dict[tuple[str, str], np.ndarray]:
    """Return (name, unit) -> (n,), NaN where a block does not say, of n labels."""
    found: dict[tuple[str, str], np.ndarray] = {}
    for i, text in enumerate(texts):
        lines = text.split("\n")[1:]
        for match in (match for line in lines for match in _triples(line)):
            value = np.nan if match[2] == "?" else number(match[2])
            if value is not None:
                key = match[1].strip(), match[3].strip()
                column = found.setdefault(key, np.full(len(texts), np.nan))
                column[i] = value
    return found


def _triples(line: str) -> Iterator[re.Match]:
    """The groups of a line, which may hold several: "(fat, 3.5, %)(oil, 2, %)"."""
    group = ""
    for part in re.split(r"(?<=\))\s*(?=\()", line):
        group += part  # a name may hold brackets: "(fat (dry)(raw), 3.5, %)"
        if group.count(",") > 1 and (match := _TRIPLE.fullmatch(group.strip())):
            yield match
            group = ""


def named_values(texts: list[str]) -> dict[str, list[str]]:
    """Return name -> n values, "" where a block does not say."""
    found: dict[str, list[str]] = {}
    for i, text in enumerate(texts):
        for match in filter(None, map(_PAIR.fullmatch, text.split("\n")[1:])):
            found.setdefault(match[1], [""] * len(texts))[i] = match[2]
    return found
