"""Pretraining from start to evaluation: train(config, workdir).

Order of initialisation: an undamaged checkpoint in the workdir, else the weights of
`train.start`, else scratch. A step does not wait for the one before it to be computed;
log time is the only time at which the host reads from the devices.
"""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from spektron_jax.archive import replacing
from spektron_jax.config import validate
from spektron_jax.encoder.weights import completed
from spektron_jax.errors import SpektronError
from spektron_jax.training import checkpoint, evaluate, parallel
from spektron_jax.training.examples import (
    ExampleStream,
    open_training_source,
    prefetch,
)
from spektron_jax.training.progress import Progress, stopped_early
from spektron_jax.training.separate import separated
from spektron_jax.training.state import (
    TrainState,
    build_model,
    build_optimizer,
    create,
    parameter_count,
)
from spektron_jax.training.steps import make_pretrain_step

# Settings that a resumed run may change: they do not touch the state.
FREE = ("checkpoint", "log", "eval", "train.max_minutes", "train.devices")


def train(config, workdir):
    """Pretrain and evaluate; resumes what the workdir holds.

    Returns:
      The evaluation, as in evaluation.json; None in processes that do not lead.

    Raises:
      SpektronError: for settings that cannot work, a foreign or damaged workdir, and
        as soon as a loss or a norm is not finite.
    """
    workdir, source = Path(workdir), open_training_source(config)
    state = pretrain(config, workdir, source)
    if not parallel.is_primary():
        return None
    return evaluate.run(config, build_model(config), state, source, workdir)


def pretrain(config, workdir, source):
    """The part of `train` before the evaluation; returns the last state."""
    parallel.meet()
    devices = parallel.local_devices(config.train.devices)
    processes = parallel.part()[1]
    validate(config, len(devices) * processes)
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
    progress = Progress(config, workdir, start, stream.source)
    state = parallel.replicate(state, devices)

    def load(number):
        return stream.batch(number, parallel.part(), train.accumulate, len(devices))

    batches = prefetch(load, range(start, train.steps))
    try:
        for number, batch in batches:
            state, metrics = step(state, batch)
            progress.window.append(metrics)
            done = number + 1
            last = done == train.steps
            save = last or done % config.checkpoint.every_steps == 0
            if not (save or progress.due(done)):
                continue
            row = progress.row(done, state.params)
            late = train.max_minutes > 0 and parallel.as_primary(
                row["minutes"] >= train.max_minutes
            )
            progress.write(done, row)
            if parallel.is_primary() and (save or late):
                save_state(config, workdir, done, state)
            if late and not last:
                progress.say(stopped_early(config, done))
                break
    finally:
        batches.close()
        progress.close()
    return parallel.unreplicate(state)


def save_state(config, workdir, done, state):
    """A whole checkpoint of the first replica."""
    if not workdir.is_dir():
        raise SpektronError(
            f"{workdir}: is gone since the run began; put it back and run the same "
            "command to resume, or choose another --workdir"
        )
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
