"""The task "ablate": one setting changed at a time, runs of equal cost, and a table.

Every variant gets as many optimiser steps as fit its share of CPU time, found by timing
a few of them first, so that its schedules run to their end. All are evaluated alike: on
validation molecules and on instruments that no pool holds, by the common settings and
not by their own. A run that is done is not repeated; an interrupted one is resumed.
"""

import itertools
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from spektron_jax.archive import replacing
from spektron_jax.config import accumulation, validate
from spektron_jax.errors import SpektronError
from spektron_jax.training import evaluate, loop, parallel
from spektron_jax.training.examples import ExampleStream, open_training_source
from spektron_jax.training.state import build_model, build_optimizer, create
from spektron_jax.training.steps import make_pretrain_step

TIMED_STEPS = 6
COLUMNS = {
    "molecule": "top-1 retrieval across instruments",
    "instrument_chem": "instrument in z_chem",
    "instrument_inst": "instrument in z_inst",
    "gap": "long gaps / linear",
    "collapsed": "collapsed",
}


def check(config: ConfigDict) -> None:
    """Raise SpektronError for a setting that cannot work."""
    for changes in config.variants.values():
        own = ConfigDict(config.pretrain.to_dict())
        own.update(changes)
        validate(own)


def run(config: ConfigDict, workdir: Path) -> None:
    """Train and evaluate every variant and repeat; print and write the table.

    Writes ablation.json and ablation.md, anew after every run.
    """
    pairs = list(itertools.product(range(config.repeats), config.variants.items()))
    rows = []
    for number, (seed, (name, changes)) in enumerate(pairs):
        folder = workdir / f"{name}-seed{seed}"
        print(f"run {number + 1} of {len(pairs)}: {folder.name}", flush=True)
        found = one(config, changes, seed, folder)
        rows.append({"variant": name, "seed": seed, **found})
        write(workdir, config, rows)
    print((workdir / "ablation.md").read_text(), end="")


def one(
    config: ConfigDict, changes: Mapping[str, Any], seed: int, folder: Path
) -> dict[str, Any]:
    """The metrics of one run, trained now unless its folder holds them."""
    common = ConfigDict(config.pretrain.to_dict())
    common.seed = seed
    own = ConfigDict(common.to_dict())
    own.update(changes)
    validate(own)
    given = {"cpu_minutes": config.cpu_minutes, **json.loads(own.to_json())}
    done = folder / "result.json"
    if done.exists():
        result = json.loads(done.read_text())
        if result["given"] != given:
            raise SpektronError(
                f"{folder} holds a run with other settings; choose another --workdir"
            )
        return result
    folder.mkdir(exist_ok=True)
    own.train.steps = affordable(own, config.cpu_minutes, folder.parent)
    begun = time.process_time()
    state = loop.pretrain(own, folder, open_training_source(own))
    minutes = (time.process_time() - begun) / 60
    source = open_training_source(common)
    found = columns_of(evaluate.run(common, build_model(own), state, source, folder))
    result = {"steps": own.train.steps, "cpu_minutes": minutes, **found, "given": given}
    with replacing(done) as draft:
        draft.write_text(json.dumps(result, indent=1) + "\n")
    jax.clear_caches()  # a run's compiled step is of no use to the next
    return result


def affordable(config: ConfigDict, cpu_minutes: float, workdir: Path) -> int:
    """Steps that fit the CPU time. Runs that only differ in weights share a timing."""
    kept = workdir / "timing.json"
    timings = json.loads(kept.read_text()) if kept.exists() else {}
    settings = (config.model, config.data, config.train)
    what = " ".join([config.lab.preset, *(part.to_json() for part in settings)])
    if what not in timings:
        timings[what] = seconds_per_step(config)
        with replacing(kept) as draft:
            draft.write_text(json.dumps(timings, indent=1) + "\n")
    steps = int(60 * cpu_minutes / timings[what])
    if steps < 1:
        raise SpektronError(
            f"config.cpu_minutes = {cpu_minutes}: a step takes {timings[what]:.1f} s "
            "of CPU; give more, or take a smaller model"
        )
    return steps


def seconds_per_step(config: ConfigDict) -> float:
    """CPU time of one optimiser step, compilation apart."""
    source = open_training_source(config)
    train = config.train
    stream = ExampleStream(source, "train", train.batch_size, config.seed)
    model, optimizer = build_model(config), build_optimizer(config)
    devices = parallel.local_devices(train.devices)
    step = parallel.data_parallel(make_pretrain_step(config, model, optimizer), devices)
    state = parallel.replicate(create(config, model, optimizer), devices)
    for number in range(TIMED_STEPS + 2):
        if number == 2:
            begun = time.process_time()
        parts = accumulation(train, len(devices))
        batch = stream.batch(number, parallel.part(), parts, len(devices))
        state, metrics = step(state, batch)
        jax.block_until_ready(metrics)
    return (time.process_time() - begun) / TIMED_STEPS


def columns_of(evaluation: Mapping[str, Any]) -> dict[str, float]:
    """The table's columns from an evaluation."""
    probes, kl = evaluation["probes"], evaluation["kl"]
    return {
        "molecule": probes["z_chem"]["molecule"]["accuracy"],
        "instrument_chem": probes["z_chem"]["instrument"]["accuracy"],
        "instrument_inst": probes["z_inst"]["instrument"]["accuracy"],
        "chance": probes["z_chem"]["instrument"]["chance"],
        "gap": evaluation["reconstruction"]["long"]["ratio"]["linear"]["ratio"],
        "collapsed": kl["z_chem"]["collapsed"],
    }


def write(workdir: Path, config: ConfigDict, rows: Sequence[dict[str, Any]]) -> None:
    """ablation.json with every run, ablation.md with means over repeats."""
    with replacing(workdir / "ablation.json") as draft:
        content = {"config": json.loads(config.to_json()), "runs": rows}
        draft.write_text(json.dumps(content, indent=1) + "\n")
    with replacing(workdir / "ablation.md") as draft:
        draft.write_text(table(rows))


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Markdown, best retrieval first: mean over repeats, and their range."""
    groups: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        group = groups.setdefault(row["variant"], {})
        for key in ("steps", "cpu_minutes", *COLUMNS):
            group.setdefault(key, []).append(row[key])
    names = sorted(groups, key=lambda name: -np.mean(groups[name]["molecule"]))
    head = ("variant", "runs", "steps", "CPU min", *COLUMNS.values())
    lines = [head, ["---"] * len(head)]
    for name in names:
        steps, minutes = (groups[name][key] for key in ("steps", "cpu_minutes"))
        cells = [name, str(len(steps)), f"{np.mean(steps):.0f}"]
        cells.append(f"{np.mean(minutes):.1f}")
        for key in COLUMNS:
            values = groups[name][key]
            several = len(values) > 1
            spread = f" ({min(values):.2f}-{max(values):.2f})" if several else ""
            cells.append(f"{np.mean(values):.3f}{spread}")
        lines.append(cells)
    text = "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
    return f"{text}\n\nInstrument by chance: {rows[0]['chance']:.2f}.\n"
