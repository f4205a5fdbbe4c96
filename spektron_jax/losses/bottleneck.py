"""Variational information bottleneck with an instrument adversary and a latent swap.

beta * KL (Alemi et al. 2017) + instrument cross-entropy on z_chem through gradient
reversal (Ganin et al. 2016) + the same on z_inst without reversal + SWAP * the error
of the spectrum decoded from z_chem of one view and z_inst of the other, which is what
gives z_chem its chemistry and z_inst its instrument.

Dimension legend: B batch, L points, Z latent width, N instruments in the pool.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Float

from spektron_jax.losses.reconstruction import masked_mean
from spektron_jax.metrics import COLLAPSED_KL
from spektron_jax.shapes import (
    ArrayLike,
    Codes,
    Logits,
    Mask,
    PerExample,
    Scalar,
    Spectra,
)

SWAP = 5.0  # weight of the swap beside the cross-entropies, which start near 1.4


def kl_per_dimension(
    mean: Float[ArrayLike, "*shape"], log_variance: Float[ArrayLike, "*shape"]
) -> Float[ArrayLike, "*shape"]:
    """KL(N(mean, exp(log_variance)) || N(0, 1)): each like mean, nats."""
    return 0.5 * (mean**2 + jnp.exp(log_variance) - 1 - log_variance)


def cross_entropy(logits: Logits, label: Codes) -> PerExample:
    """(B, N) logits and (B,) labels to (B,)."""
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), label[:, None], 1)[:, 0]


def bottleneck(
    chem,
    inst,
    chem_logits: Logits,
    inst_logits: Logits,
    label: Codes,
    swapped: Spectra,
    measured: Spectra,
    valid: Mask,
    beta: Scalar,
):
    """All parts.

    Args:
      chem, inst: (mean, log_variance) of each latent, (B, Z) each.
      chem_logits, inst_logits: (B, N); label: (B,) pool index.
      swapped: (B, L) spectra decoded with the other view's z_chem; measured: (B, L).
      valid: (B, L) bool.
      beta: weight of the KL, averaged over the latent dimensions.

    Returns:
      (B,) values and diagnostics: kl_chem and kl_inst (mean per dimension), collapsed
      (share of z_chem dimensions below COLLAPSED_KL), adversary, instrument, swap, and
      the two classifiers' accuracies on this batch.
    """
    kl_chem, kl_inst = kl_per_dimension(*chem), kl_per_dimension(*inst)
    kl = jnp.concatenate([kl_chem, kl_inst], axis=-1).mean(-1)
    adversary = cross_entropy(chem_logits, label)
    instrument = cross_entropy(inst_logits, label)
    swap = masked_mean((swapped - measured) ** 2, valid)
    values = beta * kl + adversary + instrument + SWAP * swap
    return values, {
        "kl_chem": jnp.mean(kl_chem),
        "kl_inst": jnp.mean(kl_inst),
        "collapsed": jnp.mean(kl_chem.mean(0) < COLLAPSED_KL),
        "adversary": jnp.mean(adversary),
        "instrument": jnp.mean(instrument),
        "swap": jnp.mean(swap),
        "chem_accuracy": jnp.mean(jnp.argmax(chem_logits, -1) == label),
        "inst_accuracy": jnp.mean(jnp.argmax(inst_logits, -1) == label),
    }
