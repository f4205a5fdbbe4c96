"""What a run will take on this machine, and signs of life until its first row.

A full-size model on a CPU needs months: that is said before it starts, from the time of
two spectra, and not found out from a progress bar that does not move.
"""

import os
import shutil
import threading
import time

import jax
import jax.numpy as jnp
from tqdm import tqdm

from spektron_jax.training.state import parameter_count

LARGE = 2_000_000  # parameters; smaller models show their pace within the first minute
ROWS, TARGETS = 2.5, 2.0  # per example: two views and half a mixture; two targets
NVIDIA = ("/proc/driver/nvidia/version", "/dev/nvidia0")
SILENCE_S = 50.0  # between two signs of life


def unused_gpu(platform):
    """What to do if there is an NVIDIA GPU that JAX does not see; else ""."""
    chosen = os.environ.get("JAX_PLATFORMS", "")
    if platform != "cpu" or "cpu" in chosen.split(","):
        return ""
    if not (any(map(os.path.exists, NVIDIA)) or shutil.which("nvidia-smi")):
        return ""
    return (
        "this machine has an NVIDIA GPU, but JAX came without its CUDA plug-in and "
        "runs on the CPU: pip install 'jax[cuda12]' here, then start again "
        "(JAX_PLATFORMS=cpu silences this)"
    )


def warn(config, model, params, devices, accumulate, steps_left):
    """Lines to print before the first step; none where nothing is unusual."""
    platform = devices[0].platform
    lines = [f"warning: {text}" for text in [unused_gpu(platform)] if text]
    if platform == "cpu" and parameter_count(params) >= LARGE and steps_left:
        seconds = step_seconds(config, model, params, accumulate) / len(devices)
        lines.append(
            f"on this CPU a step of {config.train.batch_size} spectra takes about "
            f"{duration(seconds)}, the {steps_left:,} steps to go about "
            f"{duration(seconds * steps_left)}; this size is made for GPUs. For a CPU: "
            "--config=configs/pretrain.py:nano (hours) or :tiny (minutes)"
        )
    return lines


def step_seconds(config, model, params, accumulate):
    """Estimated seconds of one optimiser step on one device, from two spectra.

    They go forward and backward once. A step does so with ROWS an example, forward
    once more if it accumulates, and forward with TARGETS.
    """
    points = config.data.points
    axis = jnp.linspace(config.data.low_cm1, config.data.high_cm1, points)
    values = jnp.ones((2, points))
    inputs = values, axis, values > 0, jnp.ones(2, jnp.int32), values < 0

    @jax.jit
    def gradient(params):
        def loss(params):
            return jnp.mean(model.apply({"params": params}, *inputs)[0] ** 2)

        return jax.grad(loss)(params)

    jax.block_until_ready(gradient(params))
    begun = time.perf_counter()
    jax.block_until_ready(gradient(params))
    both = (time.perf_counter() - begun) / 2  # of one spectrum; a third is forward
    repeated = 1 / 3 if accumulate > 1 else 0.0
    each = both * (ROWS * (1 + repeated) + TARGETS / 3)
    return config.train.batch_size * each


def duration(seconds):
    """In the unit that suits, such as "13 s" or "240 days"."""
    for unit, size in (("s", 1), ("minutes", 60), ("hours", 3600)):
        if seconds < 100 * size:
            return f"{max(1, round(seconds / size))} {unit}"
    return f"{round(seconds / 86400):,} days"


class SignsOfLife:
    """Says every minute how far the run is, from `start` to `stop`."""

    def __init__(self, window, wanted=True, every_s=SILENCE_S):
        """window: metrics of the steps so far; the newest may be still to come."""
        self.window, self.wanted, self.every_s = window, wanted, every_s
        self.ended, self.begun = threading.Event(), time.monotonic()

    def start(self):
        """In a thread of its own, which ends with the program."""
        if self.wanted:
            threading.Thread(target=self._watch, daemon=True).start()

    def stop(self):
        """The run speaks for itself from here on."""
        self.ended.set()

    def _watch(self):
        while not self.ended.wait(self.every_s):
            done = sum(finished(row) for row in list(self.window))
            doing = f"{done} steps done" if done else "compiling, or in the first step"
            elapsed = duration(time.monotonic() - self.begun)
            tqdm.write(f"{doing} after {elapsed}")


def finished(row):
    """Whether a step's metrics are computed."""
    return all(value.is_ready() for value in jax.tree.leaves(row))
