"""Pretraining from start to evaluation: train(config, workdir).

Order of initialisation: an undamaged checkpoint in the workdir, else the weights of
`train.start`, else scratch. A step does not wait for the one before it to be computed;
log time is the only time at which the host reads from the devices.
"""

import json
import math
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from absl import logging
from ml_collections import ConfigDict
from tqdm import tqdm

from spektron_jax.archive import replacing
from spektron_jax.config import validate
from spektron_jax.encoder.weights import completed
from spektron_jax.errors import SpektronError
from spektron_jax.losses.bottleneck import COLLAPSED_KL
from spektron_jax.training import checkpoint, evaluate, parallel
from spektron_jax.training.curves import Curves
from spektron_jax.training.examples import ExampleStream, open_source, prefetch
from spektron_jax.training.metric_writers import make_writers
from spektron_jax.training.schedules import warmup_steps
from spektron_jax.training.separate import separated
from spektron_jax.training.state import (
    TrainState,
    build_model,
    build_optimizer,
    create,
    parameter_count,
)
from spektron_jax.training.steps import make_pretrain_step

COLLAPSE_STEP, COLLAPSE_SHARE = 5000, 0.3  # warn from here on, above this share
# Sections that a resumed run may change: they do not touch the state.
FREE = ("checkpoint", "log", "eval", "train.max_minutes", "train.devices")


def train(config, workdir):
    """Pretrain and evaluate; continues what the workdir holds.

    Returns:
      The evaluation, as in evaluation.json; None in processes that do not lead.

    Raises:
      SpektronError: for settings that cannot work, a foreign or damaged workdir, and
        as soon as a loss or a norm is not finite.
    """
    workdir = Path(workdir)
    state = pretrain(config, workdir)
    if not parallel.is_primary():
        return None
    source = open_training_source(config)
    return evaluate.run(config, build_model(config), state, source, workdir)


def pretrain(config, workdir):
    """The part of `train` before the evaluation; returns the last state."""
    parallel.meet()
    devices = parallel.local_devices(config.train.devices)
    processes = parallel.part()[1]
    validate(config, len(devices) * processes)
    source = open_training_source(config)
    stream = ExampleStream(source, "train", config.train.batch_size, config.seed)

    model, optimizer = build_model(config), build_optimizer(config)
    state = create(config, model, optimizer)
    state = resume(config, workdir, state)
    start = int(state.step)
    if config.train.separate and start == 0:
        params = separated(state.params, config, model, source, config.log.progress)
        target = jax.tree.map(jnp.copy, params)
        state = state.replace(params=params, target_params=target)
    if parallel.is_primary():
        write_config(config, workdir)
        describe(config, state, stream, devices)

    if start < config.train.steps:
        step = parallel.data_parallel(
            make_pretrain_step(config, model, optimizer), devices
        )
        state = run_steps(config, workdir, state, step, stream, devices)
    return state


def open_training_source(config):
    """The data set of config.data."""
    data = config.data
    source = open_source(
        data.kind,
        data.path,
        modalities=tuple(data.modalities),
        points=data.points,
        low_cm1=data.low_cm1,
        high_cm1=data.high_cm1,
    )
    axis = np.linspace(data.low_cm1, data.high_cm1, data.points)
    if source.axis_cm1 is not None and not np.allclose(source.axis_cm1, axis, atol=0.1):
        low, high = source.axis_cm1[[0, -1]]
        raise SpektronError(
            f"{data.path}: its axis runs from {low:g} to {high:g} cm-1 and must be "
            f"even; set config.data.low_cm1={low:g} and config.data.high_cm1={high:g}"
        )
    return source


def resume(config, workdir, state):
    """The newest good checkpoint's state, or the fresh one."""
    if not (config.checkpoint.resume and checkpoint.steps(workdir)):
        return state
    newest = checkpoint.latest(workdir)
    if newest is not None:
        saved = completed(checkpoint.settings(workdir, newest))
        same_run(saved, config, workdir)
    _, params, rest, _, _ = checkpoint.restore(workdir, rest_of(state), state.params)
    return TrainState(params=params, **rest)


def rest_of(state):
    """All of the state but the parameters, as a dict."""
    return {
        "step": state.step,
        "target_params": state.target_params,
        "opt_state": state.opt_state,
        "seed": state.seed,
    }


def same_run(saved, config, workdir, prefix=""):
    """Refuse to continue a run with other settings, naming the first that differs."""
    for name in sorted(saved.keys()):
        field = f"{prefix}{name}"
        old, new = saved[name], config[name]
        if field in FREE or old == new:
            continue
        if isinstance(old, ConfigDict):
            same_run(old, new, workdir, f"{field}.")
            continue
        raise SpektronError(
            f"{workdir} holds a run with config.{field} = {old!r}, not {new!r}; choose "
            "another --workdir, or restore the setting"
        )


def write_config(config, workdir):
    """config.json, replaced whole."""
    with replacing(workdir / "config.json") as path:
        path.write_text(config.to_json(indent=2) + "\n")


def describe(config, state, stream, devices):
    """What is about to happen, in two lines."""
    train = config.train
    print(
        f"{parameter_count(state.params):,} parameters on {len(devices)} "
        f"{devices[0].platform} device(s); {len(stream.molecule):,} training examples"
    )
    print(
        f"steps {int(state.step)} to {train.steps} of {train.batch_size} examples "
        f"({train.accumulate} accumulation steps)",
        flush=True,
    )


def run_steps(config, workdir, state, step, stream, devices):
    """All remaining optimiser steps; returns the state on the host."""
    train, start = config.train, int(state.step)
    writers = None
    if parallel.is_primary():
        writers = make_writers(
            workdir, start, console=True, tensorboard=config.log.tensorboard
        )
    bar = tqdm(
        total=train.steps,
        initial=start,
        unit="step",
        disable=not (config.log.progress and parallel.is_primary()),
        mininterval=0.5,
    )
    state = parallel.replicate(state, devices)

    def load(number):
        return stream.batch(number, parallel.part(), train.accumulate, len(devices))

    every, curves = config.eval.curve_every_steps, None
    if every and parallel.is_primary():
        curves = Curves(config, build_model(config), stream.source)
    window, begun, marked, warned = [], time.monotonic(), time.monotonic(), False
    batches = prefetch(load, range(start, train.steps))
    try:
        for number, batch in batches:
            state, metrics = step(state, batch)
            window.append(metrics)
            done = number + 1
            last = done == train.steps
            save = last or done % config.checkpoint.every_steps == 0
            point = every and done % every == 0
            if not (save or point or done % config.log.every_steps == 0):
                continue
            row = read_window(window, done)
            now = time.monotonic()
            row["samples_per_s"] = train.batch_size * len(window) / (now - marked)
            row["minutes"] = (now - begun) / 60
            bar.update(len(window))
            bar.set_postfix_str(
                f"loss {row['loss/total']:.3f}, {row['samples_per_s']:.1f} samples/s"
            )
            if curves and point:
                row |= curves(parallel.unreplicate(state.params))
            window, marked = [], time.monotonic()
            warned = warned or warn_of_collapse(done, row)
            late = train.max_minutes > 0 and parallel.as_primary(
                row["minutes"] >= train.max_minutes
            )
            if writers:
                writers.write(done, row)
                if save or late:
                    save_state(config, workdir, done, state)
                    if late and not last:
                        print(stopped_early(config, done), flush=True)
            if late and not last:
                break
    finally:
        batches.close()
        bar.close()
        if writers:
            writers.close()
    return parallel.unreplicate(state)


def read_window(window, done):
    """Mean of each metric over the steps since the last row.

    Raises:
      SpektronError: naming the first step and term that are not finite.
    """
    rows = parallel.unreplicate(window)
    for back, row in enumerate(rows):
        bad = [name for name, value in sorted(row.items()) if not np.isfinite(value)]
        if bad:
            # Terms before their sum: the total only repeats them.
            bad.sort(key=lambda name: (not name.startswith("loss/"), "total" in name))
            raise SpektronError(
                f"step {done - len(rows) + back + 1}: {bad[0]} is not finite; lower "
                "config.optim.learning_rate or look at the data of that step (the "
                "newest checkpoint is from before it)"
            )
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def warn_of_collapse(done, row):
    """Warn once when too many dimensions of z_chem carry nothing."""
    if done < COLLAPSE_STEP or row["bottleneck/collapsed"] <= COLLAPSE_SHARE:
        return False
    logging.warning(
        "step %d: %.0f %% of the z_chem dimensions have a KL below %g: posterior "
        "collapse; lower config.losses.beta_start or use beta_schedule=cyclical",
        done,
        100 * row["bottleneck/collapsed"],
        COLLAPSED_KL,
    )
    return True


def save_state(config, workdir, done, state):
    """A whole checkpoint of the first replica."""
    state = parallel.unreplicate(state)
    checkpoint.save(
        workdir,
        done,
        state.params,
        rest_of(state),
        json.loads(config.to_json()),
        {"step": done, "batch_size": config.train.batch_size, "seed": config.seed},
        keep=config.checkpoint.keep,
    )


def stopped_early(config, done):
    """The message after train.max_minutes, with the schedules cut short."""
    steps, optim = config.train.steps, config.optim
    unfinished = ["reversal strength", "learning-rate decay"]
    if done < math.ceil(config.losses.beta_fraction * steps):
        unfinished.append("beta annealing")
    if done < warmup_steps(optim, steps):
        unfinished.append("learning-rate warm-up")
    return (
        f"stopped by train.max_minutes at step {done} of {steps}, checkpoint saved; "
        f"unfinished: {', '.join(unfinished)}. The same command goes on from here."
    )
