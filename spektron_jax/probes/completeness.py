"""How much of a molecule's vibration a spectrum can show at all: R(G, N).

A molecule of N atoms has 3N - 6 vibrational modes (linear: 3N - 5). Symmetry G decides
which of them light can reach: a mode absorbs in the IR if it transforms like x, y or z
(it changes the dipole), and scatters in the Raman if it transforms like a product of
two of them (it changes the polarizability). The information completeness ratio is

    R(G, N) = modes that are IR- or Raman-active / (3N - 6)

R = 1: every vibration shows in one of the two. R < 1: some are silent in both, and no
instrument and no model can recover them from these spectra.

With a centre of inversion, x, y and z change sign under it and their products do not:
no mode is active in both (mutual exclusion), so IR and Raman are complementary and
neither alone is complete. Degenerate modes are counted as often as they occur, in the
numerator as in the denominator, so benzene (D6h) has 30 modes: 7 in the IR, 12 in the
Raman, 19 in either, R = 19/30. (A degenerate pair is a single band: R counts motions,
not bands.) See Wilson, Decius & Cross, Molecular Vibrations (1955), chapters 6 and 7.

Here activity is read from computed intensities by a threshold relative to the
molecule's strongest line. `ALLOWED` asks what symmetry permits: what it forbids comes
out below 1e-5 of the strongest line, as far as the geometry keeps the symmetry, and
what it permits may by chance be nearly as weak. The threshold was chosen on TEXTBOOK
(cyclohexane comes out as 44 for 43); of other molecules trimethylphosphine is right, 29
of 33, cubane two too high, 29 of 42, and tetracyanoethylene one too low, 21 of 24.
`VISIBLE` asks what an instrument sees: 1 % of the strongest line.

n = molecules, l = lines of all of them.
"""

from typing import Any, NamedTuple

import numpy as np

ALLOWED = 3e-6  # share of the strongest line; the molecules below agree there
VISIBLE = 1e-2
NOTHING = 1e-6  # km/mol or A^4/amu: a molecule without a stronger line has none

# SMILES: name, point group, modes, IR-active, Raman-active, in either, in both; each
# degenerate mode counted as often as it occurs (Herzberg 1945, tables 53 to 55).
TEXTBOOK = {
    "O": ("water", "C2v", 3, 3, 3, 3, 3),
    "N": ("ammonia", "C3v", 6, 6, 6, 6, 6),
    "C": ("methane", "Td", 9, 6, 9, 9, 6),
    "ClC(Cl)(Cl)Cl": ("tetrachloromethane", "Td", 9, 6, 9, 9, 6),
    "N#N": ("nitrogen", "D∞h", 1, 0, 1, 1, 0),
    "C#C": ("acetylene", "D∞h", 7, 3, 4, 7, 0),
    "C#CC#C": ("diacetylene", "D∞h", 13, 6, 7, 13, 0),
    "C=C": ("ethylene", "D2h", 12, 5, 6, 11, 0),
    "CC": ("ethane", "D3d", 18, 8, 9, 17, 0),
    "FC(F)(F)C(F)(F)F": ("hexafluoroethane", "D3d", 18, 8, 9, 17, 0),
    "c1ccccc1": ("benzene", "D6h", 30, 7, 12, 19, 0),
    "C1CCCCC1": ("cyclohexane", "D3d", 48, 21, 22, 43, 0),
    "c1ccc2ccccc2c1": ("naphthalene", "D2h", 48, 20, 24, 44, 0),
}


class Completeness(NamedTuple):
    """Numbers of modes, (n,) int each."""

    modes: np.ndarray  # 3N - 6, or 3N - 5
    ir: np.ndarray  # active in the IR
    raman: np.ndarray
    either: np.ndarray
    both: np.ndarray  # 0 where molecules have a centre of inversion

    @property
    def ratio(self) -> np.ndarray:
        """R(G, N), (n,)."""
        return self.either / self.modes


class TextbookMolecule(NamedTuple):
    """Modes, IR-active, Raman-active, in either, in both: as expected, and as found."""

    name: str
    group: str
    expected: tuple[int, ...]
    found: tuple[int, ...]


class Activity(NamedTuple):
    """What spectra of a corpus can show, by symmetry and by strength."""

    ratio: np.ndarray  # (n,) R(G, N) by symmetry
    visible_share: dict[str, np.ndarray]  # ir, raman, either -> share of modes (n,)
    textbook: list[TextbookMolecule]
    incomplete: int  # molecules in which symmetry hides modes
    exclusive: int  # molecules in which no mode is active in both
    allowed: float = ALLOWED
    visible: float = VISIBLE

    def mean_visible(self) -> dict[str, float]:
        """Means of `visible_share` over the molecules."""
        return {name: float(np.mean(v)) for name, v in self.visible_share.items()}


def compare_activity(corpus: Any) -> Activity:
    """`Activity` of a LineCorpus."""
    lines = (
        corpus.ir_intensity_km_mol,
        corpus.raman_activity,
        corpus.line_offset,
        corpus.modes,
    )
    allowed = completeness(*lines)
    visible = completeness(*lines, threshold=VISIBLE)
    # Modes that are not listed at all (below 20 cm-1) are no matter of symmetry.
    silent = np.diff(corpus.line_offset) - allowed.either
    centred = (allowed.both == 0) & (allowed.modes > 1)
    rows = zip(corpus.rows_of(TEXTBOOK), TEXTBOOK.values(), strict=True)
    return Activity(
        ratio=1 - silent / allowed.modes,
        visible_share={
            name: getattr(visible, name) / visible.modes
            for name in ("ir", "raman", "either")
        },
        textbook=[
            TextbookMolecule(
                name, group, tuple(expected), tuple(int(each[row]) for each in allowed)
            )
            for row, (name, group, *expected) in rows
        ],
        incomplete=int(np.sum(silent > 0)),
        exclusive=int(centred.sum()),
    )


def completeness(
    ir: np.ndarray,
    raman: np.ndarray,
    offset: np.ndarray,
    modes: np.ndarray,
    threshold: float = ALLOWED,
    inside: np.ndarray | None = None,
) -> Completeness:
    """Count active modes of every molecule.

    Args:
      ir: IR intensities, km/mol                                       (l,)
      raman: Raman activities, A^4/amu                                 (l,)
      offset: lines of molecule i are [offset[i], offset[i + 1])       (n + 1,)
      modes: of each molecule, lines that are not listed included      (n,)
      threshold: least strength of an active mode, share of the molecule's strongest
      inside: lines that the instrument's range holds; None: all       (l,) bool

    Raises:
      ValueError: the arrays do not fit together, or threshold is not in (0, 1).
    """
    offset, modes = np.asarray(offset), np.asarray(modes)
    ir, raman = np.asarray(ir, np.float64), np.asarray(raman, np.float64)
    inside = np.ones(ir.shape, bool) if inside is None else np.asarray(inside)
    if not 0 < threshold < 1:
        raise ValueError(f"threshold = {threshold}: must lie between 0 and 1")
    if modes.shape != (offset.size - 1,) or not (
        ir.shape == raman.shape == inside.shape == (offset[-1],)
    ):
        raise ValueError(
            f"{ir.size} and {raman.size} strengths, {offset[-1]} lines by offset; "
            f"{modes.size} numbers of modes for {offset.size - 1} molecules"
        )
    owner = np.repeat(np.arange(modes.size), np.diff(offset))
    seen = []
    for strength in (ir, raman):
        strongest = np.zeros(modes.size)
        np.maximum.at(strongest, owner, strength)
        least = np.maximum(threshold * strongest, NOTHING)
        seen.append((strength > least[owner]) & inside)

    def count(lines):
        return np.bincount(owner[lines], minlength=modes.size)

    absorbs, scatters = seen
    return Completeness(
        modes,
        count(absorbs),
        count(scatters),
        count(absorbs | scatters),
        count(absorbs & scatters),
    )
