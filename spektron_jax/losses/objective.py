"""The weighted sum of the seven losses and what is logged of it."""

import jax.numpy as jnp

NAMES = (
    "reconstruction",
    "contrastive",
    "denoising",
    "physics",
    "transport",
    "bottleneck",
    "balance",
)


def combine(terms, weights):
    """Weighted sum of `terms` and its log.

    Args:
      terms: name -> (values, diagnostics) for every one of NAMES.
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
