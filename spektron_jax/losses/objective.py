"""The seven losses of a batch from what the networks said, their sum, and its log.

Dimension legend: B spectra of one device, L points, D projection width, Z latent width,
N instruments in the pool, E experts, G the B of all devices.
"""

from typing import NamedTuple

import chex
import jax.numpy as jnp
from jaxtyping import Array, Float

from spektron_jax.losses.balance import balance
from spektron_jax.losses.bottleneck import bottleneck
from spektron_jax.losses.contrastive import contrastive
from spektron_jax.losses.physics import physics
from spektron_jax.losses.reconstruction import denoising, reconstruction
from spektron_jax.losses.transport import transport

NAMES = (
    "reconstruction",
    "contrastive",
    "denoising",
    "physics",
    "transport",
    "bottleneck",
    "balance",
)


class Outputs(NamedTuple):
    """What the networks said of a batch; statistics of all devices are taken already.

    Rows are view a, then view b, then mixtures of neighbours of view a.
    """

    spectra: Float[Array, "rows L 2"]  # decoded: as measured, and clean
    swapped: Float[Array, "views L"]  # from z_chem of the other view
    prediction: Float[Array, "views D"]
    target: Float[Array, "views D"]  # of the moving-average network, standardised
    chem: tuple[Array, Array]  # mean and log-variance of z_chem, (2 B, Z) each
    inst: tuple[Array, Array]  # the same of z_inst
    chem_logits: Float[Array, "views N"]
    inst_logits: Float[Array, "views N"]
    clouds: tuple[Array, Array]  # means of z_chem on all devices, (G, Z) for each view
    load: Float[Array, " E"]  # means of all devices
    importance: Float[Array, " E"]


def losses_of(
    outputs: Outputs, inputs, *, beta, epsilon: float, alignment: str = "sinkhorn"
):
    """The seven losses: name -> (values, diagnostics).

    Args:
      outputs: of one device's batch.
      inputs: the same rows as measured: values and hidden (rows, L), clean (B, L),
        share (B / 2,) of the first of the two that were mixed, instrument (2,).
      beta: weight of the KL in the bottleneck.
      epsilon, alignment: of the transport between the instruments' clouds.
    """
    size = len(inputs.clean)
    chex.assert_shape(outputs.spectra, (*inputs.values.shape, 2))
    chex.assert_equal_shape([inputs.values, inputs.hidden])
    chex.assert_axis_dimension(outputs.chem_logits, 0, 2 * size)
    both, mixed = slice(0, 2 * size), slice(2 * size, None)
    values, visible = inputs.values[both], ~inputs.hidden
    decoded, clean = outputs.spectra[..., 0], outputs.spectra[..., 1]
    everywhere = jnp.ones_like(visible[both])
    return {
        "reconstruction": reconstruction(decoded[both], values, inputs.hidden[both]),
        "contrastive": contrastive(
            *jnp.split(outputs.prediction, 2), *jnp.split(outputs.target, 2)
        ),
        "denoising": denoising(
            clean[both], jnp.tile(inputs.clean, (2, 1)), visible[both]
        ),
        "physics": physics(
            clean[:size],
            everywhere[:size],
            clean[mixed],
            inputs.share,
            visible[mixed],
        ),
        "transport": transport(*outputs.clouds, epsilon, alignment),
        "bottleneck": bottleneck(
            outputs.chem,
            outputs.inst,
            outputs.chem_logits,
            outputs.inst_logits,
            jnp.repeat(inputs.instrument, size),
            outputs.swapped,
            values,
            everywhere,
            beta,
        ),
        "balance": balance(outputs.load, outputs.importance),
    }


def combine(terms, weights):
    """Weighted sum of `terms` and its log.

    Args:
      terms: name -> (values, diagnostics), from `losses_of`.
      weights: name -> weight.

    Returns:
      The total, a scalar, and a flat dict: loss/total, loss/<name> (raw),
      weighted/<name> and <name>/<diagnostic>.
    """
    total, log = 0.0, {}
    for name in NAMES:
        values, diagnostics = terms[name]
        raw = jnp.mean(values)
        weighted = weights[name] * raw
        total = total + weighted
        log[f"loss/{name}"], log[f"weighted/{name}"] = raw, weighted
        log.update({f"{name}/{key}": value for key, value in diagnostics.items()})
    return total, log | {"loss/total": total}
