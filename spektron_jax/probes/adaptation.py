"""Does test-time training hurt? Molecules found again before and after it.

A few unlabelled validation spectra of one instrument adapt the encoder as they would in
use (`transfer.ttt`); the library stays encoded as before, on another instrument.

Dimension legend: M molecules, K adapting spectra, L points.
"""

import numpy as np

from spektron_jax.encoder.load import Encoder
from spektron_jax.encoder.test_time import adapt
from spektron_jax.probes.probes import molecule_probe
from spektron_jax.spectra.grid import MODALITIES
from spektron_jax.training import views
from spektron_jax.training.judge import FIRST_STEP, choose_molecules

SPECTRA = 10  # that adapt
STEP = FIRST_STEP + 4000  # their random stream, and that of the test spectra


def adaptation(judge, model, molecules):
    """Molecule accuracy between two instruments, mean over modalities.

    Args:
      judge: from `audit.figures.judge_of`.
      model: the Flax module.
      molecules: of the test split, how many.

    Returns:
      before and after the encoder of the second instrument is adapted.
    """
    config, params = judge.config, judge.params
    names = config.data.modalities
    test, few = (
        choose_molecules(judge.source, names, split, count, judge.seed)
        for split, count in (("test", molecules), ("validation", SPECTRA))
    )
    found = {"before": [], "after": []}
    for name in names:
        library, queries, adapting = (
            list(judge.look(chosen, _code(chosen, name), judge.instruments.at(k), STEP))
            for chosen, k in ((test, 0), (test, 1), (few, 1))
        )
        known = judge.codes(library)["z_chem"]
        spectra = np.concatenate([s.view.measured[: s.real] for s in adapting])
        axis = np.asarray(views.axes(config, judge.axis, adapting[0].inputs[3]))
        axis = axis if axis.ndim == 1 else axis[0]
        encoder = Encoder(config, model, params)
        adapted, _ = adapt(encoder, config.data.scale * spectra, axis, "cm-1", name)
        for when, its in (("before", params), ("after", adapted.params)):
            judge.params = its
            z = np.concatenate([known, judge.codes(queries)["z_chem"]])
            side = np.repeat([0, 1], len(test))
            found[when].append(molecule_probe(z, side, np.tile(test, 2))["accuracy"])
        judge.params = params
    return {when: float(np.mean(values)) for when, values in found.items()}


def _code(molecule, name):
    return np.full(len(molecule), MODALITIES.index(name), np.int32)
