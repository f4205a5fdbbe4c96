"""Time and memory of the base model on one CPU thread, forward and backward.

    python -m benchmarks.base_model [--rounds 3] [--json FILE]

Each row runs in a process of its own, bound to one core: masked reconstruction of
random spectra at the design's sizes (2,048 points, 4 + 4 D-LinOSS layers), gradient of
every parameter, float32. Rows are measured in turn, some rounds, and the median is
printed. Peak memory is the process's largest resident size, JAX itself included.
The PyTorch original: 3.6 s a sample; 1.9 GB at batch 1, 6.8 GB at batch 4.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

ROWS = [
    (batch, scan, remat)
    for batch in (1, 4)
    for scan in ("stream", "sequential")
    for remat in (True, False)
]
ORIGINAL = {1: (3.6, 1.9), 4: (3.6, 6.8)}


def measure(batch, scan, remat):
    """One row, in this process: seconds a sample, compile seconds, peak GB."""
    os.sched_setaffinity(0, {0})
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    import jax
    import jax.numpy as jnp

    from spektron_jax.config import get_default
    from spektron_jax.models.spektron import Spektron
    from spektron_jax.training.state import init_params

    settings = get_default().model.to_dict() | {"scan": scan, "remat": remat}
    model = Spektron(**settings)
    params = init_params(model, 0)
    axis = jnp.linspace(500.0, 4000.0, 2048)
    keys = jax.random.split(jax.random.key(1), batch)
    values = jax.random.normal(jax.random.key(2), (batch, 2048))
    hidden = jax.random.bernoulli(jax.random.key(3), 0.2, (batch, 2048))
    modality = jnp.ones(batch, int)

    def loss(params):
        spectra, _ = model.apply(
            {"params": params},
            values,
            axis,
            jnp.ones_like(hidden),
            modality,
            hidden,
            keys,
            rngs={"dropout": keys[0]},
        )
        return jnp.mean(hidden * (spectra[..., 0] - values) ** 2)

    begun = time.perf_counter()
    gradient = jax.jit(jax.grad(loss)).lower(params).compile()
    compiled = time.perf_counter() - begun
    jax.block_until_ready(gradient(params))
    begun = time.perf_counter()
    jax.block_until_ready(gradient(params))
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {"seconds": seconds / batch, "compile": compiled, "gigabytes": peak}


def main():
    """Print the table; --json FILE also writes it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--row", type=int, help="measure one row here (internal)")
    options = parser.parse_args()
    if options.row is not None:
        print(json.dumps(measure(*ROWS[options.row])))
        return
    found = {row: [] for row in ROWS}
    for _ in range(options.rounds):
        for number, row in enumerate(ROWS):
            command = [sys.executable, "-m", "benchmarks.base_model", f"--row={number}"]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found[row].append(json.loads(done.stdout))
    table = []
    print("| batch | scan | remat | s/sample | original/ours | peak GB | compile s |")
    print("|---|---|---|---|---|---|---|")
    for (batch, scan, remat), runs in found.items():
        row = {k: statistics.median(run[k] for run in runs) for k in runs[0]}
        table.append({"batch": batch, "scan": scan, "remat": remat, **row})
        print(
            f"| {batch} | {scan} | {remat} | {row['seconds']:.2f} "
            f"| {ORIGINAL[batch][0] / row['seconds']:.1f} "
            f"| {row['gigabytes']:.2f} (original {ORIGINAL[batch][1]}) "
            f"| {row['compile']:.0f} |"
        )
    if options.json:
        with open(options.json, "w") as file:
            json.dump(table, file, indent=1)


if __name__ == "__main__":
    main()
