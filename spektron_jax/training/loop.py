"""Pretraining from start to evaluation: train(config, workdir).

Order of initialisation: an undamaged checkpoint in the workdir, else the weights of
`train.start`, else scratch. Two phases: everything is trained for `train.steps`; then
the bottleneck takes its closed form (`separate.py`) and the heads alone are trained on
it for `train.head_steps`. A step does not wait for the one before it to be computed;
log time is the only time at which the host reads from the devices.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from spektron_jax.archive import replacing
from spektron_jax.config import accumulation, validate
from spektron_jax.encoder.weights import completed
from spektron_jax.errors import SpektronError, Stopped
from spektron_jax.training import checkpoint, evaluate, outlook, parallel
from spektron_jax.training.examples import (
    ExampleStream,
    open_training_source,
    prefetch,
)
from spektron_jax.training.progress import Progress, mean_shares, stopped_early
from spektron_jax.training.schedules import phases
from spektron_jax.training.separate import choose, separated
from spektron_jax.training.state import (
    TrainState,
    build_model,
    build_optimizer,
    create,
    parameter_count,
)
from spektron_jax.training.steps import make_pretrain_step, make_share_step
from spektron_jax.training.stopping import when_asked

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
    shares = mean_shares(config, workdir)
    return evaluate.run(config, build_model(config), state, source, workdir, shares)


def pretrain(config, workdir, source):
    """The part of `train` before the evaluation; returns the last state."""
    parallel.meet()
    devices = parallel.local_devices(config.train.devices)
    processes = parallel.part()[1]
    validate(config, len(devices) * processes)
    stream = ExampleStream(source, "train", config.train.batch_size, config.seed)

    model = build_model(config)
    state = create(config, model, build_optimizer(config))
    state = resume(config, workdir, state)
    main, heads = phases(config.train)
    if heads:
        choose(config, source)  # what cannot work is said before the hours are spent
    if parallel.is_primary():
        write_config(config, workdir)
        describe(config, model, state, stream, devices)

    run = Run(config, workdir, stream, devices)
    if state.step < main:
        state = run(state, model, main)
    if heads and state.step == main:
        state = begin_heads(config, model, state, source)
    if main <= state.step < main + heads:
        state = run(state, model, main + heads, heads_alone=True)
    return state


def begin_heads(config, model, state, source):
    """The state with the bottleneck in closed form, and a fresh optimiser."""
    params = separated(state.params, config, model, source, config.log.progress)
    optimizer = build_optimizer(config, heads_alone=True)
    return state.replace(
        params=params,
        target_params=jax.tree.map(jnp.copy, params),
        opt_state=optimizer.init(params),
    )


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


def describe(config, model, state, stream, devices):
    """What is about to happen, in two lines, and what is unusual about it."""
    train, begun = config.train, int(state.step)
    parts, total = accumulation(train, len(devices)), sum(phases(train))
    print(
        f"{parameter_count(state.params):,} parameters on {len(devices)} "
        f"{devices[0].platform} device(s); {len(stream.molecule):,} training examples"
    )
    epochs = total * train.batch_size / len(stream.molecule)
    print(
        f"steps {begun} to {total} of {train.batch_size} examples "
        f"({parts} accumulation steps), {epochs:.3g} epochs; the last "
        f"{phases(train)[1]} train the heads alone",
        flush=True,
    )
    left = max(total - begun, 0)
    for line in outlook.warn(config, model, state.params, devices, parts, left):
        print(line, flush=True)


class Run(NamedTuple):
    """Optimiser steps of one of the phases, with their rows and checkpoints."""

    config: Any
    workdir: Path
    stream: ExampleStream
    devices: list

    def __call__(self, state, model, until, heads_alone=False):
        """Steps up to number `until`; returns the state on the host."""
        config, devices, start = self.config, self.devices, int(state.step)
        optimizer = build_optimizer(config, heads_alone)
        step = make_pretrain_step(config, model, optimizer, heads_alone)
        step = parallel.data_parallel(step, devices)
        shares = parallel.data_parallel(
            make_share_step(config, model), devices, donate=False
        )
        progress = Progress(config, self.workdir, start, until, self.stream.source)
        parts = accumulation(config.train, len(devices))

        def load(number):
            return self.stream.batch(number, parallel.part(), parts, len(devices))

        state = parallel.replicate(state, devices)
        batches = prefetch(load, range(start, until))
        try:
            with when_asked() as asked:
                for number, batch in batches:
                    if not heads_alone and progress.shares_due(number):
                        progress.shares.append(shares(state, batch))
                    state, metrics = step(state, batch)
                    progress.window.append(metrics)
                    if self.end_step(progress, number + 1, state, asked):
                        break
        finally:
            batches.close()
            progress.close()
        return parallel.unreplicate(state)

    def end_step(self, progress, done, state, asked):
        """Row and checkpoint if they are due; whether train.max_minutes are over.

        Raises:
          Stopped: the process was asked to end. Several processes agree on that when
            a row is due, and alone it is seen at every step.
        """
        config, last = self.config, done == progress.until
        save = last or done % config.checkpoint.every_steps == 0
        now = asked.is_set() and parallel.part()[1] == 1
        if not (save or now or progress.due(done)):
            return False
        row = progress.row(done, state.params)
        late = config.train.max_minutes > 0 and parallel.as_primary(
            row["minutes"] >= config.train.max_minutes
        )
        ends = parallel.as_primary(asked.is_set())
        progress.write(done, row)
        if parallel.is_primary() and (save or late or ends):
            save_state(config, self.workdir, done, state)
        if ends and not last:
            raise Stopped(
                f"asked to end at step {done} of {progress.until}, which is saved; the "
                "same command resumes"
            )
        if late and not last:
            progress.say(stopped_early(config, done))
        return late and not last


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
