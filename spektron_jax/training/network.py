"""What a pretraining step asks of the networks, in parts that memory allows.

One encoder call serves three inputs of a microbatch: view a, view b and, for
Beer-Lambert, mixtures of neighbouring spectra of view a. The moving-average network
sees the unmasked views.

A step's gradient is that of its whole batch, into however many microbatches it is cut.
Only the networks go through it in parts; the losses compare all examples, since expert
load, instrument clouds and standardised targets are statistics of the batch. The price
is memory kept by time: with more than one microbatch the network's forward pass runs
once more in the backward pass (Gao et al. 2021). Dropout alone depends on the cut: its
masks are drawn for each microbatch of each device.

Dimension legend: A microbatches of B spectra each, L points, N instruments.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from spektron_jax.losses.bottleneck import cross_entropy
from spektron_jax.losses.contrastive import standardise
from spektron_jax.losses.objective import Outputs
from spektron_jax.training import parallel
from spektron_jax.training.simulator import Inputs, Simulator
from spektron_jax.training.state import encoder_fixed

# What is read of the network's intermediates. The tokens stay behind: those of a whole
# batch would take more memory than all of these together.
READ = (
    *("z_chem", "chem_mean", "chem_log_variance", "chem_instrument"),
    *("z_inst", "inst_mean", "inst_log_variance", "inst_instrument"),
    *("prediction", "load", "importance"),
)


class Network(NamedTuple):
    """The model, and how a run trains it."""

    model: Any
    simulator: Simulator
    instrument_table: jax.Array  # (N, F), see `instrument_pool.instrument_table`
    adversary: str  # what it reads: "z_chem", "all" (z_inst too), or "none"
    heads_alone: bool  # the encoder is not trained

    def apply(self, params, *arguments, **options):
        """The model's own `apply`."""
        return self.model.apply({"params": params}, *arguments, **options)

    def target(self, params, inputs: Inputs):
        """Projections of a microbatch's two views, without masks, (2 B, D)."""
        both = slice(0, 2 * len(inputs.clean))
        values, modality = inputs.values[both], inputs.modality[both]
        valid, axis = jnp.ones_like(inputs.hidden[both]), self.simulator.axes(modality)
        z_chem, _ = self.apply(params, values, axis, valid, modality, method="encode")
        return self.apply(params, z_chem, method="project")

    def forward(self, params, inputs: Inputs):
        """The decoded spectra of a microbatch, and what else the losses read."""
        if self.heads_alone:
            params = encoder_fixed(params)
        spectra, out = self.apply(
            params,
            inputs.values,
            self.simulator.axes(inputs.modality),
            jnp.ones_like(inputs.hidden),
            inputs.modality,
            inputs.hidden,
            inputs.keys,
            rngs={"dropout": inputs.dropout},
        )
        return spectra, {name: out[name] for name in READ}

    def outputs(self, params, inputs: Inputs, target, alpha) -> Outputs:
        """Outputs for the losses, of all microbatches.

        Args:
          params: what gradients are taken for.
          inputs, target: of every microbatch, leaves (A, ...).
          alpha: strength of the gradient reversal.
        """
        spectra, out = map_microbatches(lambda part: self.forward(params, part), inputs)
        size = inputs.clean.shape[1]
        spectra, out = merge_microbatches((spectra, out), size)
        target = merge_microbatches(target, size)
        inputs = merge_inputs(inputs)
        both = slice(0, 2 * len(inputs.clean))
        views = {name: x[both] for name, x in out.items()}
        chem_logits, inst_logits = self.logits(params, inputs, views, alpha)
        swapped = self.simulator.on_axes(
            lambda axis: self.apply(
                params,
                jnp.roll(views["z_chem"], len(inputs.clean), axis=0),
                views["z_inst"],
                axis,
                method="transfer",
            ),
            inputs.modality[both],
        )
        return Outputs(
            spectra=spectra,
            swapped=swapped,
            prediction=views["prediction"],
            target=jnp.concatenate(
                [
                    standardise(cloud, parallel.gather(cloud))
                    for cloud in jnp.split(target, 2)
                ]
            ),
            chem=(views["chem_mean"], views["chem_log_variance"]),
            inst=(views["inst_mean"], views["inst_log_variance"]),
            chem_logits=chem_logits,
            inst_logits=inst_logits,
            clouds=tuple(map(parallel.gather, jnp.split(views["chem_mean"], 2))),
            load=parallel.mean(jnp.mean(out["load"], 0)),
            importance=parallel.mean(jnp.mean(out["importance"], 0)),
        )

    def logits(self, params, inputs, views, alpha):
        """Instrument logits of z_chem, through the reversal, and of z_inst."""
        table = self.instrument_table
        label = jnp.repeat(inputs.instrument, len(inputs.clean))
        strength = reversal(views["chem_instrument"] @ table.T, label, alpha)
        if self.adversary == "none":
            strength = jnp.zeros_like(strength)  # the classifier only watches

        def adversary(name):
            arguments = views[f"z_{name}"], table, strength, name
            return self.apply(params, *arguments, method="instrument_logits")

        if self.adversary == "all":  # DANN on the whole representation
            return adversary("chem"), adversary("inst")
        return adversary("chem"), views["inst_instrument"] @ table.T


def reversal(logits, label, alpha):
    """Strength of the gradient reversal for each example, (B,).

    An adversary worse than chance names the instrument the wrong way round; pushing an
    example further would write it into z_chem again.
    """
    stop_grad_logits = jax.lax.stop_gradient(logits)
    error = cross_entropy(stop_grad_logits, label)
    return jnp.where(error < np.log(logits.shape[-1]), alpha, 0.0)


def map_microbatches(function, microbatches):
    """function of every microbatch, one after the other; leaves are (A, ...).

    Of its backward pass only one microbatch is held: the forward pass is repeated.
    """
    if len(jax.tree.leaves(microbatches)[0]) == 1:
        found = function(jax.tree.map(lambda x: x[0], microbatches))
        return jax.tree.map(lambda x: x[None], found)
    return jax.lax.map(jax.checkpoint(function, prevent_cse=False), microbatches)


def merge_microbatches(tree, size):
    """Rows of all microbatches, (A, n, ...) to (A n, ...), views staying together.

    A microbatch's rows are `size` of view a, `size` of view b and its mixtures.
    """

    def one(x):
        kinds = jnp.split(x, [size, 2 * size], axis=1)
        return jnp.concatenate([rows.reshape(-1, *x.shape[2:]) for rows in kinds])

    return jax.tree.map(one, tree)


def merge_inputs(inputs: Inputs) -> Inputs:
    """Inputs of all microbatches as one batch, of which only the keys stay apart."""
    size = inputs.clean.shape[1]
    values, hidden, modality = merge_microbatches(inputs[:3], size)
    return inputs._replace(
        values=values,
        hidden=hidden,
        modality=modality,
        clean=inputs.clean.reshape(-1, inputs.clean.shape[-1]),
        share=inputs.share.reshape(-1),
        instrument=inputs.instrument[0],
    )
