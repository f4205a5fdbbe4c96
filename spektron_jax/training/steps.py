"""The pretraining step: a plain function of (state, batch), mapped by parallel.py.

One encoder call serves three inputs of a microbatch: view a, view b and, for
Beer-Lambert, mixtures of neighbouring spectra of view a. The moving-average network
sees the unmasked views.

A step's gradient is that of its whole batch, into however many microbatches it is cut.
Only the networks go through it in parts; the losses compare all examples, since expert
load, instrument clouds and standardised targets are statistics of the batch. The price
is memory kept by time: with more than one microbatch the network's forward pass runs
once more in the backward pass (Gao et al. 2021). Dropout alone depends on the cut: its
masks are drawn for each microbatch of each device.

Dimension legend: A accumulation steps, B microbatch of one device, L points.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from spektron_jax.lab.instruments import training_pool
from spektron_jax.losses.balance import balance
from spektron_jax.losses.bottleneck import bottleneck, cross_entropy
from spektron_jax.losses.contrastive import contrastive, standardise
from spektron_jax.losses.objective import NAMES, combine
from spektron_jax.losses.physics import physics
from spektron_jax.losses.reconstruction import denoising, reconstruction
from spektron_jax.losses.transport import transport
from spektron_jax.training import parallel, schedules, views
from spektron_jax.training.state import TrainState, encoder_fixed

# What the losses read of the network's intermediates. The tokens stay behind: those of
# a whole batch would take more memory than all of these together.
READ = (
    *("z_chem", "chem_mean", "chem_log_variance", "chem_guess"),
    *("z_inst", "inst_mean", "inst_log_variance", "inst_guess"),
    *("prediction", "load", "importance"),
)


def in_turn(function, microbatches):
    """function of every microbatch, one after the other; leaves are (A, ...).

    Of its backward pass only one microbatch is held: the forward pass is repeated.
    """
    if len(jax.tree.leaves(microbatches)[0]) == 1:
        found = function(jax.tree.map(lambda x: x[0], microbatches))
        return jax.tree.map(lambda x: x[None], found)
    return jax.lax.map(jax.checkpoint(function, prevent_cse=False), microbatches)


def join(tree, size):
    """Rows of all microbatches, (A, n, ...) to (A n, ...), views staying together.

    A microbatch's rows are `size` of view a, `size` of view b and its mixtures.
    """

    def one(x):
        kinds = jnp.split(x, [size, 2 * size], axis=1)
        return jnp.concatenate([rows.reshape(-1, *x.shape[2:]) for rows in kinds])

    return jax.tree.map(one, tree)


def make_pretrain_step(config, model, optimizer):
    """Returns step(state, batch) -> (state, metrics); batch leaves are (A, B, ...)."""
    axis = views.axis_of(config)
    pool = views.instruments_of(config, training_pool, config.lab.pool)
    known = views.descriptions(pool)
    weights = {name: config.losses[name] for name in NAMES}
    steps = config.train.steps
    beta_at = schedules.beta(config.losses, steps)
    alpha_at = schedules.alpha(config.losses, steps)
    rate_at = schedules.learning_rate(config.optim, steps)

    def apply(params, *arguments, **options):
        return model.apply({"params": params}, *arguments, **options)

    def look(target_params, seed, step, batch):
        """A microbatch's inputs, and what the moving-average network says of them."""
        seen = views.inputs(config, axis, pool, seed, step, batch)
        both = slice(0, 2 * len(seen.clean))  # the two views, without the mixtures
        measured, valid = seen.values[both], jnp.ones_like(seen.hidden[both])
        code = seen.modality[both]
        own = views.axes(config, axis, code)
        target, _ = apply(target_params, measured, own, valid, code, method="encode")
        return seen, apply(target_params, target, method="project")

    def network(params, seen):
        """The decoded spectra of a microbatch, and what else the losses read."""
        if config.train.separate:
            params = encoder_fixed(params)
        spectra, out = apply(
            params,
            seen.values,
            views.axes(config, axis, seen.modality),
            jnp.ones_like(seen.hidden),
            seen.modality,
            seen.hidden,
            seen.keys,
            rngs={"dropout": seen.dropout},
        )
        return spectra, {name: out[name] for name in READ}

    def loss(params, target_params, seed, step, batches):
        seen, target = in_turn(
            lambda batch: look(target_params, seed, step, batch), batches
        )
        spectra, out = in_turn(lambda part: network(params, part), seen)
        part = seen.clean.shape[1]
        spectra, out, values, hidden, modality = join(
            (spectra, out, seen.values, seen.hidden, seen.modality), part
        )
        clean = seen.clean.reshape(-1, axis.size)
        size, instrument = len(clean), seen.instrument[0]

        both = slice(0, 2 * size)
        online = jax.tree.map(lambda x: x[both], out)
        measured, valid = values[both], jnp.ones_like(hidden[both])
        label = jnp.repeat(instrument, size)

        # An adversary worse than chance has been told the instrument the wrong way
        # round; pushing an example further would write it into z_chem again.
        blind = jax.lax.stop_gradient(online["chem_guess"]) @ known.T
        guess = cross_entropy(blind, label)
        push = jnp.where(guess < np.log(config.lab.pool), alpha_at(step), 0.0)
        if config.losses.adversary == "none":
            push = jnp.zeros_like(push)  # the classifier only watches
        accused = apply(params, online["z_chem"], push, method="accuse")
        told = online["inst_guess"]
        if config.losses.adversary == "all":  # DANN on the whole representation
            told = apply(params, online["z_inst"], push, method="accuse_inst")
        other_chem = jnp.roll(online["z_chem"], size, axis=0)
        own = views.axes(config, axis, modality[both])
        swapped = apply(params, other_chem, online["z_inst"], own, method="transfer")

        targets = (
            standardise(cloud, parallel.gather(cloud))
            for cloud in jnp.split(join(target, part), 2)
        )
        chem, inst = (
            (online[f"{name}_mean"], online[f"{name}_log_variance"])
            for name in ("chem", "inst")
        )
        as_measured, as_clean = spectra[..., 0], spectra[..., 1]
        terms = {
            "reconstruction": reconstruction(as_measured[both], measured, hidden[both]),
            "contrastive": contrastive(*jnp.split(online["prediction"], 2), *targets),
            "denoising": denoising(
                as_clean[both], jnp.tile(clean, (2, 1)), ~hidden[both]
            ),
            "physics": physics(
                as_clean[:size],
                valid[:size],
                as_clean[2 * size :],
                seen.share.reshape(-1),
                ~hidden[2 * size :],
            ),
            "transport": transport(
                *(parallel.gather(cloud) for cloud in jnp.split(chem[0], 2)),
                config.losses.sinkhorn_epsilon,
                config.losses.alignment,
            ),
            "bottleneck": bottleneck(
                chem,
                inst,
                accused @ known.T,
                told @ known.T,
                label,
                swapped,
                measured,
                valid,
                beta_at(step),
            ),
            "balance": balance(
                parallel.mean(jnp.mean(out["load"], 0)),
                parallel.mean(jnp.mean(out["importance"], 0)),
            ),
        }
        return combine(terms, weights)

    def pretrain_step(state, batches):
        (_, log), gradient = jax.value_and_grad(loss, has_aux=True)(
            state.params, state.target_params, state.seed, state.step, batches
        )
        gradient, log = parallel.mean((gradient, log))
        updates, opt_state = optimizer.update(gradient, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        ema = config.losses.ema
        target = jax.tree.map(
            lambda old, new: ema * old + (1 - ema) * new, state.target_params, params
        )
        log = log | {
            "lr": rate_at(state.step),
            "beta": beta_at(state.step),
            "alpha": alpha_at(state.step),
            "norm/gradient": optax.tree.norm(gradient),
            "norm/update": optax.tree.norm(updates),
            "norm/parameter": optax.tree.norm(params),
        }
        state = TrainState(state.step + 1, params, target, opt_state, state.seed)
        return state, log

    return pretrain_step
