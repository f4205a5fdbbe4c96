"""The oscillator layer beside S5 and beside convolution by FFT: time and memory.

    python -m benchmarks.other_layers [--json FILE] [--rounds 5]

Forward and backward, width 256, 2,048 points, batch 16, in rounds as in
`benchmarks.oscillator`. S5 has 128 complex states, which is half the state of 128
oscillators, and a tree `associative_scan`; written from the equations of Smith,
Warrington & Linderman 2023. FFT is our layer with the same numbers, its positions as
the convolution of the force with an impulse response of full length.
"""

import argparse
import json

import jax
import jax.numpy as jnp

from benchmarks import oscillator
from spektron_jax.models.scans import scan

BATCH, LENGTH = 16, 2048


def s5_init(key, width, states):
    """Parameters: S4D-Lin eigenvalues, steps of .001 to .1, log-uniform."""
    keys = jax.random.split(key, 4)

    def draw(key, shape):
        real, imaginary = jax.random.normal(key, (2, *shape)) / (2 * shape[1]) ** 0.5
        return jax.lax.complex(real, imaginary)

    return {
        "eigenvalue": jax.lax.complex(
            jnp.full(states, -0.5), jnp.pi * jnp.arange(states, dtype=jnp.float32)
        ),
        "log_dt": jax.random.uniform(keys[0], (states,), minval=-6.9, maxval=-2.3),
        "B": draw(keys[1], (states, width)),
        "C": draw(keys[2], (width, states)),
        "D": jax.random.normal(keys[3], (width,)),
    }


def s5(params, u):
    """y = 2 Re(C x) + D u for one spectrum (L, D), zero-order hold."""
    factor = jnp.exp(params["eigenvalue"] * jnp.exp(params["log_dt"]))
    into = ((factor - 1) / params["eigenvalue"])[:, None] * params["B"]
    force = u @ into.T
    factors = jnp.broadcast_to(factor, force.shape)

    def combine(first, second):
        (a, x), (b, y) = first, second
        return a * b, b * x + y

    states = jax.lax.associative_scan(combine, (factors, force))[1]
    return 2 * (states @ params["C"].T).real + params["D"] * u


def by_fft(layer, u):
    """Our layer (B, L, D), its positions by FFT."""
    length = u.shape[1]
    force = layer.drive[:, None] * jnp.einsum("bld,dpc->blpc", u, layer.into)
    impulse = jnp.zeros((1, length, *layer.into.shape[1:])).at[:, 0, :, 0].set(1.0)
    poles = (layer.sigma[None], layer.delta[None], layer.g[None])
    response = scan(*poles, impulse, algorithm="sequential")[0][..., :1]
    product = jnp.fft.rfft(response, 2 * length, 1) * jnp.fft.rfft(force, 2 * length, 1)
    positions = jnp.fft.irfft(product, 2 * length, 1)[:, :length]
    return jnp.einsum("blpc,pcd->bld", positions, layer.out) + layer.skip * u


def layers(layer):
    """{name: (function of parameters and input, parameters)}."""
    drawn = s5_init(jax.random.key(2), oscillator.WIDTH, oscillator.OSCILLATORS)
    return {"S5": (jax.vmap(s5, (None, 0)), drawn), "FFT": (by_fft, layer)}


def main():
    """Print the table; --json FILE also writes it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    variants = [oscillator.PUBLISHED, "stream", "S5", "FFT"]
    more = layers(oscillator.parameters()[1])
    rows = oscillator.speed(BATCH, LENGTH, variants, options.rounds, more)
    columns = ["variant", "speedup", "cpu_ms", "wall_ms", "temporary_mb", "compile_s"]
    print(oscillator.table(rows, columns))
    if options.json:
        with open(options.json, "w") as file:
            json.dump(rows, file, indent=1)


if __name__ == "__main__":
    main()
