"""Test-time training: masked reconstruction of a few unlabelled target spectra.

Sun et al., International Conference on Machine Learning (2020) 9229. Of the parameters
only those of the norms and of the projections to z_chem and z_inst move; the others
stay as pretrained, unless low-rank adapters are asked for. 35 % of the points are
hidden, anew at each step.

What moved is small and makes an adapter: a dict of arrays that `with_adapter` puts on
the pretrained encoder again.

Dimension legend: K target spectra, L points.
"""

import copy
import functools
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from spektron_jax.encoder.adaptation import Adaptation
from spektron_jax.encoder.load import Encoder
from spektron_jax.errors import SpektronError
from spektron_jax.lab.masks import block_mask
from spektron_jax.losses.reconstruction import reconstruction
from spektron_jax.models import lora as low_rank
from spektron_jax.spectra.grid import modality_code, to_tokens

DESIGN = Adaptation()
BLOCK = 3  # points of a hidden block, see `lab/masks.py`
NORMS = ("norm", "norm_attention", "norm_mlp", "summary")
# Not what reads each modality: three parts in four of it are other modalities'.
PROJECTIONS = [[latent, part] for latent in ("chem", "inst")
               for part in ("mean", "log_variance")]  # fmt: skip
LORA = "lora/"  # before the names of adapters in a file


def adaptable(params: Any) -> Any:
    """True for the parameters that may move: norms and latent projections."""

    def chosen(path, _):
        names = [entry.key for entry in path]
        return names[:2] in PROJECTIONS or any(name in NORMS for name in names)

    return jax.tree_util.tree_map_with_path(chosen, params)


def adapt(
    encoder: Encoder,
    spectra: np.ndarray,
    axis: np.ndarray,
    unit: str = "cm-1",
    modality: str = "unknown",
    how: Adaptation = DESIGN,
) -> tuple[Encoder, np.ndarray]:
    """Return an encoder adapted to unlabelled spectra of the target instrument.

    Args:
      encoder: as from `load_encoder`; it stays as it is.
      spectra: (K, p) absorbance of the target, NaN = not measured; all are used.
      axis: (p,) positions in `unit`.
      unit, modality: as in `Encoder.embed`.
      how: steps, rate and so on.

    Returns:
      (encoder with its `adapter`, losses of the steps before each (steps,)).

    Raises:
      SpektronError: no spectrum, or a loss that is not finite.
    """
    path = list(trajectory(encoder, spectra, axis, unit, modality, how))
    losses = np.array([loss for _, loss in path[1:]])
    if not np.isfinite(losses).all():
        raise SpektronError("test-time training: loss is not finite; use a lower rate")
    return with_adapter(encoder, path[-1][0]), losses


def trajectory(
    encoder: Encoder,
    spectra: np.ndarray,
    axis: np.ndarray,
    unit: str = "cm-1",
    modality: str = "unknown",
    how: Adaptation = DESIGN,
) -> Iterator[tuple[dict[str, np.ndarray], float]]:
    """Yield what moved after 0, 1, ... steps, as `adapt` takes them.

    Args:
      encoder, spectra, axis, unit, modality, how: as in `adapt`.

    Yields:
      (adapter for `with_adapter`, loss that the last step saw, NaN before the first).
    """
    tokens = to_tokens(spectra, axis, unit, encoder.config.data.points)
    values = jnp.asarray(tokens.values / np.float32(encoder.config.data.scale))
    inputs = (
        values,
        jnp.asarray(tokens.wavenumber_cm1, jnp.float32),
        jnp.asarray(tokens.valid),
        jnp.full(len(values), modality_code(modality)),
    )
    tx, step = _tools(encoder.model, how.rate, how.share)
    key = jax.random.key(how.seed)
    adapters = low_rank.init(
        jax.random.fold_in(key, how.steps), encoder.params, how.lora
    )
    moving = encoder.params, adapters
    state = tx.init(moving)
    yield _adapter(*moving), np.nan
    for number in range(how.steps):
        moving, state, loss = step(
            moving, state, jax.random.fold_in(key, number), *inputs
        )
        yield _adapter(*moving), float(loss)


def with_adapter(encoder: Encoder, adapter: Mapping[str, np.ndarray]) -> Encoder:
    """The pretrained encoder with an adapter's parameters in place of its own.

    Args:
      encoder: as from `load_encoder`.
      adapter: name -> array, the `adapter` of an encoder that `adapt` returned.

    Raises:
      SpektronError: the adapter is not one of this model.
    """
    left = dict(adapter)
    pairs: dict[str, dict] = {}
    for name in adapter:
        if name.startswith(LORA):
            layer, part = name.removeprefix(LORA).rsplit("/", 1)
            pairs.setdefault(layer, {})[part] = jnp.asarray(left.pop(name))

    def one(path, leaf):
        new = left.pop(low_rank.name_of(path), leaf)
        if new.shape != leaf.shape:
            raise SpektronError(
                f"adapter: {low_rank.name_of(path)} is {new.shape}, the weights have "
                f"{leaf.shape}; it belongs to other weights"
            )
        return jnp.asarray(new)

    params = jax.tree_util.tree_map_with_path(one, encoder.params)
    if left:
        raise SpektronError(f"adapter: {min(left)} is no parameter of these weights")
    adapted = copy.copy(encoder)  # keeps what is compiled: parameters are arguments
    adapted.params, adapted.adapter = low_rank.merged(params, pairs), dict(adapter)
    return adapted


def _adapter(params, adapters):
    """What moved, by name, as numpy arrays."""
    flags = jax.tree.leaves(adaptable(params))
    leaves = jax.tree_util.tree_flatten_with_path(params)[0]
    found = {
        low_rank.name_of(path): np.asarray(leaf)
        for (path, leaf), moves in zip(leaves, flags, strict=True)
        if moves
    }
    for name, pair in adapters.items():
        found |= {f"{LORA}{name}/{k}": np.asarray(v) for k, v in pair.items()}
    return found


@functools.cache
def _tools(model, rate, share):
    """Optimiser and compiled step, the same at every call with these settings."""

    def labels(moving):
        params, adapters = moving
        kinds = jax.tree.map(lambda its: "moves" if its else "stays", adaptable(params))
        return kinds, jax.tree.map(lambda _: "moves", adapters)

    tx = optax.multi_transform(
        {"moves": optax.adam(rate), "stays": optax.set_to_zero()}, labels
    )
    return tx, jax.jit(functools.partial(_step, model, tx, share))


def _step(model, tx, share, moving, state, key, values, wavenumber, valid, modality):
    keys = jax.random.split(key, len(values))
    hidden = jax.vmap(lambda k, v: block_mask(k, v, share, BLOCK))(keys, valid)

    def loss(moving):
        params = {"params": low_rank.merged(*moving)}
        spectra, _ = model.apply(params, values, wavenumber, valid, modality, hidden)
        return jnp.mean(reconstruction(spectra[..., 0], values, hidden)[0])

    error, gradient = jax.value_and_grad(loss)(moving)
    updates, state = tx.update(gradient, state, moving)
    return optax.apply_updates(moving, updates), state, error
