"""Spectra of corpus molecules on one virtual instrument, and what is known of them.

n = molecules, L = points, k = properties.
"""

import jax
import jax.numpy as jnp
import numpy as np

from spektron_jax import lab
from spektron_jax.corpus.line_corpus import LineCorpus
from spektron_jax.lab.nir import Bonds, nir_lines
from spektron_jax.lab.render import NIR_WIDTHS_CM1, render_grid, render_lines
from spektron_jax.spectra.grid import NIR_CM1, modality_code, pretraining_axis

PRESETS = {"IR": "ftir", "Raman": "raman_785", "NIR": "ft_nir"}
FWHM_CM1 = {"IR": 15.0, "Raman": 10.0}
BATCH = 100
POINTS = 1024
HYDROGEN_BONDED = 0.5  # share of NH and OH groups in hydrogen bonds
VALUES = (
    "dipole (D)",
    "polarizability (A3)",
    "energy per atom (hartree)",
    "heavy atoms",
)
MIN_GROUP_SHARE = 0.02  # of the molecules that have, and that lack, a group


def load() -> LineCorpus:
    """The shipped corpus, usable in all three modalities."""
    return LineCorpus.load(modalities=("IR", "Raman", "NIR"))


def molecules(
    corpus: LineCorpus, split: str, count: int, modality: str, seed: int
) -> np.ndarray:
    """At most `count` molecules of a split, drawn by seed, (n,); 0 = all."""
    usable = corpus.usable[:, modality_code(modality)] & (corpus.split == split)
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(usable))
    return np.sort(rows[:count] if count else rows)


def spectra(
    corpus: LineCorpus, rows: np.ndarray, modality: str, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """(spectra (n, L), axis (L,)) on a virtual instrument, strongest band 1."""
    ends = NIR_CM1 if modality == "NIR" else pretraining_axis()[[0, -1]]
    axis = np.linspace(ends[0], ends[-1], POINTS)
    instrument = lab.draw(PRESETS[modality], seed=seed)
    key, shown = jax.random.key(seed), []
    for start in range(0, len(rows), BATCH):
        # The last batch is filled up: one shape, one compilation.
        part = rows[np.arange(start, start + BATCH).clip(max=len(rows) - 1)]
        clean = _clean(corpus, part, modality, axis)
        noise = jax.random.fold_in(key, start)
        seen = lab.measure(clean, axis, "cm-1", instrument, noise)
        shown.append(seen[: len(rows) - start])
    return np.concatenate(shown).astype(np.float64), axis


def targets(
    corpus: LineCorpus, rows: np.ndarray
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names, values (n, k), and which are groups (present or not), (k,) bool."""
    names = corpus.smiles[rows].tolist()
    heavy = [sum(c.isalpha() and c not in "Hlr" for c in name) for name in names]
    values = np.column_stack(
        [
            corpus.dipole_debye[rows],
            corpus.polarizability_a3[rows],
            corpus.energy_hartree[rows] / corpus.natoms[rows],
            heavy,
        ]
    ).astype(np.float64)
    groups, counts = corpus.groups(rows)
    present = (counts > 0).astype(np.float64)
    columns = [*VALUES, *groups]
    return columns, np.column_stack([values, present]), np.arange(len(columns)) >= 4


def varied(train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Groups that enough molecules of both sets have and lack, (k,) bool."""
    shares = np.stack([train.mean(0), test.mean(0)])
    return np.all((shares >= MIN_GROUP_SHARE) & (shares <= 1 - MIN_GROUP_SHARE), axis=0)


def _clean(
    corpus: LineCorpus, rows: np.ndarray, modality: str, axis: np.ndarray
) -> np.ndarray:
    """Noise-free spectra, strongest band 1, (n, L)."""
    if modality == "NIR":
        found = _near(Bonds(**corpus.bonds(rows)), axis[0], axis[-1])
    else:
        code = np.full(rows.size, modality_code(modality), np.int32)
        lines = corpus.fetch(rows, code)
        found = _infrared(
            lines["position_cm1"],
            lines["strength"],
            jnp.asarray(axis, jnp.float32),
            FWHM_CM1[modality],
        )
    found = np.asarray(found)
    return found / found.max(axis=1, keepdims=True)


_infrared = jax.jit(render_lines)


@jax.jit
def _near(bonds, low, high):
    lines = nir_lines(bonds, None, HYDROGEN_BONDED)
    return render_grid(lines, low, high, POINTS, widths_cm1=NIR_WIDTHS_CM1)
