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
    scale = config.data.scale

    def loss(params, target_params, seed, step, batch):
        chosen = views.draw_two(seed, step, config.lab.pool)
        keys = views.example_keys(seed, step, batch["index"])
        clean, top = views.clean_spectra(config, batch, axis)
        path = views.path_lengths(config, keys)
        view_keys = [views.fold(keys, views.VIEW + k) for k in range(2)]
        a, b = (
            views.view(config, batch, axis, pool.at(i), clean, top, path, k)
            for i, k in zip(chosen, view_keys, strict=True)
        )
        clean = path * clean / scale

        share = jax.vmap(jax.random.uniform)(views.fold(keys, views.SHARE))[0::2]
        first, second = a.measured[0::2], a.measured[1::2]
        mixture = share[:, None] * first + (1 - share[:, None]) * second
        mixture_hidden = a.hidden[0::2] | a.hidden[1::2]

        values = jnp.concatenate([a.measured, b.measured, mixture])
        hidden = jnp.concatenate([a.hidden, b.hidden, mixture_hidden])
        modality = batch["modality"]
        modality = jnp.concatenate([modality, modality, modality[0::2]])
        valid = jnp.ones_like(hidden)
        noise_keys = jnp.concatenate(
            [
                *(views.fold(k, views.MODEL) for k in view_keys),
                views.fold(keys[0::2], views.MODEL),
            ]
        )
        alpha, beta = alpha_at(step), beta_at(step)
        spectra, out = model.apply(
            {"params": params},
            values,
            axis,
            valid,
            modality,
            hidden,
            noise_keys,
            # Dropout alone depends on how the batch lies on devices.
            rngs={"dropout": jax.random.fold_in(keys[0], views.DROPOUT)},
        )
        size = len(clean)
        online = jax.tree.map(lambda x: x[: 2 * size], out)
        label = jnp.repeat(chosen, size)
        measured = values[: 2 * size]

        def swap(x):
            return jnp.concatenate([x[size:], x[:size]])

        # An adversary worse than chance has been told the instrument the wrong way
        # round; pushing an example further would write it into z_chem again.
        guess = cross_entropy(jax.lax.stop_gradient(online["chem_logits"]), label)
        push = jnp.where(guess < np.log(config.lab.pool), alpha, 0.0)
        accused = model.apply(
            {"params": params}, online["z_chem"], push, method="accuse"
        )
        swapped = model.apply(
            {"params": params},
            swap(online["z_chem"]),
            online["z_inst"],
            axis,
            method="transfer",
        )
        target_z, _ = model.apply(
            {"params": target_params},
            measured,
            axis,
            valid[: 2 * size],
            modality[: 2 * size],
            method="encode",
        )
        target = model.apply({"params": target_params}, target_z, method="project")
        target_a, target_b = (
            standardise(cloud, parallel.gather(cloud))
            for cloud in (target[:size], target[size:])
        )

        measured_out, clean_out = spectra[..., 0], spectra[..., 1]
        parts = clean_out[:size]
        chem, inst = (
            (online[f"{name}_mean"], online[f"{name}_log_variance"])
            for name in ("chem", "inst")
        )
        terms = {
            "reconstruction": reconstruction(
                measured_out[: 2 * size], measured, hidden[: 2 * size]
            ),
            "contrastive": contrastive(
                online["prediction"][:size],
                online["prediction"][size:],
                target_a,
                target_b,
            ),
            "denoising": denoising(
                clean_out[: 2 * size], jnp.tile(clean, (2, 1)), ~hidden[: 2 * size]
            ),
            "physics": physics(
                parts,
                valid[:size],
                clean_out[2 * size :],
                share,
                ~mixture_hidden,
            ),
            "transport": transport(
                parallel.gather(chem[0][:size]),
                parallel.gather(chem[0][size:]),
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
                valid[: 2 * size],
                beta,
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
            "norm/gradient": optax.global_norm(gradient),
            "norm/update": optax.global_norm(updates),
            "norm/parameter": optax.global_norm(params),
        }
        state = TrainState(state.step + 1, params, target, opt_state, state.seed)
        return state, log

    return pretrain_step
