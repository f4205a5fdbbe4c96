"""The pretraining step: a plain function of (state, batch), mapped by parallel.py.

    inputs     the batch on two instruments          simulator.py
    outputs    what the networks say of them         network.py
    losses     the terms and their weighted sum      losses/objective.py
    update     AdamW, and the moving average

Dimension legend: A microbatches, B spectra in one on one device.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from spektron_jax.lab.instruments import training_pool
from spektron_jax.losses.objective import TERMS, combine, losses_of, weights_of
from spektron_jax.training import parallel, schedules
from spektron_jax.training.network import Network, map_microbatches, merge_inputs
from spektron_jax.training.simulator import make_simulator
from spektron_jax.training.state import HEADS, TrainState


def make_inputs(simulator, pool, network, state, batches):
    """Inputs of every microbatch, and what the moving-average network says of them."""

    def one(batch):
        inputs = simulator.inputs(pool, state.seed, state.step, batch)
        return inputs, network.target(state.target_params, inputs)

    return map_microbatches(one, batches)


def update(optimizer, state, gradient, ema):
    """The next state, and the norms of gradient, update and parameters."""
    updates, opt_state = optimizer.update(gradient, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    target = optax.incremental_update(params, state.target_params, 1 - ema)
    norms = {"gradient": gradient, "update": updates, "parameter": params}
    state = TrainState(state.step + 1, params, target, opt_state, state.seed)
    return state, {f"norm/{name}": optax.tree.norm(x) for name, x in norms.items()}


class Objective(NamedTuple):
    """What a run minimises, as pure functions of parameters, state and batch."""

    terms: Callable  # (params, state, batches) -> name -> (values, diagnostics)
    weights: Callable  # (step) -> name -> weight
    scheduled: Callable  # (step) -> beta and alpha


def make_objective(config, model, heads_alone=False):
    """The Objective of a run's settings.

    heads_alone: no gradient reaches the encoder.
    """
    losses, steps = config.losses, max(config.train.steps, 1)
    simulator = make_simulator(config)
    pool = simulator.instruments(training_pool, config.lab.pool)
    table = simulator.instrument_table(pool)
    network = Network(model, simulator, table, losses.adversary, heads_alone)
    beta, alpha = schedules.beta(losses, steps), schedules.alpha(losses, steps)

    def terms(params, state, batches):
        inputs, target = make_inputs(simulator, pool, network, state, batches)
        outputs = network.outputs(params, inputs, target, alpha(state.step))
        return losses_of(
            outputs,
            merge_inputs(inputs),
            epsilon=losses.sinkhorn_epsilon,
            alignment=losses.alignment,
        )

    return Objective(
        terms,
        lambda step: weights_of(losses, beta(step)),
        lambda step: {"beta": beta(step), "alpha": alpha(step)},
    )


def make_pretrain_step(config, model, optimizer, heads_alone=False):
    """Returns step(state, batch) -> (state, metrics); batch leaves are (A, B, ...).

    heads_alone: the encoder stays as it is, in the phase after the others.
    """
    objective = make_objective(config, model, heads_alone)
    return make_step(config, objective, optimizer, heads_alone)


def make_step(config, objective, optimizer, heads_alone=False):
    """The step of an Objective."""
    phases = schedules.phases(config.train)
    first, steps = (phases[0] if heads_alone else 0), phases[heads_alone]
    rate = schedules.learning_rate(config.optim, steps)

    def step(state, batches):
        def total(params):
            terms = objective.terms(params, state, batches)
            return combine(terms, objective.weights(state.step))

        gradient, log = jax.grad(total, has_aux=True)(state.params)
        gradient, log = parallel.mean((gradient, log))
        now = objective.scheduled(state.step) | {"lr": rate(state.step - first)}
        state, norms = update(optimizer, state, gradient, config.losses.ema)
        return state, log | now | norms

    return step


def make_share_step(config, model):
    """Returns shares(state, batch): how much each term moves the encoder.

    The share of a term is the norm of its weighted gradient in the encoder over the sum
    of these norms: share/<term>, and share/norm, the sum.
    """
    objective = make_objective(config, model)

    def shares(state, batches):
        weights = objective.weights(state.step)

        def weighted(params):
            terms = objective.terms(params, state, batches)
            return jnp.stack([weights[n] * jnp.mean(terms[n][0]) for n in TERMS])

        _, pull = jax.vjp(weighted, state.params)

        def norm(chosen):
            (gradient,) = parallel.mean(pull(chosen))
            return optax.tree.norm(encoder_of(gradient))

        norms = jax.lax.map(norm, jnp.eye(len(TERMS)))
        total = jnp.sum(norms)
        found = norms / jnp.maximum(total, 1e-30)
        return {f"share/{n}": found[k] for k, n in enumerate(TERMS)} | {
            "share/norm": total
        }

    return shares


def encoder_of(params):
    """The parameters that are no head's."""
    return {name: part for name, part in params.items() if name not in HEADS}
