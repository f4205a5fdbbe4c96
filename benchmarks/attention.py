"""Forms of exact attention on CPU, forward and backward, at base's shapes.

    python -m benchmarks.attention [--json benchmarks/results/attention.json]

2,050 tokens, 8 heads of 32 numbers, 2 spectra, float32, one thread's CPU time, medians
of rounds in which every form runs once. "plain" keeps the whole softmax, "chunked"
recomputes it in blocks of 128 queries, "library" is `jax.nn.dot_product_attention`,
which has no kernel for CPU; "ours" is `models.attention`.
"""

import argparse
import json
import statistics
import time

import jax
import jax.numpy as jnp

from spektron_jax.models.attention import MASKED, attention

BATCH, TOKENS, HEADS, WIDTH = 2, 2050, 8, 32
QUERIES, ROUNDS = 128, 5


def plain(q, k, v, mask):
    """Softmax of all scores at once."""
    scores = jnp.einsum("brhw,bthw->bhrt", q, k) * q.shape[-1] ** -0.5
    scores = jnp.where(mask[:, None, None, :], scores, MASKED)
    return jnp.einsum("bhrt,bthw->brhw", jax.nn.softmax(scores), v)


def chunked(q, k, v, mask):
    """Blocks of queries, one after the other, each recomputed on the way back."""
    batch, length, heads, width = q.shape
    count = -(-length // QUERIES)
    over = count * QUERIES - length
    blocks = jnp.pad(q, ((0, 0), (0, over), (0, 0), (0, 0)))
    blocks = blocks.reshape(batch, count, QUERIES, heads, width).swapaxes(0, 1)
    out = jax.lax.map(jax.checkpoint(lambda q: plain(q, k, v, mask)), blocks)
    return out.swapaxes(0, 1).reshape(batch, -1, heads, width)[:, :length]


def library(q, k, v, mask):
    """What JAX has."""
    return jax.nn.dot_product_attention(q, k, v, mask=mask[:, None, None, :])


FORMS = {"plain": plain, "chunked": chunked, "library": library, "ours": attention}


def both_ways(form, q, k, v, mask):
    """Output and gradients."""
    out, pull = jax.vjp(lambda *given: form(*given, mask), q, k, v)
    return out, *pull(out)


def main():
    """Print CPU ms of each form and the largest difference from the plain one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json")
    given = parser.parse_args()
    keys = jax.random.split(jax.random.key(0), 3)
    q, k, v = (jax.random.normal(key, (BATCH, TOKENS, HEADS, WIDTH)) for key in keys)
    mask = jnp.arange(TOKENS) < jnp.array([[TOKENS], [TOKENS - 300]])
    inputs = q, k, v, mask
    runs = {
        name: jax.jit(both_ways, static_argnums=0).lower(form, *inputs).compile()
        for name, form in FORMS.items()
    }
    right = runs["plain"](*inputs)
    spent = {name: [] for name in runs}
    found = {}
    for _ in range(ROUNDS + 1):
        for name, run in runs.items():
            begun = time.process_time()
            out = jax.block_until_ready(run(*inputs))
            spent[name].append(1e3 * (time.process_time() - begun))
            off = max(
                float(jnp.abs(a - b).max()) for a, b in zip(out, right, strict=True)
            )
            found[name] = {"off": off}
    for name, each in spent.items():
        found[name]["ms"] = statistics.median(each[1:])
        print(f"{name:8s} {found[name]['ms']:7.0f} ms  off {found[name]['off']:.1e}")
    if given.json:
        with open(given.json, "w") as file:
            json.dump(found, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
