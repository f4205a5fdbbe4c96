"""The pretraining step: a plain function of (state, batch), mapped by parallel.py.

One encoder call serves three inputs of a microbatch: view a, view b and, for
Beer-Lambert, mixtures of neighbouring spectra of view a. The moving-average network
sees the unmasked views.

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
from spektron_jax.training.state import TrainState


def make_pretrain_step(config, model, optimizer):
    """Returns step(state, batch) -> (state, metrics); batch leaves are (A, B, ...)."""
    axis = views.axis_of(config)
    pool = training_pool(config.seed, config.lab.pool)
    weights = {name: config.losses[name] for name in NAMES}
    steps = config.train.steps
    beta_at = schedules.beta(config.losses, steps)
    alpha_at = schedules.alpha(config.losses, steps)
    rate_at = schedules.learning_rate(config.optim, steps)

    def loss(params, target_params, seed, step, batch):
        seen = views.inputs(config, axis, pool, seed, step, batch)
        size = len(seen.clean)
        both = slice(0, 2 * size)  # the two views, without the mixtures

        def apply(params, *arguments, **options):
            return model.apply({"params": params}, *arguments, **options)

        spectra, out = apply(
            params,
            seen.values,
            axis,
            jnp.ones_like(seen.hidden),
            seen.modality,
            seen.hidden,
            seen.keys,
            rngs={"dropout": seen.dropout},
        )
        measured, hidden = seen.values[both], seen.hidden[both]
        valid = jnp.ones_like(hidden)
        label = jnp.repeat(seen.instrument, size)
        online = jax.tree.map(lambda x: x[both], out)

        # An adversary worse than chance has been told the instrument the wrong way
        # round; pushing an example further would write it into z_chem again.
        guess = cross_entropy(jax.lax.stop_gradient(online["chem_logits"]), label)
        push = jnp.where(guess < np.log(config.lab.pool), alpha_at(step), 0.0)
        accused = apply(params, online["z_chem"], push, method="accuse")
        other_chem = jnp.roll(online["z_chem"], size, axis=0)
        swapped = apply(params, other_chem, online["z_inst"], axis, method="transfer")

        target, _ = apply(
            target_params,
            measured,
            axis,
            valid,
            seen.modality[both],
            method="encode",
        )
        target = apply(target_params, target, method="project")
        targets = (
            standardise(cloud, parallel.gather(cloud)) for cloud in jnp.split(target, 2)
        )
        chem, inst = (
            (online[f"{name}_mean"], online[f"{name}_log_variance"])
            for name in ("chem", "inst")
        )
        as_measured, as_clean = spectra[..., 0], spectra[..., 1]
        terms = {
            "reconstruction": reconstruction(as_measured[both], measured, hidden),
            "contrastive": contrastive(*jnp.split(online["prediction"], 2), *targets),
            "denoising": denoising(
                as_clean[both], jnp.tile(seen.clean, (2, 1)), ~hidden
            ),
            "physics": physics(
                as_clean[:size],
                valid[:size],
                as_clean[2 * size :],
                seen.share,
                ~seen.hidden[2 * size :],
            ),
            "transport": transport(
                *(parallel.gather(cloud) for cloud in jnp.split(chem[0], 2)),
                config.losses.sinkhorn_epsilon,
            ),
            "bottleneck": bottleneck(
                chem,
                inst,
                accused,
                online["inst_logits"],
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

    def accumulate(params, target_params, seed, step, batches):
        """Mean gradient and metrics over the microbatches, one after the other."""

        def one(batch):
            (_, log), gradient = jax.value_and_grad(loss, has_aux=True)(
                params, target_params, seed, step, batch
            )
            return gradient, log

        count = config.train.accumulate
        if count == 1:
            return one(jax.tree.map(lambda x: x[0], batches))
        shapes = jax.eval_shape(one, jax.tree.map(lambda x: x[0], batches))
        zero = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)
        total, _ = jax.lax.scan(
            lambda sums, batch: (jax.tree.map(jnp.add, sums, one(batch)), None),
            zero,
            batches,
        )
        return jax.tree.map(lambda x: x / count, total)

    def pretrain_step(state, batches):
        gradient, log = parallel.mean(
            accumulate(
                state.params, state.target_params, state.seed, state.step, batches
            )
        )
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
