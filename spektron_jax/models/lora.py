"""Low-rank adapters added to a parameter tree from outside; the model knows of none.

    W' = W + A B,   A (n_in, r) normal with variance 1 / n_in,   B (r, n_out) zero

Hu et al., "LoRA", International Conference on Learning Representations (2022), eq. 3.
The factor alpha / r of the paper is left out: Adam's rate does its work. Adapted are
the projections of the attention (qkv, out) and of the backbone (into and out of the
oscillators, GLU).

Dimension legend: r rank, n_in and n_out inputs and outputs of a projection.
"""

import math

import jax
import jax.numpy as jnp

# Last names of a parameter -> (leading axes for layers and directions, input axes).
PROJECTIONS = {
    ("qkv", "kernel"): (0, 1),
    ("out", "kernel"): (0, 2),
    ("glu", "kernel"): (2, 1),
    ("ssm", "into"): (2, 1),
    ("ssm", "out"): (2, 2),
}
ROOTS = ("backbone", "transformer")


def init(key, params, rank):
    """Adapters that change nothing yet.

    Args:
      key: JAX key.
      params: of a Spektron.
      rank: r; 0 gives no adapters.

    Returns:
      dict of name -> {"a": (..., n_in, r), "b": (..., r, n_out)}; names are paths.
    """
    adapters = {}
    for path, leaf in jax.tree_util.tree_flatten_with_path(params)[0]:
        if rank and (axes := _axes(path)):
            key, own = jax.random.split(key)
            layers, size_in, size_out = _sizes(leaf, *axes)
            a = jax.random.normal(own, (*layers, size_in, rank)) * size_in**-0.5
            b = jnp.zeros((*layers, rank, size_out))
            adapters[name_of(path)] = {"a": a, "b": b}
    return adapters


def merged(params, adapters):
    """An ordinary parameter tree: projections with their adapters added."""

    def one(path, leaf):
        adapter = adapters.get(name_of(path))
        if adapter is None:
            return leaf
        return leaf + (adapter["a"] @ adapter["b"]).reshape(leaf.shape)

    return jax.tree_util.tree_map_with_path(one, params)


def name_of(path):
    """The path of a parameter as text: "transformer_0/qkv/kernel"."""
    return "/".join(entry.key for entry in path)


def _axes(path):
    names = tuple(entry.key for entry in path)
    return PROJECTIONS.get(names[-2:]) if names[0].startswith(ROOTS) else None


def _sizes(leaf, layers, inputs):
    shape = leaf.shape[layers:]
    return leaf.shape[:layers], math.prod(shape[:inputs]), math.prod(shape[inputs:])
