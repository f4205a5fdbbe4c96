"""Spectra of one instrument as SPC in the new format of GRAMS (version 4B).

512 bytes of header, an axis (float32) where the steps are uneven, then for each
spectrum a subheader of 32 bytes and its ordinates as float32 (exponent -128); at the
end the log, whose text says what the header has no place for (SPC.H of Galactic
Industries, "Universal Data Format Specification"). The file's own log line starts with
`LOG_KEY`; `readers/spc` takes it from there.

n = spectra, p = points.
"""

import json
from pathlib import Path

import numpy as np

from spektron_jax.spectra.readers.spc import (
    FLOAT,
    HAS_AXIS,
    HEADER,
    LABELS,
    LOG_HEADER,
    LOG_KEY,
    MULTI,
    QUANTITIES,
    RAMAN_SHIFT,
    SUBHEADER,
    UNITS,
)
from spektron_jax.spectra.spectra_set import SpectraSet
from spektron_jax.spectra.writers.read_back import AXIS_TOLERANCE

_AXIS_NAMES = {"cm-1": "Wavenumber (cm-1)", "nm": "Wavelength (nm)"}
_AXIS_NAMES["um"] = "Wavelength (um)"
_LOG_BLOCK = 4096  # the size in memory is a multiple of it


def write(path: Path, spectra: SpectraSet, name: str) -> None:
    """Write one instrument of a set; see the top."""
    one = spectra.instruments[name]
    axis = one.axis
    step = float(axis[-1] - axis[0]) / (axis.size - 1)
    even = np.linspace(axis[0], axis[-1], axis.size)
    stored = bool(np.abs(even - axis).max() > AXIS_TOLERANCE * step)
    body = [axis.astype("<f4").tobytes()] if stored else []
    for i, values in enumerate(one.spectra):
        head = (0, FLOAT, i % 2**16, float(i), float(i + 1), 0.0, 0, 0, 0.0, b"")
        body += [SUBHEADER.pack(*head), values.astype("<f4").tobytes()]
    log_at = HEADER.size + sum(map(len, body))
    header = _header(spectra, name, stored, log_at)
    path.write_bytes(b"".join([header, *body, _log(spectra, name)]))


def _header(spectra: SpectraSet, name: str, stored: bool, log_at: int) -> bytes:
    one = spectra.instruments[name]
    raman = spectra.modality == "Raman" and one.unit == "cm-1"
    xtype = RAMAN_SHIFT if raman else _code(UNITS, one.unit)
    ytype = _code(QUANTITIES, one.quantity)
    several = len(spectra) > 1
    labels = b""
    if ytype == 0 and one.quantity != "unknown":
        shown = "Raman shift (cm-1)" if raman else _AXIS_NAMES[one.unit]
        labels = b"\0".join(map(_latin, (shown, one.quantity, ""))) + b"\0"
    flags = MULTI * several | HAS_AXIS * stored | LABELS * bool(labels)
    comment = spectra.metadata.get("comment", spectra.metadata.get("title", ""))
    return HEADER.pack(
        *(flags, 0x4B, 0, FLOAT, one.axis.size, one.axis[0], one.axis[-1]),
        *(len(spectra), xtype, ytype, 0, 0, 0, b"", _latin(one.description)[:8], 0),
        *(0.0,) * 8,
        *(_latin(comment)[:129], labels[:30], log_at, 0, 0, 0, 0, 1.0, b""),
        *(1.0 if several else 0.0, 0, 0.0, 0, b""),
    )


def _log(spectra: SpectraSet, name: str) -> bytes:
    """The log: its header, and one line of JSON."""
    about = {
        "instrument": name,
        "description": spectra.instruments[name].description,
        "modality": spectra.modality,
        "sample_ids": spectra.sample_ids.tolist(),
        "targets": [
            [target, unit, [None if np.isnan(v) else float(str(v)) for v in values]]
            for target, unit, values in zip(
                spectra.target_names,
                spectra.target_units,
                spectra.targets.T,
                strict=True,
            )
        ],
        "labels": {key: values.tolist() for key, values in spectra.labels.items()},
        "metadata": {key: str(text) for key, text in spectra.metadata.items()},
    }
    text = f"{LOG_KEY}{json.dumps(about)}\r\n\0".encode("ascii")
    size = LOG_HEADER.size + len(text)
    memory = -(-size // _LOG_BLOCK) * _LOG_BLOCK
    return LOG_HEADER.pack(size, memory, LOG_HEADER.size, 0, 0, b"") + text


def _code(codes: dict[int, str], name: str) -> int:
    """The first code of a name; 0, arbitrary, if there is none."""
    return next((code for code, known in codes.items() if known == name), 0)


def _latin(text: str) -> bytes:
    return " ".join(text.split()).encode("latin-1", "replace")
