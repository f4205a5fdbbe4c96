"""One set of parameters over fixed examples: what evaluation, curves and probes share.

Molecules, instruments, noise and masks are fixed by the seed alone, so values compare
between runs and between steps of a run.

Dimension legend: M molecules x modalities, N instruments, B batch, L points, Z width.
"""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from spektron_jax.lab.instruments import audit_instruments
from spektron_jax.losses.bottleneck import kl_per_dimension
from spektron_jax.spectra.grid import MODALITIES
from spektron_jax.training.draws import example_keys
from spektron_jax.training.examples import open_training_source
from spektron_jax.training.simulator import View, make_simulator
from spektron_jax.training.state import build_model

FIRST_STEP = 2**30  # random streams of the evaluation: no training step gets there
STREAM = 1000  # of spectra with nothing hidden, measured once on every instrument
INSTRUMENTS = 4  # of an audit
LATENTS, LABELS = ("z_chem", "z_inst"), ("instrument", "molecule", "modality")
KL = ("kl_z_chem", "kl_z_inst")  # nats per latent dimension
SHORT = dict(zip(LATENTS, ("chem", "inst"), strict=True))


class RenderedBatch(NamedTuple):
    """One batch on one instrument, as the encoder takes it."""

    view: View
    clean: jax.Array  # (B, L) before the instrument, strongest band 1
    inputs: tuple  # measured, axis, valid and modality, for `encode`
    real: int  # rows that are no padding


class FixedEvaluator:
    """Runs parameters over examples on instruments, in batches of one shape.

    Attributes `params`, `instruments` and `seed` may be replaced between calls; nothing
    is compiled again.
    """

    def __init__(self, simulator, model, params, source, *, modalities, batch_size):
        """Put the parameters on the device; `audit` or `instruments` comes next.

        Args:
          simulator: of the spectra.
          model, params: what is run; the model has `apply` as a Flax module does.
          source: of molecules.
          modalities: that molecules are chosen by.
          batch_size: B.
        """
        self.simulator, self.source = simulator, source
        self.modalities, self.batch_size = tuple(modalities), batch_size
        self.params: Any = jax.device_put(params)
        self.seed: int = simulator.seed  # of molecules, noise and masks
        self.instruments: Any = None  # from `simulator.instruments`
        self.clean = jax.jit(simulator.clean)
        self._apply = jax.jit(model.apply, static_argnames="method")
        self._view = jax.jit(self._make_view, static_argnums=0)

    @property
    def count(self) -> int:
        """How many instruments there are."""
        return len(jax.tree.leaves(self.instruments)[0])

    def audit(self, instruments: int, seed: int) -> None:
        """Take on a seed, and this many instruments that no pool of any seed holds."""
        draw = self.simulator.instruments
        self.seed, self.instruments = seed, draw(audit_instruments, instruments, seed)

    def apply(self, *inputs, method=None):
        """The model's `apply` with these parameters, compiled."""
        return self._apply({"params": self.params}, *inputs, method=method)

    def choose(self, split: str, count: int) -> np.ndarray:
        """See `choose_molecules`."""
        return choose_molecules(self.source, self.modalities, split, count, self.seed)

    def batches(self, molecule, modality):
        """Padded batches of one size and how many rows of each are real."""
        size = self.batch_size
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

    def render(self, molecule, modality, instrument, stream, long_fraction=0.0):
        """Yield RenderedBatch of molecules, strongest band 1 before the instrument.

        stream: number of the random stream of noise and masks.
        """
        for batch, real in self.batches(molecule, modality):
            clean = self.clean(batch)
            yield self._rendered(
                False, batch, clean, real, instrument, stream, long_fraction
            )

    def render_spectra(self, spectra, modality, instrument, stream):
        """The same of spectra (M, L) as they are before the instrument."""
        size, ones = self.batch_size, jnp.ones((self.batch_size, 1))
        for start in range(0, len(spectra), size):
            index = np.arange(start, start + size, dtype=np.int32)
            rows = index.clip(max=len(spectra) - 1)
            batch = {"index": index, "modality": modality[rows]}
            clean, real = (spectra[rows], ones), min(size, len(spectra) - start)
            yield self._rendered(True, batch, clean, real, instrument, stream, 0.0)

    def _rendered(self, gridded, batch, clean, real, instrument, stream, long_fraction):
        step = FIRST_STEP + stream
        view = self._view(
            gridded, self.seed, batch, *clean, instrument, long_fraction, step
        )
        axis = self.simulator.axes(batch["modality"])
        inputs = (view.measured, axis, jnp.ones_like(view.hidden), batch["modality"])
        return RenderedBatch(view, clean[0], inputs, real)

    def _make_view(
        self, gridded, seed, batch, clean, top, instrument, long_fraction, step
    ):
        simulator = dataclasses.replace(
            self.simulator, gridded=gridded or self.simulator.gridded
        )
        seed = jax.random.key_data(jax.random.key(seed))
        keys = example_keys(seed, step, batch["index"])
        path = jnp.ones((len(clean), 1))
        return simulator.view(batch, instrument, clean, top, path, keys, long_fraction)

    def all_instruments(self, molecule, modality, stream=STREAM):
        """RenderedBatch of every batch, instrument after instrument, nothing hidden."""
        for k in range(self.count):
            at = self.instruments.at(k)
            yield from self.render(molecule, modality, at, stream + k)

    def encode(self, rendered):
        """Latent means, KL per dimension and expert load of every real row."""
        rows = {name: [] for name in (*LATENTS, *KL, "load")}
        for one in rendered:
            _, out = self.apply(*one.inputs, method="encode")
            for name, short in SHORT.items():
                mean, spread = out[f"{short}_mean"], out[f"{short}_log_variance"]
                kl = kl_per_dimension(mean, spread)
                rows[name].append(np.asarray(mean)[: one.real])
                rows[f"kl_{name}"].append(np.asarray(kl)[: one.real])
            rows["load"].append(np.asarray(out["load"])[: one.real])
        return {name: np.concatenate(value) for name, value in rows.items()}

    def latents(self, molecule, modality, rendered=None):
        """`encode` on every instrument, with the labels of each row.

        Args:
          molecule, modality: (M,) examples.
          rendered: what `all_instruments` gave for them, if it is to be used again.
        """
        if rendered is None:
            rendered = self.all_instruments(molecule, modality)
        return self.encode(rendered) | {
            "instrument": np.repeat(np.arange(self.count), len(molecule)),
            "molecule": np.tile(molecule, self.count),
            "modality": np.tile(modality, self.count),
        }


def make_evaluator(config, model, params, source, fluorescence=True):
    """The FixedEvaluator of a run's settings, still without instruments.

    fluorescence: False leaves it out, so that what differs is the instrument.
    """
    simulator = make_simulator(config)
    if not fluorescence:
        simulator = dataclasses.replace(simulator, fluorescence=0.0)
    return FixedEvaluator(
        simulator,
        model,
        params,
        source,
        modalities=config.data.modalities,
        batch_size=config.eval.batch_size,
    )


def audit_evaluator(params, config, model=None, source=None):
    """A FixedEvaluator for probes, on INSTRUMENTS that no pool holds.

    Args:
      params: of the model.
      config: settings that they were trained with.
      model: has `apply` as the Flax module does; built from the config if None.
      source: of molecules; that of config.data if None.
    """
    source = open_training_source(config) if source is None else source
    model = build_model(config) if model is None else model
    evaluator = make_evaluator(config, model, params, source, fluorescence=False)
    evaluator.audit(INSTRUMENTS, config.seed)
    return evaluator


def choose_molecules(source, modalities, split, count, seed):
    """`count` molecules of a split that show in every modality, drawn by seed, (M,).

    Fewer if there are fewer.
    """
    molecule, modality = source.examples(split)
    usable = np.unique(molecule)
    for name in modalities:
        usable = usable[np.isin(usable, molecule[modality == MODALITIES.index(name)])]
    return np.random.default_rng([seed, 1]).permutation(usable)[:count]
