"""Samples with labels to explain predictions of: the user's own, or virtual powders.

Sizes: n spectra, p points.
"""

from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict

from spektron_jax import lab
from spektron_jax.corpus.line_corpus import LineCorpus
from spektron_jax.spectra.samples import read_samples

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


def virtual_samples(seed: int) -> CalibrationSet:
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


def own_samples(given: ConfigDict) -> CalibrationSet:
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
