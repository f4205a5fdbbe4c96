"""Pretraining of the transfer network: lessons, steps, checkpoints, what it gives.

Whole sets are held out to tell what it gives where it has not learned; as probes they
go with the network. A run resumes: lessons lie in the workdir, a file for each task,
checkpoints beside them.

B = lessons of a step, P = held-out lessons.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from ml_collections import ConfigDict
from tqdm import tqdm

from spektron_jax import archive
from spektron_jax.errors import SpektronError
from spektron_jax.training import checkpoint, parallel
from spektron_jax.training.metric_writers import JsonLinesWriter
from spektron_jax.training.transfer_network import member_network
from spektron_jax.training.transfer_network.lessons import (
    Lesson,
    collect,
    flat,
    stacked,
    training_tasks,
)
from spektron_jax.training.transfer_network.member_network import (
    MemberNetwork,
    Restraint,
)
from spektron_jax.transfer.transfer_network import (
    FORMAT,
    KIND,
    PROBES,
    WEIGHTS,
    gain_on,
)

MOST_PROBES = 160
Arrays = dict[str, np.ndarray]


class Trained(NamedTuple):
    """What a run found.

    Attributes:
      network: flat parameters, as numpy reads them
      gain: mean change of the log error on held-out sets, and its standard error
      held_out: names of these sets
      probes: their lessons
      rows: of metrics.jsonl
      lessons: number that was learned from
    """

    network: Arrays
    gain: tuple[float, float]
    held_out: Sequence[str]
    probes: Sequence[Lesson]
    rows: Sequence[Mapping[str, float]]
    lessons: int


def train(config: ConfigDict, workdir: Path) -> Trained:
    """Make the lessons, train, and write WORKDIR/network; resumes what is there.

    Raises:
      SpektronError: no measured sets where they should be, a foreign workdir, or a
        loss that is not finite.
    """
    own = config.transfer_network
    tasks = training_tasks(own.data, own.tasks, config.seed)
    made = collect(tasks, config.seed, workdir / "lessons", own.workers)
    bar = tqdm(made, total=len(tasks), unit="task", disable=not config.log.progress)
    lessons = flat(bar)
    known, probes = divided(lessons, own.held_out)
    held_out = sorted({one.about["set"] for one in probes})
    arrays = stacked(known)
    scales = member_network.standardised(arrays)
    params = fit(config, member_network.applied(arrays, scales), workdir)
    network = member_network.exported(params, scales)
    packed = stacked(probes)
    gain = gain_on(_doubled(network), _doubled(packed))
    about = {"sets": sorted({one.about["set"] for one in known}), "held_out": held_out}
    save(workdir / "network", config, network, packed, gain, about)
    rows = (workdir / "metrics.jsonl").read_text().splitlines()
    read = [json.loads(row) for row in rows]
    return Trained(network, gain, held_out, probes, read, len(known))


def divided(
    lessons: Sequence[Lesson], share: float
) -> tuple[list[Lesson], list[Lesson]]:
    """Lessons to learn from, and those of whole sets that are held out.

    Every so many sets, in the order of their names; tasks where there is one set alone.
    At most MOST_PROBES, evenly, are kept of the latter.
    """
    sets = {one.about["set"] for one in lessons}
    unit = "set" if len(sets) > 1 else "task"
    names = sorted({one.about[unit] for one in lessons})
    held_out = set(names[:: max(2, round(1 / share))])
    probes = [one for one in lessons if one.about[unit] in held_out]
    places = np.linspace(0, len(probes), MOST_PROBES, endpoint=False).astype(int)
    probes = [probes[place] for place in np.unique(places)]
    return [one for one in lessons if one.about[unit] not in held_out], probes


def fit(config: ConfigDict, arrays: Arrays, workdir: Path) -> Any:
    """Parameters after `train.steps` steps of Adam, from the newest checkpoint on."""
    own, steps = config.transfer_network, config.train.steps
    devices = parallel.local_devices(config.train.devices)
    model = MemberNetwork(own.width)
    base = np.where(np.isfinite(arrays["base"]), arrays["base"], member_network.MISSING)
    first = arrays["members"][0], arrays["task"][0], base[0]
    params = model.init(jax.random.key(config.seed), *first)["params"]
    schedule = optax.cosine_decay_schedule(config.optim.learning_rate, steps)
    optimizer = optax.chain(
        optax.clip_by_global_norm(config.optim.clip),
        optax.adamw(schedule, weight_decay=config.optim.weight_decay),
    )
    state = {"params": params, "opt_state": optimizer.init(params)}
    start = 0
    if config.checkpoint.resume and checkpoint.steps(workdir):
        start, params, opt_state, saved, _ = checkpoint.restore(
            workdir, state["opt_state"], params
        )
        _same(saved, config, workdir)
        state = {"params": params, "opt_state": opt_state}
    step = parallel.data_parallel(
        make_step(model, optimizer, Restraint(own.dropped, own.noise, own.penalty)),
        devices,
    )
    state = parallel.replicate(state, devices)
    writer, losses = JsonLinesWriter(workdir / "metrics.jsonl", start), []
    numbers = range(start, steps)
    for number in tqdm(numbers, unit="step", disable=not config.log.progress):
        rng = np.random.default_rng([config.seed, number])
        rows = rng.integers(len(base), size=(len(devices), config.train.batch_size))
        batch: dict[str, Any] = {name: values[rows] for name, values in arrays.items()}
        keys = jax.random.split(jax.random.key(rng.integers(2**31)), len(devices))
        batch["key"] = jax.random.key_data(keys)
        state, loss = step(state, batch)
        losses.append(loss)
        done = number + 1
        if done % config.log.every_steps == 0 or done == steps:
            mean = float(np.mean([np.asarray(one)[0] for one in losses]))
            if not np.isfinite(mean):
                raise SpektronError(
                    f"step {done}: the loss is {mean}; lower config.optim.learning_rate"
                )
            writer.write(done, {"change": mean})
            losses = []
        if done % config.checkpoint.every_steps == 0 or done == steps:
            now = parallel.unreplicate(state)
            trees = now["params"], now["opt_state"]
            keep = config.checkpoint.keep
            checkpoint.save(workdir, done, *trees, config.to_dict(), {}, keep)
    writer.close()
    return parallel.unreplicate(state)["params"]


def _same(saved: dict, config: ConfigDict, workdir: Path) -> None:
    given = json.loads(json.dumps(config.to_dict()))
    for section in ("seed", "transfer_network", "optim"):
        if saved[section] != given[section]:
            raise SpektronError(
                f"{workdir} holds a run with config.{section} = {saved[section]!r}, "
                f"not {given[section]!r}; choose another --workdir, or restore the "
                "setting"
            )


def make_step(model: MemberNetwork, optimizer: Any, restraint: Restraint) -> Any:
    """step(state, batch) -> state, loss; gradients are means over all devices."""
    loss = member_network.make_loss(model, restraint)

    def step(state, batch):
        key = jax.random.wrap_key_data(batch.pop("key"))
        value, grads = jax.value_and_grad(loss)(state["params"], batch, key)
        value, grads = parallel.mean((value, grads))
        updates, opt_state = optimizer.update(
            grads, state["opt_state"], state["params"]
        )
        params = optax.apply_updates(state["params"], updates)
        return {"params": params, "opt_state": opt_state}, jnp.asarray(value)

    return step


def save(
    folder: Path,
    config: ConfigDict,
    network: Arrays,
    probes: Arrays,
    gain: tuple[float, float],
    about: Mapping[str, Any],
) -> None:
    """The folder that `CalibrationTransfer(weights=...)` takes."""
    found: dict[str, Any] = {"format": FORMAT, "kind": KIND, "gain": gain, **about}
    with archive.writing(folder, found) as draft:
        np.savez_compressed(draft / WEIGHTS, **network)  # type: ignore[arg-type]
        half = {name: values.astype(np.float16) for name, values in probes.items()}
        np.savez_compressed(draft / PROBES, **half)  # type: ignore[arg-type]
        text = json.dumps(config.to_dict(), indent=1) + "\n"
        (draft / "config.json").write_text(text, encoding="utf-8")


def _doubled(arrays: Arrays) -> Arrays:
    return {name: values.astype(np.float64) for name, values in arrays.items()}
