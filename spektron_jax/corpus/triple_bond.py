"""The band that tells whether spectra and molecules belong together.

C#C and C#N stretch at 2,050-2,350 cm-1, where other molecules of H, C, N, O and F show
next to nothing. Where rows are shifted by one, most such molecules lack it.
"""

import numpy as np

from spektron_jax.errors import SpektronError

TRIPLE_CM1 = (2050.0, 2350.0)
LEAST_MOLECULES = 10
LEAST_SHARE = 0.7  # of the triple bonds that must show their band
LEAST_HEIGHT = 0.05  # of the strongest band of the spectrum


def has_triple_bond(smiles: str) -> bool:
    """Whether a SMILES names C#C or C#N."""
    return "C#C" in smiles or "C#N" in smiles or "N#C" in smiles


def shows_band(spectrum: np.ndarray, axis_cm1: np.ndarray) -> bool:
    """Whether a Raman spectrum, (p,), shows the band of a triple bond."""
    inside = (axis_cm1 >= TRIPLE_CM1[0]) & (axis_cm1 <= TRIPLE_CM1[1])
    return bool(spectrum[inside].max(initial=0) > LEAST_HEIGHT * spectrum.max())


def check(place: str, molecules: int, showing: int) -> None:
    """Raise SpektronError if too few of the molecules with triple bonds show it."""
    if molecules >= LEAST_MOLECULES and showing < LEAST_SHARE * molecules:
        raise SpektronError(
            f"{place}: only {showing} of {molecules} molecules with a triple bond show "
            "its band; molecules and spectra of these files do not belong together"
        )


def check_rows(place: str, raman, axis_cm1: np.ndarray, smiles: list[str]) -> None:
    """`check` on up to 2,000 molecules of a dataset of Raman spectra, (n, p)."""
    if axis_cm1[0] > TRIPLE_CM1[0] or axis_cm1[-1] < TRIPLE_CM1[1]:
        return
    rows = [i for i, text in enumerate(smiles) if has_triple_bond(text)][:2000]
    seen = [shows_band(values, axis_cm1) for i in rows if (values := raman[i]).any()]
    check(place, len(seen), sum(seen))
