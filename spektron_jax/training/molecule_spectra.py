"""Spectra of test molecules as weights know them, on an instrument outside every pool.

n = molecules, L = spectral points.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from spektron_jax import lab
from spektron_jax.corpus.line_corpus import LineCorpus
from spektron_jax.spectra.grid import MODALITIES, NIR_CM1
from spektron_jax.training.simulator import make_simulator

PRESETS = {"IR": "ftir", "Raman": "raman_785", "NIR": "ft_nir"}
BATCH = 16


def molecule_spectra(
    config: ConfigDict, modality: str, count: int, seed: int, instrument: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Test molecules of the shipped corpus on one instrument.

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
    simulator = dataclasses.replace(make_simulator(config), gridded=False)
    render = jax.jit(lambda batch: simulator.clean(batch)[0])
    clean = []
    for start in range(0, len(rows), BATCH):
        some = np.resize(rows[start : start + BATCH], BATCH)  # one shape
        kind = np.full(BATCH, code)
        batch = {"modality": jnp.asarray(kind), **corpus.fetch(some, kind)}
        clean.append(np.asarray(render(batch))[: len(rows) - start])
    low, high = ends
    axis = np.linspace(low, high, data.points)
    drawn = lab.draw(PRESETS[modality], instrument)
    key = jax.random.fold_in(jax.random.key(seed), instrument)
    return lab.measure(np.concatenate(clean), axis, "cm-1", drawn, key), axis
