"""Experts of four kinds: free gate, a gate that is told the modality, and KAN.

    python -m benchmarks.experts [--json=FILE]

    free    the gate reads the token alone, as shipped
    told    a learned bias of each modality on the gate's logits, from 0
    prior   the same from 2 for one expert of each modality, which top-2 then takes
    KAN     free, with learned activations (`model.kan`)

`configs/pretrain.py:tiny` on the data, instruments and masks of nano and with its
learning rate, 300 steps of 8 and no closing phase of the heads; 3 seeds of everything
but the pool of instruments. On validation molecules and instruments that no pool holds:
squared error in long gaps over that of straight lines, top-1 retrieval across
instruments, and how much the expert that is called says of the modality: mutual
information in bits, at most 0.92 where a token calls two of four experts. Differences
from the free gate are of the same seed; intervals are Student's t over seeds, 95 %.

M modalities, E experts.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from ml_collections import ConfigDict
from scipy import stats

from benchmarks.result_files import load, markdown, write
from configs.pretrain import RECIPE, SMALL, get_config
from spektron_jax.models.spektron import Spektron
from spektron_jax.probes.interpolation import linear
from spektron_jax.probes.interpretation.experts import curves, usage
from spektron_jax.probes.probes import molecule_probe
from spektron_jax.spectra.grid import MODALITIES
from spektron_jax.training import parallel
from spektron_jax.training.evaluate import filled
from spektron_jax.training.evaluator import (
    INSTRUMENTS,
    FixedEvaluator,
    make_evaluator,
)
from spektron_jax.training.examples import ExampleStream, open_training_source
from spektron_jax.training.instrument_pool import INSTRUMENT_EMBEDDING
from spektron_jax.training.state import (
    build_model,
    build_optimizer,
    create,
    init_params,
    parameter_count,
)
from spektron_jax.training.steps import make_pretrain_step

SHOWN = RECIPE["data"]["modalities"]
BATCH = 8
PRIOR = 2.0  # twice the SD of the gate's logits as drawn
MOLECULES, LONG = 40, 100  # of validation, in each modality; stream of the gaps
KINDS = ("free", "told", "prior", "KAN")
SCORES = ("gap", "retrieval", "bits")


class ToldModality(Spektron):
    """The network with a learned bias of each modality on the gate's logits."""

    prior: float = 0.0  # of expert m for modality m

    def setup(self):
        self.preference = self.param("preference", self._first)
        super().setup()

    def _first(self, _):
        known = [name for name in MODALITIES if name != "unknown"]
        table = self.prior * jnp.eye(len(known), self.experts)
        return jnp.zeros((len(MODALITIES), self.experts)).at[: len(known)].set(table)

    def encode(self, values, wavenumber_cm1, valid, modality, *args, **given):
        bias = self.preference[modality][:, None]

        def add(call, args, given, context):
            found = call(*args, **given)
            return found + bias if context.module.name == "gate" else found

        with nn.intercept_methods(add):
            return super().encode(
                values, wavenumber_cm1, valid, modality, *args, **given
            )


def settings(kind: str, steps: int) -> ConfigDict:
    """Of the runs of a kind."""
    config = get_config("tiny")
    config.update(RECIPE)
    config.optim.update(SMALL["optim"])
    config.model.kan = kind == "KAN"
    config.train.update({"steps": steps, "head_steps": 0, "batch_size": BATCH})
    return config


def network(config: ConfigDict, kind: str) -> Spektron:
    """The model of a kind."""
    if kind not in ("told", "prior"):
        return build_model(config)
    prior = PRIOR if kind == "prior" else 0.0
    sizes = config.model.to_dict()
    return ToldModality(**sizes, instrument_embedding=INSTRUMENT_EMBEDDING, prior=prior)


class Trainer:
    """Trains one kind from any seed; compiled once, with one pool of instruments."""

    def __init__(self, config: ConfigDict, model: Spektron, source: Any):
        self.config, self.model, self.source = config, model, source
        self.optimizer, self.devices = (
            build_optimizer(config),
            parallel.local_devices(1),
        )
        step = make_pretrain_step(config, model, self.optimizer)
        self.step = parallel.data_parallel(step, self.devices)

    def run(self, seed: int) -> tuple[Any, float]:
        """Parameters at the end, and the median CPU seconds of a step."""
        own = ConfigDict(self.config.to_dict() | {"seed": seed})
        train = own.train
        stream = ExampleStream(self.source, "train", train.batch_size, seed)
        state = create(own, self.model, self.optimizer)
        state, spent = parallel.replicate(state, self.devices), []
        for number in range(train.steps):
            batch = stream.batch(number, parallel.part(), 1, len(self.devices))
            begun = time.process_time()
            state, metrics = self.step(state, batch)
            jax.block_until_ready(metrics)
            spent.append(time.process_time() - begun)
        return parallel.unreplicate(state).params, statistics.median(spent[2:])


def bits(use: Mapping[str, np.ndarray]) -> float:
    """Mutual information of expert and modality, modalities alike often; (E,) each."""
    rows = np.stack(list(use.values()))

    def entropy(shares):
        return -np.sum(shares * np.log2(np.maximum(shares, 1e-12)), axis=-1)

    return float(entropy(rows.mean(axis=0)) - entropy(rows).mean())


def judged(evaluator: FixedEvaluator, params: Any, seed: int) -> dict[str, Any]:
    """Scores of one run, JSON-ready."""
    evaluator.params = params
    evaluator.audit(INSTRUMENTS, seed)
    chosen = evaluator.choose("validation", MOLECULES)
    molecule = np.tile(chosen, len(SHOWN))
    codes = [MODALITIES.index(name) for name in SHOWN]
    modality = np.repeat(codes, len(chosen)).astype(np.int32)
    observed, ideal, hidden, model_says = filled(
        evaluator, molecule, modality, LONG, 1.0
    )
    axis = np.asarray(evaluator.simulator.axis, np.float64)
    wrong = [
        float(np.square(said - ideal)[hidden].mean())
        for said in (model_says, linear(observed, hidden, axis))
    ]
    latents = evaluator.latents(molecule, modality)
    names = np.array(MODALITIES)[latents["modality"]]
    use = usage(latents["load"], names)
    found = [
        molecule_probe(*(latents[key][names == name]
                         for key in ("z_chem", "instrument", "molecule")))["accuracy"]
        for name in SHOWN
    ]  # fmt: skip
    learned = curves(params, len(next(iter(use.values()))))
    return {
        "gap": wrong[0] / wrong[1],
        "retrieval": float(np.mean(found)),
        "bits": bits(use),
        "use": {name: use[name].round(3).tolist() for name in SHOWN},
        "not_silu": learned and float(np.median(learned.spline_share)),
    }


def difference(values: Sequence[float]) -> list[float]:
    """Mean and the ends of its 95 % interval by Student's t."""
    mean, n = float(np.mean(values)), len(values)
    half = stats.t.ppf(0.975, n - 1) * np.std(values, ddof=1) / n**0.5
    return [round(x, 4) for x in (mean, mean - half, mean + half)]


def summary(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row for each kind: means, and differences from the free gate by seed."""
    by_seed = {(run["kind"], run["seed"]): run for run in runs}
    rows = []
    for kind in dict.fromkeys(run["kind"] for run in runs):
        own = [run for run in runs if run["kind"] == kind]
        row = {"kind": kind, "parameters": own[0]["parameters"]}
        for key in ("seconds", *SCORES):
            row[key] = round(float(np.mean([run[key] for run in own])), 4)
            if kind != KINDS[0]:
                change = [run[key] - by_seed[KINDS[0], run["seed"]][key] for run in own]
                row[f"{key}_minus_free"] = difference(change)
        row["use"] = {
            name: np.mean([run["use"][name] for run in own], axis=0).round(3).tolist()
            for name in SHOWN
        }
        rows.append(row)
    return rows


def experts() -> str:
    """The table of the documentation."""
    rows = []
    for row in load("experts")["rows"]:
        cells = [f"{row['parameters']:,}", f"{row['seconds']:.2f}"]
        for key in SCORES:
            cell = f"{row[key]:.3f}"
            if f"{key}_minus_free" in row:
                bounds = row[f"{key}_minus_free"]
                cell += " ({:+.3f} [{:+.3f}, {:+.3f}])".format(*bounds)
            cells.append(cell)
        rows.append([row["kind"], *cells])
    head = ["", "parameters", "CPU s a step", "long gaps / linear"]
    return markdown([*head, "top-1 retrieval", "expert and modality, bits"], rows)


MAKERS = (experts,)


def main(arguments: list[str] | None = None) -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--records", default="runs/experts.jsonl")
    parser.add_argument("--json", help="summary to write")
    given = parser.parse_args(arguments)
    kept = Path(given.records)
    kept.parent.mkdir(parents=True, exist_ok=True)
    lines = kept.read_text().splitlines() if kept.exists() else []
    runs = [run for run in map(json.loads, lines) if run["steps"] == given.steps]
    done = {(run["seed"], run["kind"]) for run in runs}
    for kind in KINDS:
        left = [k for k in range(given.seeds) if (k, kind) not in done]
        if not left:
            continue
        config = settings(kind, given.steps)
        model, source = network(config, kind), open_training_source(config)
        trainer = Trainer(config, model, source)
        evaluator = make_evaluator(config, model, init_params(model, 0), source)
        for seed in left:
            params, seconds = trainer.run(seed)
            run = {"kind": kind, "seed": seed, "steps": given.steps}
            run |= {"parameters": parameter_count(params), "seconds": seconds}
            run |= judged(evaluator, params, seed)
            runs.append(run)
            with kept.open("a") as file:
                file.write(json.dumps(run) + "\n")
            print(run, flush=True)
        jax.clear_caches()  # a kind's compiled step is of no use to the next
    rows = summary(runs)
    if given.json:
        command = f"python -m benchmarks.experts --steps={given.steps}"
        content = {"command": command, "rows": rows, "runs": runs}
        write(given.json, content)


if __name__ == "__main__":
    main(sys.argv[1:])
