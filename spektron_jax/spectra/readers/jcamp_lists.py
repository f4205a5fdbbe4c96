"""Lists of a JCAMP-DX block that say what the sample is.

    ##CONCENTRATIONS=(NCU)        of the standard: name, concentration, unit
    (protein, 11.2, %)
    ##$LABELS=(NV)                of our own files: name, value
    (species, wheat)

What has another form is left out. n = blocks.
"""

import re

import numpy as np

from spektron_jax.spectra.readers.cells import number

_TRIPLE = re.compile(r"\((.+),\s*([^,\s]+)\s*,\s*([^,]*)\)")
_PAIR = re.compile(r"\((.+?),\s*(.*)\)")


def concentrations(texts: list[str]) -> dict[tuple[str, str], np.ndarray]:
    """Return (name, unit) -> (n,), NaN where a block does not say, of n labels."""
    found: dict[tuple[str, str], np.ndarray] = {}
    for i, text in enumerate(texts):
        for match in filter(None, map(_TRIPLE.fullmatch, text.split("\n")[1:])):
            value = np.nan if match[2] == "?" else number(match[2])
            if value is not None:
                key = match[1].strip(), match[3].strip()
                column = found.setdefault(key, np.full(len(texts), np.nan))
                column[i] = value
    return found


def named_values(texts: list[str]) -> dict[str, list[str]]:
    """Return name -> n values, "" where a block does not say."""
    found: dict[str, list[str]] = {}
    for i, text in enumerate(texts):
        for match in filter(None, map(_PAIR.fullmatch, text.split("\n")[1:])):
            found.setdefault(match[1], [""] * len(texts))[i] = match[2]
    return found
