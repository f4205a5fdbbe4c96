"""One set of parameters over fixed examples: what evaluation, curves and audit share.

Molecules, instruments, noise and masks are fixed by the seed alone, so values compare
between runs and between steps of a run.

Dimension legend: M molecules x modalities, N instruments, B batch, L points, Z width.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from spektron_jax.losses.bottleneck import kl_per_dimension
from spektron_jax.spectra.grid import MODALITIES
from spektron_jax.training import views

FIRST_STEP = 2**30  # random streams of the evaluation: no training step gets there
LATENTS, LABELS = ("z_chem", "z_inst"), ("instrument", "molecule", "modality")
KL = ("kl_z_chem", "kl_z_inst")  # nats per latent dimension
SHORT = dict(zip(LATENTS, ("chem", "inst"), strict=True))


class Seen(NamedTuple):
    """One batch on one instrument, as the encoder takes it."""

    view: views.View
    clean: jax.Array  # (B, L) before the instrument, strongest band 1
    inputs: tuple  # measured, axis, valid and modality, for `encode`
    real: int  # rows that are no padding


class Judge:
    """Runs parameters over examples on instruments, in batches of one shape.

    All attributes may be replaced between calls; nothing is compiled again.

    Attributes:
      params: of the model.
      instruments: from `views.instruments_of`.
      seed: of noise and masks.
    """

    def __init__(self, config, model, params, source, instruments, seed=None):
        self.config, self.source, self.instruments = config, source, instruments
        self.seed = config.seed if seed is None else seed
        self.axis = views.axis_of(config)
        self.params: Any = jax.device_put(params)
        self.apply = jax.jit(functools.partial(model.apply, method=None))
        self.encode = jax.jit(functools.partial(model.apply, method="encode"))
        self.transfer = jax.jit(functools.partial(model.apply, method="transfer"))
        self.clean = jax.jit(lambda b: views.clean_spectra(config, b, self.axis))
        self._view = jax.jit(self._make_view)

    @property
    def count(self):
        """How many instruments there are."""
        return len(jax.tree.leaves(self.instruments)[0])

    def _make_view(self, seed, batch, clean, top, instrument, long_fraction, step):
        seed = jax.random.key_data(jax.random.key(seed))
        keys = views.example_keys(seed, step, batch["index"])
        path = jnp.ones((len(clean), 1))
        context = (self.config, batch, self.axis, instrument, clean, top, path, keys)
        return views.view(*context, long_fraction=long_fraction)

    def batches(self, molecule, modality):
        """Padded batches of one size and how many rows of each are real."""
        size = self.config.eval.batch_size
        for start in range(0, len(molecule), size):
            index = np.arange(start, start + size)
            real = min(size, len(molecule) - start)
            rows = index.clip(max=len(molecule) - 1)
            batch = {
                "index": index.astype(np.int32),
                "modality": modality[rows],
                **self.source.fetch(molecule[rows], modality[rows]),
            }
            yield batch, real

    def look(self, molecule, modality, instrument, step, long_fraction=0.0):
        """Yield Seen of pure molecules: strongest band 1 before the instrument."""
        for batch, real in self.batches(molecule, modality):
            clean, top = self.clean(batch)
            yield self.on(instrument, batch, clean, top, real, step, long_fraction)

    def on(self, instrument, batch, clean, top, real, step, long_fraction=0.0):
        """Seen of a batch whose clean spectra are known."""
        sample = batch, clean, top
        view = self._view(self.seed, *sample, instrument, long_fraction, step)
        axis = views.axes(self.config, self.axis, batch["modality"])
        inputs = (view.measured, axis, jnp.ones_like(view.hidden), batch["modality"])
        return Seen(view, clean, inputs, real)

    def everywhere(self, molecule, modality, step=FIRST_STEP + 1000):
        """Seen of every batch, instrument after instrument, nothing hidden."""
        for k in range(self.count):
            at = self.instruments.at(k)
            yield from self.look(molecule, modality, at, step + k)

    def codes(self, seen):
        """Latent means, KL per dimension and expert load of every real row."""
        rows = {name: [] for name in (*LATENTS, *KL, "load")}
        for one in seen:
            _, out = self.encode({"params": self.params}, *one.inputs)
            for name, short in SHORT.items():
                mean, spread = out[f"{short}_mean"], out[f"{short}_log_variance"]
                kl = kl_per_dimension(mean, spread)
                rows[name].append(np.asarray(mean)[: one.real])
                rows[f"kl_{name}"].append(np.asarray(kl)[: one.real])
            rows["load"].append(np.asarray(out["load"])[: one.real])
        return {name: np.concatenate(value) for name, value in rows.items()}

    def latents(self, molecule, modality, seen=None):
        """`codes` on every instrument, with the labels of each row.

        Args:
          molecule, modality: (M,) examples.
          seen: what `everywhere` gave for them, if it is to be used again.
        """
        seen = self.everywhere(molecule, modality) if seen is None else seen
        found = self.codes(seen)
        return found | {
            "instrument": np.repeat(np.arange(self.count), len(molecule)),
            "molecule": np.tile(molecule, self.count),
            "modality": np.tile(modality, self.count),
        }


def choose_molecules(source, modalities, split, count, seed):
    """`count` molecules of a split that show in every modality, drawn by seed, (M,).

    Fewer if there are fewer.
    """
    molecule, modality = source.examples(split)
    usable = np.unique(molecule)
    for name in modalities:
        usable = usable[np.isin(usable, molecule[modality == MODALITIES.index(name)])]
    return np.random.default_rng([seed, 1]).permutation(usable)[:count]
