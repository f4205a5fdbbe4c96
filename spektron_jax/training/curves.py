"""The design's three curves, during training: what z_chem and z_inst know.

Instrument accuracy on z_chem (should fall to chance), instrument accuracy on z_inst and
molecule accuracy on z_chem (should rise), on 16 validation molecules and instruments
that no pool holds, the same at every step; means over modalities. A probe of so few
molecules reads less than that of an audit, so compare along a curve, not with it.
"""

import numpy as np

from spektron_jax.lab.instruments import audit_instruments
from spektron_jax.probes.disentanglement import code_figures
from spektron_jax.spectra.grid import MODALITIES
from spektron_jax.training import views
from spektron_jax.training.judge import Judge, choose_molecules

MOLECULES = 16
LEAST = 5  # of the probe's folds


class Curves:
    """Points of the curves; what is measured is rendered once."""

    def __init__(self, config, model, source):
        modalities = config.data.modalities
        instruments = views.instruments_of(
            config, audit_instruments, config.eval.instruments
        )
        self.judge = Judge(config, model, None, source, instruments)
        chosen = choose_molecules(
            source, modalities, "validation", MOLECULES, config.seed
        )
        self.seen = []
        for name in modalities if len(chosen) >= LEAST else ():
            code = np.full(len(chosen), MODALITIES.index(name), np.int32)
            batches = list(self.judge.everywhere(chosen, code))
            self.seen.append((chosen, code, batches))

    def __call__(self, params):
        """Three accuracies by name; none if there are too few validation molecules."""
        self.judge.params = params
        found = [
            code_figures(self.judge.latents(*seen), self.judge.seed)
            for seen in self.seen
        ]
        if not found:
            return {}
        asked = ("z_chem", "instrument"), ("z_inst", "instrument")
        return {
            f"curve/{code}_{what}": float(
                np.mean([one[code][what]["accuracy"] for one in found])
            )
            for code, what in (*asked, ("z_chem", "molecule"))
        }
