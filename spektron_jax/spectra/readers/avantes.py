"""Avantes AvaSoft 7, transmittance (.trm): sample, white and dark of every pixel.

100 float32 stand first: 70, the device's name as letters, the polynomial of the
wavelengths (74 to 78), first and last pixel; then sample, white and dark in turn:

    T = (sample - dark) / (white - dark)

Layout from Avantes' manual of AvaSoft 7; values agree with an independent reader on one
file. Text of AvaSoft is read as any text.
"""

from pathlib import Path

import numpy as np

from spektron_jax.spectra.readers.fields import Fields
from spektron_jax.spectra.readers.parsed import Log, ParsedSpectra

HEAD = b"\0\0\x8cB"  # 70, float32
_HEADER = 100
_POLYNOMIAL, _FIRST = 74, 79


def read(path: Path, log: Log, modality: str | None) -> list[ParsedSpectra]:
    """Return the spectrum of a .trm file, in per cent."""
    fields = Fields(path.read_bytes(), log)
    header = fields.array("<f4", _HEADER, 0, "header")
    first, last = header[_FIRST : _FIRST + 2]
    pixels = last - first + 1
    if not (np.isfinite(header).all() and first >= 0 and 2 <= pixels <= len(fields)):
        log.fail("header", f"pixels {first:g} to {last:g}: damaged")
    pixel = np.arange(first, last + 1)
    axis = np.polyval(header[_POLYNOMIAL : _POLYNOMIAL + 5][::-1], pixel)
    table = fields.array("<f4", 3 * pixel.size, 4 * _HEADER, "pixels").reshape(-1, 3)
    sample, white, dark = table.T
    with np.errstate(all="ignore"):  # a white as dark as the dark: not measured
        values = 100.0 * (sample - dark) / (white - dark)
    values[~np.isfinite(values)] = np.nan
    return [
        ParsedSpectra(
            axis=axis,
            spectra=values[None],
            sample_ids=[path.stem],
            places=["pixels"],
            unit="nm",
            quantity="%T",
        )
    ]
