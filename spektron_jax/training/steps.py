"""The pretraining step: a plain function of (state, batch), mapped by parallel.py.

    inputs     the batch on two instruments          simulator.py
    outputs    what the networks say of them         network.py
    losses     seven terms and their weighted sum    losses/objective.py
    update     AdamW, and the moving average

Dimension legend: A microbatches, B spectra in one on one device.
"""

import jax
import optax

from spektron_jax.lab.instruments import training_pool
from spektron_jax.losses.objective import NAMES, combine, losses_of
from spektron_jax.training import parallel, schedules
from spektron_jax.training.network import Network, map_microbatches, merge_inputs
from spektron_jax.training.simulator import make_simulator
from spektron_jax.training.state import TrainState


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


def make_pretrain_step(config, model, optimizer):
    """Returns step(state, batch) -> (state, metrics); batch leaves are (A, B, ...)."""
    losses, steps = config.losses, config.train.steps
    simulator = make_simulator(config)
    pool = simulator.instruments(training_pool, config.lab.pool)
    table = simulator.instrument_table(pool)
    network = Network(model, simulator, table, losses.adversary, config.train.separate)
    weights = {name: losses[name] for name in NAMES}
    scheduled = {
        "lr": schedules.learning_rate(config.optim, steps),
        "beta": schedules.beta(losses, steps),
        "alpha": schedules.alpha(losses, steps),
    }

    def pretrain_step(state, batches):
        now = {name: schedule(state.step) for name, schedule in scheduled.items()}

        def objective(params):
            inputs, target = make_inputs(simulator, pool, network, state, batches)
            outputs = network.outputs(params, inputs, target, now["alpha"])
            terms = losses_of(
                outputs,
                merge_inputs(inputs),
                beta=now["beta"],
                epsilon=losses.sinkhorn_epsilon,
                alignment=losses.alignment,
            )
            return combine(terms, weights)

        gradient, log = jax.grad(objective, has_aux=True)(state.params)
        gradient, log = parallel.mean((gradient, log))
        state, norms = update(optimizer, state, gradient, losses.ema)
        return state, log | now | norms

    return pretrain_step
