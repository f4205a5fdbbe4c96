"""The one training state: step, parameters, target parameters, optimiser, key."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import struct

from spektron_jax.encoder.weights import locate
from spektron_jax.models.spektron import Spektron
from spektron_jax.spectra.grid import MODALITIES
from spektron_jax.training import checkpoint, schedules
from spektron_jax.training.instrument_pool import INSTRUMENT_EMBEDDING

# Parts that read the encoder's output; the rest is the encoder.
HEADS = (
    *("reconstruction", "regression", "transfer_head", "projector", "predictor"),
    *("chem_classifier", "inst_classifier"),
)


@struct.dataclass
class TrainState:
    """Everything a run needs to resume exactly, apart from the data position."""

    step: jax.Array  # () int32, optimiser steps done
    params: Any
    target_params: Any  # moving average, for the contrastive targets
    opt_state: Any
    seed: jax.Array  # key data; every random draw folds step and example into it


def build_model(config):
    """The module for a config."""
    sizes = config.model.to_dict()
    return Spektron(**sizes, instrument_embedding=INSTRUMENT_EMBEDDING)


def init_params(model, seed):
    """Fresh parameters, drawn from the seed alone."""
    # XLA drops the forward pass; what is left are draws for each of 78 leaves, run
    # once. Compiled at level 1 they keep all their bits, which they do not at level 0.
    off = jax.config.read("jax_disable_most_optimizations")
    quick = {} if off else {"xla_backend_optimization_level": 1}
    draw = jax.jit(_init, static_argnums=0, compiler_options=quick)
    return draw(model, jax.random.fold_in(jax.random.key(seed), 17))["params"]


def init_shapes(model):
    """Shape and type of every parameter, without computing any."""
    return jax.eval_shape(lambda key: _init(model, key), jax.random.key(0))["params"]


def _init(model, key):
    points = 8 * model.stride  # shapes of parameters do not depend on it
    values = jnp.zeros((1, points))
    axis = jnp.linspace(500.0, 4000.0, points)
    modality = jnp.full(1, MODALITIES.index("unknown"))
    return model.init(key, values, axis, values == 0, modality)


def decayed(params):
    """True for weight matrices, which decay; not for biases, norms, poles, tokens."""

    def matrix(path, leaf):
        name = path[-1].key
        return name in ("kernel", "into", "out", "curve") and leaf.ndim > 1

    return jax.tree_util.tree_map_with_path(matrix, params)


def encoder_fixed(params):
    """The same parameters without a gradient for any but the heads'."""
    return {
        name: part if name in HEADS else jax.lax.stop_gradient(part)
        for name, part in params.items()
    }


def build_optimizer(config, heads_alone=False):
    """Clip by global norm, then AdamW with the learning-rate schedule.

    heads_alone: of the phase that moves the heads and nothing else; its state has the
    same form.
    """
    optim = config.optim
    optimizer = optax.chain(
        optax.clip_by_global_norm(optim.clip),
        optax.adamw(
            schedules.learning_rate(optim, schedules.phases(config.train)[heads_alone]),
            weight_decay=optim.weight_decay,
            mask=decayed,
        ),
    )
    return of_heads(optimizer) if heads_alone else optimizer


def of_heads(optimizer):
    """The same optimiser, for which the encoder has no gradient and does not move."""

    def heads(tree):
        return {
            name: part if name in HEADS else jax.tree.map(jnp.zeros_like, part)
            for name, part in tree.items()
        }

    def update(gradient, state, params):
        updates, state = optimizer.update(heads(gradient), state, params)
        return heads(updates), state

    return optax.GradientTransformation(optimizer.init, update)


def create(config, model, optimizer):
    """State at step 0, from `train.start` if that is given, else from scratch."""
    if config.train.start:
        path = locate(config.train.start)
        params, _ = checkpoint.restore_params(path, init_shapes(model))
    else:
        params = init_params(model, config.seed)
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        target_params=jax.tree.map(jnp.copy, params),
        opt_state=optimizer.init(params),
        seed=jax.random.key_data(jax.random.key(config.seed)),
    )


def parameter_count(params):
    """Number of scalars in a parameter tree."""
    return sum(leaf.size for leaf in jax.tree.leaves(params))
