"""Steps and rate of test-time training, and whether any of them is of use.

    python -m benchmarks.test_time --data=shared/data [--json=FILE]

The shipped encoder is adapted to the 10 unlabelled target spectra of a task
(`encoder/test_time.py`) with every step and rate of the grid, and put to each of its
uses; the change that adaptation makes, below 0 better in all:

    combination   log error of the recipe without labels, where the encoder has weight
    encoder       the same of the linearised encoder alone: features at a centre
    neighbours    the same of the mean label of the 5 nearest source spectra in z_chem
    retrieval     share of test spectra whose nearest source spectrum is another sample
    hidden        log squared error at hidden points of test spectra, as in training

No setting is judged on the set that chose it: each set's is the one with the best mean
over all other sets. Intervals are over sets, 95 %. Records are kept, so that a run that
was stopped goes on.
"""

import argparse
import functools
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.result_files import load, markdown, write
from benchmarks.task_sets import score, tasks
from spektron_jax.encoder.adaptation import Adaptation
from spektron_jax.encoder.features import Features
from spektron_jax.encoder.load import Encoder
from spektron_jax.encoder.neighbours import Neighbours, code_shift, nearest
from spektron_jax.encoder.test_time import BLOCK, trajectory, with_adapter
from spektron_jax.lab.masks import block_mask
from spektron_jax.metrics import interval, resampled_counts
from spektron_jax.probes.interpolation import linear
from spektron_jax.spectra.grid import modality_code, to_tokens
from spektron_jax.training.transfer_network.transfer_task import Task
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.ensemble import Ensemble
from spektron_jax.transfer.inputs import overlap
from spektron_jax.transfer.methods.workspace import Workspace
from spektron_jax.transfer.splits import Regime
from spektron_jax.transfer.threads import one_blas_thread

# Rate -> steps. Adam moves a number by the rate at most, so that 100 steps of 1e-4 come
# as far as 10 of 1e-3: 3e-5 to 0.1 is covered.
GRID = {1e-5: (3, 10, 30), 1e-4: (3, 10, 30), 1e-3: (3, 10, 30, 100), 3e-3: (3, 10, 30)}
TODAY = "3 x 1e-05"
OPEN = ("cassava_ikeogu", "tecator", "petroleum_density", "leaf_ely", "nirsoil")
OPEN += ("forensic_ketamine",)
SETS = ("corn", "tablets", "sugarcane", *OPEN)
REGIME = Regime("unlabelled", 10)
MOST_SOURCE, MOST_TEST, FILLED = 48, 20, 16  # spectra; encoding them is the cost
MASK_SEED = 1
USES = ("combination", "encoder", "neighbours", "retrieval", "hidden")


def chosen_tasks(data: str) -> Iterator[Task]:
    """The first task of the subset of each set."""
    for name in SETS:
        yield next(tasks(data, True, (name,), 1))


class Asked:
    """One task, and what an encoder does on it.

    Attributes:
      features: of the encoder as pretrained
      data: 48 source spectra at most, 10 of the target                 (S, L), (T, L)
    """

    def __init__(self, task: Task, encoder: Encoder):
        trial, pair = task.trial(REGIME), task.pair
        assert trial is not None, f"{task.name}: too few samples"
        inside = overlap(pair.axis_source, pair.axis_target, pair.unit)
        self.features = Features(
            encoder, pair.axis_source[inside], pair.unit, task.modality
        )
        known = trial.data
        few = slice(0, MOST_SOURCE)
        self.data = TransferData(
            *(known.X_source[few], known.y_source[few], known.X_target),
            *(known.y_target, known.paired),
        )
        test = slice(0, MOST_TEST)
        self.X, self.y = trial.X[test], trial.y[test]
        self.same = pair.common[0][trial.rows[test]]  # the test samples on the source
        self.space = Workspace.of(self.data)

    def errors(self, encoder: Encoder) -> dict[str, float]:
        """The uses of an encoder, by name; less is better."""
        features, data = self.features.using(encoder), self.data
        found = {
            kind: score(
                self.y,
                Ensemble(kind, features.modality, features).fit(self.space)(self.X),
            )
            for kind in ("combination", "encoder")
        }
        found["neighbours"] = score(self.y, Neighbours(features).fit(data)(self.X))
        found["retrieval"] = 1 - self._own_nearest(features)
        found["hidden"] = float(np.log(self._hidden(encoder)))
        return found

    def _own_nearest(self, features: Features) -> float:
        """Share of test spectra nearest to their own sample on the source."""
        given = self.X, self.data.X_source, self.data.X_target, self.same
        query, source, target, same = (features(X)["chem"] for X in given)
        query = query + code_shift(self.data, source, target)
        centre = source.mean(axis=0)
        library = np.vstack([same, source]) - centre
        own = nearest(query - centre, library, 1)[0][:, 0] == np.arange(len(query))
        return float(own.mean())

    def _hidden(self, encoder: Encoder) -> float:
        """Mean squared error at hidden points of test spectra, model units."""
        tokens, values, hidden = self._masked()
        filled = _filling(encoder.model)(
            encoder.params,
            values,
            jnp.asarray(tokens.wavenumber_cm1, jnp.float32),
            tokens.valid,
            np.full(FILLED, modality_code(self.features.modality)),
            hidden,
        )
        wrong = np.square(np.asarray(filled, np.float64) - values)
        return float(wrong[hidden].mean())

    def straight_lines(self) -> float:
        """What straight lines across the gaps have for log squared error."""
        tokens, values, hidden = self._masked()
        points = int(tokens.valid[0].sum())
        axis = np.broadcast_to(tokens.wavenumber_cm1, values.shape)[0, :points]
        values, hidden = values[:, :points], hidden[:, :points]
        wrong = np.square(linear(values, hidden, axis.astype(float)) - values)
        return float(np.log(wrong[hidden].mean()))

    def _masked(self):
        """Tokens of test spectra, their values in model units, and what is hidden."""
        X = np.resize(self.X, (FILLED, self.X.shape[1]))
        config, features = self.features.encoder.config, self.features
        tokens = to_tokens(X, features.axis, features.unit, config.data.points)
        keys = jax.random.split(jax.random.key(MASK_SEED), FILLED)
        hidden = jax.vmap(lambda k, v: block_mask(k, v, Adaptation().share, BLOCK))(
            keys, jnp.asarray(tokens.valid)
        )
        values = tokens.values / np.float32(config.data.scale)
        return tokens, values, np.asarray(hidden)


@functools.cache
def _filling(model):
    return jax.jit(lambda params, *inputs: model.apply({"params": params}, *inputs)[0]
                   [..., 0])  # fmt: skip


@one_blas_thread
def record_of(task: Task, encoder: Encoder) -> dict[str, Any]:
    """Errors of the task as pretrained, and with every setting of the grid."""
    asked = Asked(task, encoder)
    where = asked.features.axis, asked.features.unit, asked.features.modality
    found = {"off": asked.errors(encoder)}
    for rate, counts in GRID.items():
        how = Adaptation(steps=max(counts), rate=rate)
        path = trajectory(encoder, asked.data.X_target, *where, how)
        for number, (adapter, _) in enumerate(path):
            if number in counts:
                adapted = with_adapter(encoder, adapter)
                found[f"{number} x {rate:g}"] = asked.errors(adapted)
    return {"set": task.set, "task": task.name, "errors": found}


def changes(records: Sequence[Mapping[str, Any]], use: str) -> dict[str, np.ndarray]:
    """Setting -> mean change of each set by adaptation, in order of the sets."""
    sets = list(dict.fromkeys(one["set"] for one in records))
    settings = [name for name in records[0]["errors"] if name != "off"]
    return {
        setting: np.array(
            [
                np.mean(
                    [
                        one["errors"][setting][use] - one["errors"]["off"][use]
                        for one in records
                        if one["set"] == name
                    ]
                )
                for name in sets
            ]
        )
        for setting in settings
    }


def left_out(by_setting: Mapping[str, np.ndarray]) -> tuple[list[str], np.ndarray]:
    """Each set's setting, the best of all other sets, and its change there."""
    names, table = list(by_setting), np.stack(list(by_setting.values()))
    others = table.sum(axis=1, keepdims=True) - table
    best = others.argmin(axis=0)
    return [names[row] for row in best], table[best, np.arange(table.shape[1])]


def bounded(values: np.ndarray) -> list[float]:
    """Mean over sets, and its 95 % interval over resampled sets."""
    bounds = interval(resampled_counts(values.size) @ values / values.size)
    return [round(float(x), 4) for x in (values.mean(), bounds["low"], bounds["high"])]


def summary(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """For each use: as pretrained, every setting, and what others would choose."""
    rows = {}
    for use in USES:
        by_setting = changes(records, use)
        names, values = left_out(by_setting)
        off = np.mean([one["errors"]["off"][use] for one in records])
        rows[use] = {
            "off": round(float(off), 4),
            "settings": {name: bounded(own) for name, own in by_setting.items()},
            "chosen": dict(Counter(names).most_common()),
            "left_out": bounded(values),
        }
    return rows


def test_time() -> str:
    """The table of the documentation."""
    rows = []
    for use, row in load("test_time")["uses"].items():
        best = min(row["settings"], key=lambda name: row["settings"][name][0])
        cells = [_cell(row["settings"][name]) for name in (TODAY, best)]
        cells[1] += f" ({best})"
        rows.append([use, f"{row['off']:.3f}", *cells, _cell(row["left_out"])])
    head = [
        "",
        "as pretrained",
        TODAY,
        "best of 13 on these sets",
        "chosen on other sets",
    ]
    return markdown(head, rows)


def _cell(bounds: Sequence[float]) -> str:
    return "{:+.3f} [{:+.3f}, {:+.3f}]".format(*bounds)


MAKERS = (test_time,)


def main(arguments: list[str] | None = None) -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder of the data sets")
    parser.add_argument("--weights", default="nano")
    parser.add_argument("--records", default="runs/test_time.jsonl")
    parser.add_argument("--json", help="summary to write")
    given = parser.parse_args(arguments)
    kept = Path(given.records)
    kept.parent.mkdir(parents=True, exist_ok=True)
    known = kept.read_text().splitlines() if kept.exists() else []
    records = {one["task"]: one for one in map(json.loads, known)}
    features = Features(given.weights, np.zeros(1), "nm", "NIR")
    for task in chosen_tasks(given.data):
        if task.name not in records:
            records[task.name] = record_of(task, features.encoder)
            with kept.open("a") as file:
                file.write(json.dumps(records[task.name]) + "\n")
            print(task.name, flush=True)
    rows = summary(list(records.values()))
    lines = [
        Asked(task, features.encoder).straight_lines()
        for task in chosen_tasks(given.data)
    ]
    rows["hidden"]["straight_lines"] = round(float(np.mean(lines)), 4)
    print(json.dumps(rows, indent=1))
    if given.json:
        content = {
            "command": "python -m benchmarks.test_time --data=shared/data",
            "weights": features.checksum,
            "tasks": list(records),
            "uses": rows,
        }
        write(given.json, content)


if __name__ == "__main__":
    main(sys.argv[1:])
