"""Test-time training: masked reconstruction of a few unlabelled target spectra.

Sun et al., International Conference on Machine Learning (2020) 9229. Of the parameters
only those of the norms and of the projections to z_chem and z_inst move; the others
stay as pretrained. 35 % of the points are hidden, anew at each step.

Dimension legend: K target spectra, L points.
"""

import copy
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax

from spektron_jax.errors import SpektronError
from spektron_jax.grid import modality_code, to_tokens
from spektron_jax.lab.masks import block_mask
from spektron_jax.losses.reconstruction import reconstruction

STEPS, RATE, SHARE, BLOCK = 3, 1e-5, 0.35, 3
NORMS = ("norm", "norm_attention", "norm_mlp", "summary")
PROJECTIONS = ("chem", "inst")


def adaptable(params):
    """True for the parameters that may move: norms and latent projections."""

    def chosen(path, _):
        names = [entry.key for entry in path]
        return names[0] in PROJECTIONS or any(name in NORMS for name in names)

    return jax.tree_util.tree_map_with_path(chosen, params)


def adapt(
    encoder,
    spectra,
    axis,
    unit="cm-1",
    modality="unknown",
    *,
    steps=STEPS,
    rate=RATE,
    share=SHARE,
    seed=0,
):
    """Return an encoder adapted to unlabelled spectra of the target instrument.

    Args:
      encoder: as from `load_encoder`; it stays as it is.
      spectra: (K, p) absorbance of the target, NaN = not measured.
      axis: (p,) positions in `unit`.
      unit, modality: as in `Encoder.embed`.
      steps: of Adam; 0 changes nothing.
      rate: learning rate.
      share: of the points that is hidden.
      seed: of the masks.

    Returns:
      (encoder, losses of the steps before each (steps,)).

    Raises:
      SpektronError: no spectrum, or a setting that cannot be.
    """
    if steps < 0 or not rate > 0 or not 0 < share < 1:
        raise SpektronError(
            f"steps = {steps}, rate = {rate}, share = {share}: give steps >= 0, a rate "
            "above 0 and a share between 0 and 1"
        )
    tokens = to_tokens(spectra, axis, unit, encoder.config.data.points)
    values = jnp.asarray(tokens.values / np.float32(encoder.config.data.scale))
    inputs = (
        values,
        jnp.asarray(tokens.wavenumber_cm1, jnp.float32),
        jnp.asarray(tokens.valid),
        jnp.full(len(values), modality_code(modality)),
    )
    tx, step = _tools(encoder.model, rate, share)
    params, state, losses = encoder.params, tx.init(encoder.params), []
    for number in range(steps):
        key = jax.random.fold_in(jax.random.key(seed), number)
        params, state, loss = step(params, state, key, *inputs)
        losses.append(float(loss))
    if not np.isfinite(losses).all():
        raise SpektronError("test-time training: loss is not finite; use a lower rate")
    adapted = copy.copy(encoder)  # keeps what is compiled: parameters are arguments
    adapted.params = params
    return adapted, np.array(losses)


@functools.cache
def _tools(model, rate, share):
    """Optimiser and compiled step, the same at every call with these settings."""

    def labels(params):
        return jax.tree.map(lambda its: "moves" if its else "stays", adaptable(params))

    tx = optax.multi_transform(
        {"moves": optax.adam(rate), "stays": optax.set_to_zero()}, labels
    )
    return tx, jax.jit(functools.partial(_step, model, tx, share))


def _step(model, tx, share, params, state, key, values, wavenumber, valid, modality):
    keys = jax.random.split(key, len(values))
    hidden = jax.vmap(lambda k, v: block_mask(k, v, share, BLOCK))(keys, valid)

    def loss(params):
        spectra, _ = model.apply(
            {"params": params}, values, wavenumber, valid, modality, hidden
        )
        return jnp.mean(reconstruction(spectra[..., 0], values, hidden)[0])

    error, gradient = jax.value_and_grad(loss)(params)
    updates, state = tx.update(gradient, state, params)
    return optax.apply_updates(params, updates), state, error
