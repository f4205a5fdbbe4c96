"""Spectra to look at weights with: test molecules by modality, a virtual calibration.

Sizes: n spectra, p points.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from spektron_jax import lab
from spektron_jax.corpus.line_corpus import LineCorpus
from spektron_jax.spectra.grid import MODALITIES, NIR_CM1
from spektron_jax.spectra.samples import read_samples
from spektron_jax.training.simulator import make_simulator

PRESETS = {"IR": "ftir", "Raman": "raman_785", "NIR": "ft_nir"}
BATCH = 16
COMPONENTS = {"ethanol": "CCO", "hexane": "CCCCCC", "benzene": "c1ccccc1", "water": "O"}


class CalibrationSet(NamedTuple):
    """A calibration set on one instrument."""

    spectra: np.ndarray  # (n, p)
    axis: np.ndarray  # (p,)
    unit: str
    modality: str
    y: np.ndarray  # (n,) NaN where unknown
    name: str  # of y, with its unit
    source: str  # where they come from, in words


def molecules(config, modality, count, seed, instrument=0):
    """Test molecules on an instrument outside every pool.

    Args:
      config: settings that the weights were trained with.
      modality: one of `config.data.modalities`.
      count: of molecules, at most.
      seed: of the choice of molecules, and of noise.
      instrument: seed of the instrument.

    Returns:
      (spectra (n, L), axis (L,) cm-1).
    """
    data, code = config.data, MODALITIES.index(modality)
    corpus = LineCorpus.load("", tuple(data.modalities), data.low_cm1, data.high_cm1)
    rows, codes = corpus.examples("test")
    rows = np.random.default_rng(seed).permutation(rows[codes == code])[:count]
    ends = NIR_CM1 if modality == "NIR" else (data.low_cm1, data.high_cm1)
    simulator = make_simulator(config)
    render = jax.jit(lambda batch: simulator.clean(batch)[0])
    clean = []
    for start in range(0, len(rows), BATCH):
        some = np.resize(rows[start : start + BATCH], BATCH)  # one shape
        kind = np.full(BATCH, code)
        batch = {"modality": jnp.asarray(kind), **corpus.fetch(some, kind)}
        clean.append(np.asarray(render(batch))[: len(rows) - start])
    axis = np.linspace(*ends, data.points)
    drawn = lab.draw(PRESETS[modality], instrument)
    key = jax.random.fold_in(jax.random.key(seed), instrument)
    return lab.measure(np.concatenate(clean), axis, "cm-1", drawn, key), axis


def virtual_samples(seed):
    """80 virtual NIR powders; y is their share of benzene."""
    corpus = LineCorpus.load()
    bonds = corpus.bonds(corpus.rows_of(COMPONENTS.values()))
    task = lab.transfer_task(bonds, seed, names=tuple(COMPONENTS))
    column = task.names.index("benzene")
    return CalibrationSet(
        task.spectra_a,
        task.axis_a,
        "nm",
        "NIR",
        task.targets[:, column],
        f"benzene, {task.units[column]}",
        f"virtual NIR powders of {', '.join(COMPONENTS)} (transfer task, seed {seed})",
    )


def own_samples(given):
    """The user's own samples; `given` is config.data of configs/interpret.py.

    Raises:
      SpektronError: names the setting to give when the file leaves a choice.
    """
    found = read_samples(given)
    labels = found.labels.only(given.property)
    y = labels.at(found.ids)[:, 0]
    kept = np.isfinite(found.X).any(axis=1) & np.isfinite(y)
    name, unit = labels.names[0], labels.units[0]
    return CalibrationSet(
        found.X[kept],
        found.axis,
        found.unit,
        found.modality,
        y[kept],
        f"{name}, {unit}" if unit else name,
        f"{given.path}, instrument {found.instrument}",
    )
