"""Variational information bottleneck with an instrument adversary and a latent swap.

beta * KL (Alemi et al. 2017) + instrument cross-entropy on z_chem through gradient
reversal (Ganin et al. 2016) + the same on z_inst without reversal + the error of the
spectrum decoded from z_chem of one view and z_inst of the other, which is what gives
z_chem its chemistry and z_inst its instrument. Four terms, since each pulls in another
direction and has a weight of its own.

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
    Spectra,
)

PARTS = ("kl", "adversary", "instrument", "swap")


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
):
    """All parts, none of them weighted: name -> (values, diagnostics).

    Args:
      chem, inst: (mean, log_variance) of each latent, (B, Z) each.
      chem_logits, inst_logits: (B, N); label: (B,) pool index.
      swapped: (B, L) spectra decoded with the other view's z_chem; measured: (B, L).
      valid: (B, L) bool.

    Returns:
      kl: (B,) nats of both latents, summed over their dimensions; its diagnostics are
        chem and inst (mean per dimension) and collapsed (share of z_chem dimensions
        below COLLAPSED_KL).
      adversary, instrument: (B,) cross-entropies, with the classifier's accuracy.
      swap: (B,) squared error.
    """
    kl_chem, kl_inst = kl_per_dimension(*chem), kl_per_dimension(*inst)
    kl = jnp.sum(kl_chem, -1) + jnp.sum(kl_inst, -1)
    found = {
        "chem": jnp.mean(kl_chem),
        "inst": jnp.mean(kl_inst),
        "collapsed": jnp.mean(kl_chem.mean(0) < COLLAPSED_KL),
    }
    return {
        "kl": (kl, found),
        "adversary": classified(chem_logits, label),
        "instrument": classified(inst_logits, label),
        "swap": (masked_mean((swapped - measured) ** 2, valid), {}),
    }


def classified(logits: Logits, label: Codes):
    """Cross-entropy of a classifier, (B,), and its accuracy on this batch."""
    accuracy = jnp.mean(jnp.argmax(logits, -1) == label)
    return cross_entropy(logits, label), {"accuracy": accuracy}
