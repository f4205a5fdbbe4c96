"""ASD FieldSpec and LabSpec (.asd): raw counts of target and white reference.

A header of 484 bytes gives the kind of data (byte 186), first wavelength and step
(float32 at 191), the type of numbers (199: float32, int32, float64) and the channels
(204); the target follows, then, after its times and a description, the reference.
Layout from ASD's "Indico version 8 file format"; values agree with an independent
reader on a file of raw counts. Files that hold another kind of data are refused, since
none was at hand to check against.
"""

import re
from pathlib import Path

import numpy as np

from spektron_jax.spectra.readers.fields import Fields
from spektron_jax.spectra.readers.parsed import Log, ParsedSpectra

HEAD = re.compile(rb"ASD|as[2-8]")
_START = 484
_KINDS = {1: "reflectance", 2: "radiance", 4: "irradiance", 6: "transmittance"}
_NUMBERS = {0: "<f4", 1: "<i4", 2: "<f8"}


def read(path: Path, log: Log, modality: str | None) -> list[ParsedSpectra]:
    """Return the spectrum of an .asd file; the white reference is a standard."""
    fields = Fields(path.read_bytes(), log)
    (kind,) = fields.unpack("B", 186, "header")
    first, step = fields.unpack("2f", 191, "header")
    (form,) = fields.unpack("B", 199, "header")
    (channels,) = fields.unpack("H", 204, "header")
    if kind != 0:
        what = _KINDS.get(kind, f"data of kind {kind}")
        log.fail("header", f"holds {what}; export it as text with ViewSpec Pro")
    if form not in _NUMBERS or channels < 2:
        log.fail("header", f"type of numbers {form}, {channels} channels: damaged")
    kind_of_number = _NUMBERS[form]
    values = fields.array(kind_of_number, channels, _START, "spectrum")
    axis = fields.line(first, first + step * (channels - 1), channels, "header")
    part = ParsedSpectra(
        axis=axis,
        spectra=values[None],
        sample_ids=[path.stem],
        places=["spectrum"],
        unit="nm",
        quantity="counts",
        metadata={"comment": fields.text(3, 157, "header")},
    )
    reference = _reference(fields, kind_of_number, channels)
    if reference is not None:
        part.standards = ["white reference"], reference[None]
        log.note(
            "spectrum",
            "raw counts; the white reference is in .standards: reflectance is their "
            "quotient",
        )
    return [part]


def _reference(fields: Fields, kind: str, channels: int) -> np.ndarray | None:
    """The white reference, (channels,), where the file has one."""
    size = np.dtype(kind).itemsize * channels
    at = _START + size
    if fields.data[:3] in (b"ASD", b"as1") or at + 20 > len(fields):
        return None
    flag, _, _, length = fields.unpack("H8s8sH", at, "reference")
    if not flag or at + 20 + length + size > len(fields):
        return None
    values = fields.array(kind, channels, at + 20 + length, "reference")
    return values if np.isfinite(values).all() and values.any() else None
