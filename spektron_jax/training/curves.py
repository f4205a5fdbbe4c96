"""The design's three curves, during training: what z_chem and z_inst know.

Instrument accuracy on z_chem (should fall to chance), instrument accuracy on z_inst and
molecule accuracy on z_chem (should rise), on 16 validation molecules and instruments
that no pool holds, the same at every step; means over modalities. A probe of so few
molecules reads less than that of an audit, so compare along a curve, not with it.
"""

import numpy as np

from spektron_jax.probes.disentanglement import code_metrics
from spektron_jax.spectra.grid import MODALITIES
from spektron_jax.training.evaluator import make_evaluator

MOLECULES = 16
PROBE_FOLDS = 5  # fewer molecules cannot be probed
CURVES = (("z_chem", "instrument"), ("z_inst", "instrument"), ("z_chem", "molecule"))


class Curves:
    """Points of the curves; what is measured is rendered once."""

    def __init__(self, config, model, source):
        self.evaluator = make_evaluator(config, model, None, source)
        self.evaluator.audit(config.eval.instruments, config.seed)
        chosen = self.evaluator.choose("validation", MOLECULES)
        self.rendered = []
        for name in config.data.modalities if len(chosen) >= PROBE_FOLDS else ():
            code = np.full(len(chosen), MODALITIES.index(name), np.int32)
            batches = list(self.evaluator.all_instruments(chosen, code))
            self.rendered.append((chosen, code, batches))

    def __call__(self, params):
        """Three accuracies by name; none if there are too few validation molecules."""
        self.evaluator.params = params
        found = [
            code_metrics(self.evaluator.latents(*one), self.evaluator.seed)
            for one in self.rendered
        ]
        if not found:
            return {}
        return {
            f"curve/{code}_{what}": float(
                np.mean([one[code][what]["accuracy"] for one in found])
            )
            for code, what in CURVES
        }
