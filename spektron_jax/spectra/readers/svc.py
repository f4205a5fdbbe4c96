"""Spectra Vista SIG text (.sig): wavelength, reference, target and reflectance.

Notes such as "name= x.sig" stand above the line "data="; below it every line holds
wavelength (nm), radiance or counts of the reference and of the target, and reflectance
in per cent. Where detectors overlap, wavelengths go back: the points are sorted, and
of two at one wavelength the first is kept.
"""

from pathlib import Path

import numpy as np

from spektron_jax.spectra.readers.cells import NotANumber, numbers
from spektron_jax.spectra.readers.csv import decode
from spektron_jax.spectra.readers.parsed import Log, ParsedSpectra

HEAD = b"/*** Spectra Vista SIG Data ***/"
_COLUMNS = 4


def read(path: Path, log: Log, modality: str | None) -> list[ParsedSpectra]:
    """Return the reflectance of a .sig file."""
    text, _ = decode(path.read_bytes(), log)
    lines = text.splitlines()
    starts = [i for i, line in enumerate(lines) if line.strip() == "data="]
    if len(starts) != 1:
        log.fail("file", "has no single line 'data=': damaged or cut off")
    rows = []
    for number, line in enumerate(lines[starts[0] + 1 :], start=starts[0] + 2):
        if not line.strip():
            continue
        cells = line.split()
        if len(cells) != _COLUMNS:
            log.error(f"line {number}", f"ragged: {len(cells)} numbers, not {_COLUMNS}")
            continue
        try:
            rows.append(numbers(cells))
        except NotANumber as error:
            log.error(f"line {number}", str(error))
    if len(rows) < 2:
        log.fail("file", "holds no spectrum below 'data='")
    table = np.array(rows)
    log.note("file", "reflectance taken; left out: the reference and the target")
    back = int((np.diff(table[:, 0]) <= 0).sum())
    if back:
        _, order = np.unique(table[:, 0], return_index=True)
        twice = len(table) - len(order)
        table = table[order]
        text = f"detectors overlap: wavelengths go back {back} times; points sorted"
        more = f", {twice} of the second detector at a wavelength of the first left out"
        log.note("file", text + more * bool(twice) + "; SVC's matching avoids this")
    notes = lines[: starts[0]]
    return [
        ParsedSpectra(
            axis=table[:, 0],
            spectra=table[None, :, 3],
            sample_ids=[path.stem],
            places=["file"],
            unit="nm",
            quantity="%R",
            axis_place="first column",
            metadata={"comments": "\n".join(notes)},
        )
    ]
