"""Other layers in place of D-LinOSS: equal parameters, then equal steps and equal time.

    python -m benchmarks.backbones --workdir=runs/backbones
        [--json=benchmarks/results/backbones.json]

The network of `configs/pretrain.py:tiny`, at the learning rate and batch of nano, with
each of `benchmarks.backbone_layers`; losses, masks, optimiser, data and instruments are
the same. The learning rate is constant after its warm-up and so is the KL's weight, so
that a run read before its end is what a shorter run is, but for the reversal's rise.
Budgets: STEPS steps for all, and the CPU time of that many of D-LinOSS. They were set
before the runs; FEWER was not, and D-LinOSS on wavelets came after the first seed of
the others, to tell Mamba from its embedding. What a step costs is timed in rounds, each
network once in each beside D-LinOSS.

Judged on 200 validation examples on 4 instruments that no pool holds: squared error in
hidden points over that of linear interpolation, and top-1 retrieval of the molecule
across instruments by z_chem, which has no closed form here (`train.head_steps` = 0).
Seeds are of parameters, order, noise and masks. A run that is done is kept in the
workdir; the same command resumes.
"""

import argparse
import functools
import json
import statistics
import time
from pathlib import Path

import jax
import numpy as np

from benchmarks.backbone_layers import NETWORKS, build
from benchmarks.result_files import load, markdown, write
from configs.pretrain import get_config
from spektron_jax.metrics import paired_ratio
from spektron_jax.probes.disentanglement import code_metrics
from spektron_jax.probes.interpolation import linear
from spektron_jax.training import evaluate, parallel
from spektron_jax.training.evaluator import make_evaluator
from spektron_jax.training.examples import ExampleStream, open_training_source
from spektron_jax.training.state import build_optimizer, create, parameter_count
from spektron_jax.training.steps import make_pretrain_step

STEPS, SEEDS = 400, (0, 1, 2)
BUDGETS = ("equal_steps", "equal_time")
# Seeds of what was not run with all of them, for want of time.
FEWER = {
    (name, budget): 2 for name in ("s4d", "cnn", "transformer") for budget in BUDGETS
}
FEWER |= {("none", budget): 1 for budget in BUDGETS} | {("mamba", "equal_steps"): 1}
ROUNDS, TIMED = 7, 3  # of the timing, and steps in each
FIRST = "d-linoss"
NUMBERS = {
    "short": "3-point blocks / linear",
    "long": "60-100 cm-1 gaps / linear",
    "molecule": "top-1 retrieval",
    "instrument": "instrument probe",
}


def settings():
    """The config of all runs."""
    config = get_config("tiny")
    config.update(
        {
            "optim": {"learning_rate": 2e-3, "final_fraction": 1.0},
            "losses": {"beta_schedule": "constant"},
            "train": {"steps": STEPS, "head_steps": 0, "batch_size": 8, "devices": 1},
            "eval": {"split": "validation", "molecules": 200},
        }
    )
    return config


class Trainer:
    """Steps of one network, compiled once; seeds are of the state and the stream."""

    def __init__(self, config, name, source):
        self.config, self.source = config, source
        self.model = build(config, name)
        self.optimizer = build_optimizer(config)
        self.devices = parallel.local_devices(1)
        self.step = parallel.data_parallel(
            make_pretrain_step(config, self.model, self.optimizer), self.devices
        )
        self.evaluator = make_evaluator(config, self.model, None, source)
        self.evaluator.audit(config.eval.instruments, config.seed)

    def start(self, seed):
        """A fresh state on the device, and its batches."""
        config = self.config.copy_and_resolve_references()
        config.seed = seed
        state = create(config, self.model, self.optimizer)
        size = config.train.batch_size
        stream = ExampleStream(self.source, "train", size, seed)
        return parallel.replicate(state, self.devices), stream

    def run(self, state, stream, first, last):
        """Steps `first` to `last`."""
        for number in range(first, last):
            state, metrics = self.step(state, stream.batch(number, (0, 1), 1, 1))
        jax.block_until_ready(metrics)
        return state

    def judged_at(self, seed, steps):
        """The numbers of a run after each of `steps`, by the step's text."""
        state, stream = self.start(seed)
        done, found = 0, {}
        for until in sorted(set(steps)):
            state, done = self.run(state, stream, done, until), until
            params = parallel.unreplicate(state).params
            found[str(until)] = judged(self.evaluator, self.config, params)
        return found


def timing(trainers):
    """Parameters and CPU seconds a step of every network, and over those of the first.

    Returns:
      name -> parameters, backbone, cpu_s, ratio with low and high (range of rounds).
    """
    found, ready = {}, {}
    for name, trainer in trainers.items():
        state, stream = trainer.start(SEEDS[0])
        params = parallel.unreplicate(state).params
        found[name] = {
            "parameters": parameter_count(params),
            "backbone": parameter_count(params.get("backbone", {})),
        }
        ready[name] = trainer.run(state, stream, 0, 2), stream
    spent = {name: [] for name in trainers}
    for number in range(ROUNDS):
        for name, (state, stream) in ready.items():
            begun, first = time.process_time(), 2 + number * TIMED
            state = trainers[name].run(state, stream, first, first + TIMED)
            spent[name].append((time.process_time() - begun) / TIMED)
            ready[name] = state, stream
    for name, its in found.items():
        ratios = [a / b for a, b in zip(spent[name], spent[FIRST], strict=True)]
        its["cpu_s"] = statistics.median(spent[name])
        its["ratio"] = statistics.median(ratios)
        its |= {"low": min(ratios), "high": max(ratios)}
    return found


def judged(evaluator, config, params):
    """What the parameters do on validation molecules."""
    evaluator.params, found = jax.device_put(params), {}
    molecule, modality = evaluate.choose(evaluator.source, config, config.eval.split)
    group = np.tile(molecule, evaluator.count)
    axis = np.asarray(evaluator.simulator.axis, np.float64)
    for number, (gaps, fraction) in enumerate(evaluate.MASKS.items()):
        observed, ideal, hidden, model = evaluate.filled(
            evaluator, molecule, modality, 100 * number, fraction
        )
        filled = np.where(hidden, model, observed)
        lines = linear(observed, hidden, axis)
        found[gaps] = paired_ratio(filled, lines, ideal, hidden, group)
    known = code_metrics(evaluator.latents(molecule, modality), evaluator.seed)
    return found | {
        "molecule": known["z_chem"]["molecule"]["accuracy"],
        "instrument": known["z_chem"]["instrument"]["accuracy"],
    }


def kept(file, make):
    """What a file holds; made and written if there is none."""
    if not file.exists():
        content = make()
        print(file.name, content, flush=True)
        write(file, content)
    return json.loads(file.read_text())


def budgets(name, seed, steps):
    """Budget -> steps of a network, of those that this seed is judged at.

    Args:
      steps: of every network at equal time.
    """
    found = {"equal_steps": STEPS, "equal_time": steps[name]}
    return {
        budget: count
        for budget, count in found.items()
        if SEEDS.index(seed) < FEWER.get((name, budget), len(SEEDS))
    }


def summary(runs, budget, steps):
    """Of each number the mean over seeds, and the lowest and the highest.

    Args:
      runs: name -> seed -> steps -> numbers.
      budget, steps: of BUDGETS, and of every network at equal time.
    """
    found = {}
    for name, its in runs.items():
        when = {seed: budgets(name, int(seed), steps) for seed in its}
        judged = [its[x][str(at[budget])] for x, at in when.items() if budget in at]
        row = {"seeds": len(judged), "steps": budgets(name, SEEDS[0], steps)[budget]}
        for key in NUMBERS:
            values = [x[key]["ratio"] if key in evaluate.MASKS else x[key]
                      for x in judged]  # fmt: skip
            low, high = min(values), max(values)
            row[key] = {"mean": statistics.mean(values), "low": low, "high": high}
        found[name] = row
    return found


def backbones_cost() -> str:
    """Parameters and CPU time."""
    rows = [
        [name, f"{its['parameters']:,}", f"{its['backbone']:,}", f"{its['cpu_s']:.3f}"]
        + [f"{its['ratio']:.2f} ({its['low']:.2f}-{its['high']:.2f})"]
        for name, its in load("backbones")["timing"].items()
    ]
    head = ["", "parameters", "of them in the layers", "CPU s a step", "/ d-linoss"]
    return markdown(head, rows)


def backbones() -> str:
    """What each does, at equal steps and at equal time."""
    found, rows = load("backbones"), []
    for budget in BUDGETS:
        for name, its in found[budget].items():
            cells = [f"{name}, {budget.replace('_', ' ')}"]
            cells += [str(its["steps"]), str(its["seeds"])]
            for key in NUMBERS:
                digits = 3 if key == "long" else 2
                values = (f"{its[key][x]:.{digits}f}" for x in ("mean", "low", "high"))
                cells.append("{} ({}-{})".format(*values))
            rows.append(cells)
    return markdown(["", "steps", "seeds", *NUMBERS.values()], rows)


MAKERS = (backbones_cost, backbones)


def main():
    """Run what is missing, print the tables' numbers, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workdir", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    given.workdir.mkdir(parents=True, exist_ok=True)
    config = settings()
    source = open_training_source(config)
    trainers = {name: Trainer(config, name, source) for name in NETWORKS}
    cost = {}
    for name in NETWORKS:
        both = {x: trainers[x] for x in (FIRST, name)}
        file = given.workdir / f"timing-{name}.json"
        cost[name] = kept(file, functools.partial(timing, both))[name]
    steps = {name: round(STEPS / its["ratio"]) for name, its in cost.items()}
    runs = {name: {} for name in NETWORKS}
    for seed in SEEDS:
        for name, trainer in trainers.items():
            if when := budgets(name, seed, steps).values():
                job = functools.partial(trainer.judged_at, seed, when)
                file = given.workdir / f"{name}-{seed}.json"
                runs[name][str(seed)] = kept(file, job)
    content = {
        "command": "python -m benchmarks.backbones --workdir=runs/backbones",
        "timing": cost,
        **{budget: summary(runs, budget, steps) for budget in BUDGETS},
        "runs": runs,
    }
    if given.json:
        write(given.json, content)


if __name__ == "__main__":
    main()
