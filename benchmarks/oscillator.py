"""The oscillator core against D-LinOSS as published: time, memory, accuracy.

    python -m benchmarks.oscillator [--json FILE] [--rounds 9] [--short]

Forward and backward of one layer, 128 oscillators, width 256, float32. Every variant
runs once in each round, so that all of them meet the same noise; the ratio is the
median over rounds of published / variant, in CPU time (wall time off the CPU). Errors
are relative L2 per oscillator against a float64 loop fed the same float32 parameters,
the worst oscillator of a set with radius 1 - 1e-6, angles near 0 and pi, no damping and
both band edges; gradients of sigma and delta over eight spectra with their own each.
`--short` leaves out the published design (its compilation is slow) and lengths
above 2,048.
"""

import argparse
import functools
import json
import platform
import statistics
import time

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import published_dlinoss as published
from spektron_jax.models.oscillators import from_physical, from_poles
from spektron_jax.models.scans import ALGORITHMS, scan
from spektron_jax.models.stream import Layer, dlinoss

WIDTH, OSCILLATORS = 256, 128
PUBLISHED = "published design"


def parameters():
    """The same layer twice: as published, and ours."""
    params = published.init(jax.random.key(0), WIDTH, OSCILLATORS)
    dt, b, c = params["dt"], params["B"].T, params["C"].T
    layer = Layer(
        *from_physical(params["A"], params["G"], dt),
        drive=dt**2,
        into=jnp.stack([b.real, b.imag], -1),
        out=jnp.stack([c.real, -c.imag], 1),
        skip=params["D"],
    )
    return params, layer


def compiled(function, params, u):
    """Forward and backward, compiled; seconds for it and temporary megabytes."""

    def both(params, u, cotangent):
        y, pull = jax.vjp(function, params, u)
        return y, pull(cotangent)

    begun = time.perf_counter()
    run = jax.jit(both).lower(params, u, u).compile()
    seconds = time.perf_counter() - begun
    return run, seconds, run.memory_analysis().temp_size_in_bytes / 1e6


def speed(batch, length, variants, rounds, more=None):
    """One row a variant: CPU and wall milliseconds, ratios, memory, compile time.

    `more` holds variants that are not of this file, {name: (function, parameters)}.
    """
    params, layer = parameters()
    u = jax.random.normal(jax.random.key(1), (batch, length, WIDTH))
    runs, rows = {}, {}
    for name in variants:
        if name == PUBLISHED:
            function, mine = jax.vmap(published.layer, (None, 0)), params
        elif more and name in more:
            function, mine = more[name]
        else:
            function, mine = functools.partial(dlinoss, algorithm=name), layer
        run, seconds, megabytes = compiled(function, mine, u)
        runs[name] = (run, mine)
        rows[name] = {"compile_s": seconds, "temporary_mb": megabytes}
        jax.block_until_ready(run(mine, u, u))
    cpu, wall = {name: [] for name in variants}, {name: [] for name in variants}
    for _ in range(rounds):
        for name, (run, mine) in runs.items():
            begun = time.process_time(), time.perf_counter()
            jax.block_until_ready(run(mine, u, u))
            cpu[name].append(time.process_time() - begun[0])
            wall[name].append(time.perf_counter() - begun[1])
    spent = cpu if jax.default_backend() == "cpu" else wall
    for name, row in rows.items():
        row["cpu_ms"] = 1e3 * statistics.median(cpu[name])
        row["wall_ms"] = 1e3 * statistics.median(wall[name])
        if PUBLISHED in rows:
            pairs = zip(spent[PUBLISHED], spent[name], strict=True)
            row["speedup"] = statistics.median(one / two for one, two in pairs)
            row["memory_ratio"] = rows[PUBLISHED]["temporary_mb"] / row["temporary_mb"]
    return [
        {"batch": batch, "length": length, "variant": n, **r} for n, r in rows.items()
    ]


def extremes():
    """float32 (sigma, delta, g): 64 random poles and the limits of the band."""
    rng = np.random.default_rng(0)
    radius = np.concatenate([1 - 10.0 ** -rng.uniform(0.3, 6, 64), [1 - 1e-6] * 8])
    near = [1e-4, 1e-3, 0.5, 1.57, 1.58, 2.6, np.pi - 1e-3, np.pi - 1e-4]
    angle = np.concatenate([rng.uniform(0, np.pi, 64), near])
    with jax.enable_x64(True):
        poles = from_poles(jnp.asarray(-np.log(radius)), jnp.asarray(angle))
        rows = np.stack([np.asarray(value) for value in poles], -1)
    edges = [[0.0, 1.7, 1], [0.0, 1e-3, -1], [1e-7, 0.0, 1], [1e-7, 0.0, -1]]
    return np.concatenate([rows, edges]).astype(np.float32).T


def as_published(sigma, delta, g, force):
    """Positions by the published algorithm from the same numbers, in float32."""
    stiffness = jnp.where(g > 0, delta, (4 - delta) + 2 * sigma)
    run = jax.vmap(lambda a, b, f: published.positions(a, b, jnp.ones_like(a), f))
    complex_force = jax.lax.complex(force[..., 0], force[..., 1])
    x = run(stiffness, sigma, complex_force)
    return jnp.stack([x.real, x.imag], -1)


def accuracy(length, variants):
    """One row a variant: the worst relative L2 error of each result."""
    rng = np.random.default_rng(1)
    oscillators = [np.tile(value, (8, 1)) for value in extremes()]
    force, cotangent = rng.normal(
        size=(2, 8, length, oscillators[0].shape[1], 2)
    ).astype(np.float32)

    def run(function, sigma, delta, g, force, cotangent):
        x, pull = jax.vjp(lambda s, d, f: function(s, d, g, f), sigma, delta, force)
        return x, *pull(cotangent)

    def by(name):
        if name == PUBLISHED:
            return as_published
        return lambda *inputs: scan(*inputs, algorithm=name)[0]

    jitted = jax.jit(run, static_argnums=0)
    inputs = (*oscillators, force, cotangent)
    with jax.enable_x64(True):
        wide = [jnp.asarray(value, jnp.float64) for value in inputs]
        exact = [np.asarray(value) for value in jitted(by("sequential"), *wide)]
    rows = []
    for name in variants:
        found = jitted(by(name), *inputs)
        row = {"length": length, "variant": name}
        labels = ("x", "sigma", "delta", "force")
        for label, value, wanted in zip(labels, found, exact, strict=True):
            axes = (0, 1, 3) if value.ndim == 4 else 0
            gap = np.sum((np.asarray(value, np.float64) - wanted) ** 2, axes)
            row[label] = float(np.sqrt(gap / np.sum(wanted**2, axes)).max())
        rows.append(row)
    return rows


def table(rows, columns):
    """Markdown."""
    lines = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    for row in rows:
        cells = [row.get(name, "") for name in columns]
        shown = (f"{c:.3g}" if isinstance(c, float) else str(c) for c in cells)
        lines.append("| " + " | ".join(shown) + " |")
    return "\n".join(lines)


def main():
    """Print the tables; --json FILE also writes them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--short", action="store_true")
    options = parser.parse_args()
    first = [] if options.short else [PUBLISHED]
    every = [*first, "stream", *ALGORITHMS]
    timed = ["batch", "length", "variant", "speedup", "cpu_ms", "wall_ms"]
    timed += ["temporary_mb", "memory_ratio", "compile_s"]
    print(f"{jax.default_backend()}, jax {jax.__version__}, {platform.machine()}\n")
    results = {"speed": [], "accuracy": [], "growth": []}
    for batch in (16, 1):
        results["speed"] += speed(batch, 2048, every, options.rounds)
    print(table(results["speed"], timed) + "\n", flush=True)
    lengths = (2048,) if options.short else (2048, 16384)
    for length in lengths:
        results["accuracy"] += accuracy(length, [*first, *ALGORITHMS])
    print(table(results["accuracy"], list(results["accuracy"][0])) + "\n", flush=True)
    sizes = [(1, 2**power) for power in range(9, 15)]  # 512 to 16,384 points
    sizes += [(2**power, 2048) for power in range(1, 6)]  # batches of 2 to 32
    for batch, length in sizes:
        if length <= max(lengths):
            results["growth"] += speed(batch, length, ["stream"], options.rounds)
    print(table(results["growth"], timed), flush=True)
    if options.json:
        with open(options.json, "w") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
