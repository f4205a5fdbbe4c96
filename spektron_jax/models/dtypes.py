"""Precision policy: the one place that says which number type computes what.

Parameters, the oscillator block, gate softmax, latents and losses are float32
always: a pole radius of 0.999 is 1.0 in bfloat16. The rest computes in `compute`.
"""

import jax
import jax.numpy as jnp

STATE = jnp.float32  # parameters, oscillators, latents, losses


def compute(name):
    """Compute type for a config name: "auto", "bfloat16" or "float32".

    "auto" is bfloat16 on GPU and TPU, float32 on CPU (where bfloat16 is emulated).
    """
    if name == "auto":
        name = "float32" if jax.default_backend() == "cpu" else "bfloat16"
    return jnp.dtype(name)
