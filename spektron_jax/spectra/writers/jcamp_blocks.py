"""Spectra of one instrument as JCAMP-DX 4.24, a block for each sample.

McDonald & Wilks, Appl. Spectrosc. 42, 151 (1988). Ordinates are plain numbers (AFFN)
behind every X of an evenly spaced axis, (X++(Y..Y)), or beside each X, (XY..XY).
Several spectra are blocks of a LINK block. Targets are CONCENTRATIONS; labels and the
name of the instrument are labels of our own, which start with $.

p = points.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from spektron_jax.spectra.spectra_set import InstrumentSpectra, SpectraSet
from spektron_jax.spectra.writers.read_back import AXIS_TOLERANCE

MAX_LINE = 80  # characters
_UNITS = {"cm-1": "1/CM", "nm": "NANOMETERS", "um": "MICROMETERS"}
_QUANTITIES = {"%T": "% TRANSMITTANCE", "%R": "% REFLECTANCE"}
_KINDS = {
    "NIR": "NEAR INFRARED SPECTRUM",
    "IR": "INFRARED SPECTRUM",
    "Raman": "RAMAN SPECTRUM",
    "unknown": "SPECTRUM",
}


def write(path: Path, spectra: SpectraSet, name: str) -> None:
    """Write one instrument of a set; see the top."""
    lines = []
    if len(spectra) > 1:
        title = spectra.metadata.get("title", name)
        lines = [f"##TITLE={_line(title)}", "##JCAMP-DX=4.24", "##DATA TYPE=LINK"]
        lines.append(f"##BLOCKS={len(spectra)}")
    for row in range(len(spectra)):
        lines += _block(spectra, name, row)
    if len(spectra) > 1:
        lines.append("##END=")
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")


def _block(spectra: SpectraSet, name: str, row: int) -> Iterator[str]:
    one = spectra.instruments[name]
    values, axis = one.spectra[row], one.axis
    about = spectra.metadata
    quantity = _QUANTITIES.get(one.quantity, one.quantity.upper())
    known = values[np.isfinite(values)]
    yield f"##TITLE={_line(spectra.sample_ids[row])}"
    yield "##JCAMP-DX=4.24"
    yield f"##DATA TYPE={_KINDS[spectra.modality]}"
    yield f"##ORIGIN={_line(about.get('origin', 'spektron_jax'))}"
    yield f"##OWNER={_line(about.get('owner', ''))}"
    if one.description:
        yield f"##SPECTROMETER/DATA SYSTEM={_line(one.description)}"
    yield f"##$INSTRUMENT={_line(name)}"
    yield from _listed("##CONCENTRATIONS=(NCU)", _targets(spectra, row))
    labels = [f"({_line(k)}, {_line(v[row])})" for k, v in spectra.labels.items()]
    yield from _listed("##$LABELS=(NV)", labels)
    yield f"##XUNITS={_UNITS[one.unit]}"
    yield f"##YUNITS={quantity}"
    yield "##XFACTOR=1"
    yield "##YFACTOR=1"
    yield f"##FIRSTX={float(axis[0])!r}"
    yield f"##LASTX={float(axis[-1])!r}"
    yield f"##NPOINTS={axis.size}"
    if np.isfinite(values[0]):
        yield f"##FIRSTY={_number(values[0])}"
    yield f"##MINY={_number(known.min())}"
    yield f"##MAXY={_number(known.max())}"
    yield from _data(one, values)
    yield "##END="


def _data(one: InstrumentSpectra, values: np.ndarray) -> Iterator[str]:
    axis = one.axis
    even = np.linspace(axis[0], axis[-1], axis.size)
    step = float(axis[-1] - axis[0]) / (axis.size - 1)
    words = [_number(value) for value in values]
    if np.abs(even - axis).max() > AXIS_TOLERANCE * step:
        yield "##XYPOINTS=(XY..XY)"
        yield from (f"{float(x)!r}, {y}" for x, y in zip(axis, words, strict=True))
        return
    yield f"##DELTAX={step!r}"
    yield "##XYDATA=(X++(Y..Y))"
    line = ""
    for x, word in zip(even, words, strict=True):
        if line and len(line) + 1 + len(word) > MAX_LINE:
            yield line
            line = ""
        line = f"{line or f'{x:.10g}'} {word}"
    yield line


def _targets(spectra: SpectraSet, row: int) -> list[str]:
    return [
        f"({_line(name)}, {_number(value)}, {_line(unit)})"
        for name, unit, value in zip(
            spectra.target_names,
            spectra.target_units,
            spectra.targets[row],
            strict=True,
        )
    ]


def _listed(head: str, items: list[str]) -> list[str]:
    return [head, *items] if items else []


def _number(value: np.float32) -> str:
    """The shortest decimal without an exponent, or ?."""
    if not np.isfinite(value):
        return "?"
    return np.format_float_positional(np.float32(value), trim="-")


def _line(text: object) -> str:
    return " ".join(str(text).split())
