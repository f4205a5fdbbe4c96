"""The losses of a batch from what the networks said, their sum, and its log.

Dimension legend: B spectra of one device, L points, D projection width, Z latent width,
N instruments in the pool, E experts, G the B of all devices.
"""

from typing import NamedTuple

import chex
import jax.numpy as jnp
from jaxtyping import Array, Float

from spektron_jax.losses.balance import balance
from spektron_jax.losses.bottleneck import PARTS, bottleneck
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
# What has a gradient of its own: the losses, the bottleneck in its four parts.
TERMS = (*(name for name in NAMES if name != "bottleneck"), *PARTS)


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


def losses_of(outputs: Outputs, inputs, *, epsilon: float, alignment: str = "sinkhorn"):
    """The TERMS: name -> (values, diagnostics).

    Args:
      outputs: of one device's batch.
      inputs: the same rows as measured: values and hidden (rows, L), clean (B, L),
        share (B / 2,) of the first of the two that were mixed, instrument (2,).
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
        "balance": balance(outputs.load, outputs.importance),
        **bottleneck(
            outputs.chem,
            outputs.inst,
            outputs.chem_logits,
            outputs.inst_logits,
            jnp.repeat(inputs.instrument, size),
            outputs.swapped,
            values,
            everywhere,
        ),
    }


def weights_of(losses, beta):
    """The weight of every term: name -> number.

    Args:
      losses: settings; `bottleneck` weighs its four parts together.
      beta: of the KL at this step.
    """
    whole = losses.bottleneck
    parts = {"kl": beta, "adversary": 1.0, "instrument": 1.0, "swap": losses.swap}
    return {
        name: whole * parts[name] if name in parts else losses[name] for name in TERMS
    }


def combine(terms, weights):
    """Weighted sum of `terms` and its log.

    Args:
      terms: name -> (values, diagnostics), from `losses_of`.
      weights: name -> weight, from `weights_of`.

    Returns:
      The total, a scalar, and a flat dict: loss/total, loss/<term> (raw),
      weighted/<term>, <term>/<diagnostic>, and weighted/bottleneck, the sum of its
      parts.
    """
    log = {}
    for name in TERMS:
        values, diagnostics = terms[name]
        log[f"loss/{name}"] = jnp.mean(values)
        log[f"weighted/{name}"] = weights[name] * log[f"loss/{name}"]
        log |= {f"{name}/{key}": value for key, value in diagnostics.items()}
    log["weighted/bottleneck"] = sum(log[f"weighted/{name}"] for name in PARTS)
    total = sum(log[f"weighted/{name}"] for name in NAMES)
    return total, log | {"loss/total": total}
