"""Does test-time training hurt? Retrieval of molecules before and after it.

A few unlabelled validation spectra of one instrument adapt the encoder as they would in
use (`encoder/test_time.py`); the library stays encoded as before, on another
instrument.

Dimension legend: M molecules, K adapting spectra, L points.
"""

from typing import Any

import numpy as np

from spektron_jax.encoder.load import Encoder
from spektron_jax.encoder.test_time import adapt
from spektron_jax.probes.probes import molecule_probe
from spektron_jax.spectra.grid import MODALITIES

SPECTRA = 10  # that adapt
STREAM = 4000  # their random stream, and that of the test spectra


def adaptation(evaluator: Any, encoder: Encoder, molecules: int) -> dict[str, float]:
    """Top-1 retrieval between two instruments, mean over modalities.

    Args:
      evaluator: of the encoder's weights, with two instruments or more.
      encoder: that is adapted.
      molecules: of the test split, how many.

    Returns:
      before and after the encoder of the second instrument is adapted.
    """
    scale, params = evaluator.simulator.scale, evaluator.params
    test = evaluator.choose("test", molecules)
    few = evaluator.choose("validation", SPECTRA)
    found: dict[str, list[float]] = {"before": [], "after": []}
    for name in evaluator.modalities:
        library, queries, adapting = (
            list(
                evaluator.render(
                    chosen, _code(chosen, name), evaluator.instruments.at(k), STREAM
                )
            )
            for chosen, k in ((test, 0), (test, 1), (few, 1))
        )
        known = evaluator.encode(library)["z_chem"]
        spectra = np.concatenate([s.view.measured[: s.real] for s in adapting])
        axis = np.asarray(adapting[0].inputs[1])
        axis = axis if axis.ndim == 1 else axis[0]
        adapted, _ = adapt(encoder, scale * spectra, axis, "cm-1", name)
        for when, its in (("before", params), ("after", adapted.params)):
            evaluator.params = its
            z = np.concatenate([known, evaluator.encode(queries)["z_chem"]])
            side = np.repeat([0, 1], len(test))
            found[when].append(molecule_probe(z, side, np.tile(test, 2))["accuracy"])
        evaluator.params = params
    return {when: float(np.mean(values)) for when, values in found.items()}


def _code(molecule: np.ndarray, name: str) -> np.ndarray:
    return np.full(len(molecule), MODALITIES.index(name), np.int32)
