"""What weights of members make of a wrong reference value.

    python -m benchmarks.wrong_labels --data=shared/data [--json=FILE]

Every labelled regime of the subset, as it is; and the semi-real tasks with ten samples
with one of their ten labels wrong by 1 to 4 SD, seed: the task's name. Members are
weighted by three measures of their left-out errors: their mean square, their mean size,
and ours (`spektron_jax.transfer.ensemble.error_weights`: the mean size, in which a
sample that half of the members miss counts for no more than three times the usual).
The table: mean ln(squared error / variance + 0.003) of the test samples, which no label
of is wrong, as change from the mean square, with its standard error over tasks.
"""

import argparse
import json
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks import tables
from benchmarks.result_files import load, markdown, write
from benchmarks.task_sets import REGIMES, r2, score, tasks
from benchmarks.transfer_risk import group_of
from spektron_jax.training.transfer_network.transfer_task import Task
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.ensemble import Ensemble, error_weights
from spektron_jax.transfer.members import combined
from spektron_jax.transfer.methods.workspace import Workspace
from spektron_jax.transfer.threads import one_blas_thread

LEAST_SDS, MOST_SDS = 1.0, 4.0  # that a label is wrong by
LABELS = 10


def with_a_wrong_label(data: TransferData, name: str) -> TransferData:
    """One of the target's labels moved, up or down."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    row, y = rng.choice(data.labelled), data.y_target.copy()
    y[row] += rng.choice([-1, 1]) * rng.uniform(LEAST_SDS, MOST_SDS) * y_sd(data)
    return replace(data, y_target=y)


def y_sd(data: TransferData) -> float:
    """SD of the source's labels."""
    return float(data.y_source.std())


def constant(errors: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Errors (M, n) of these sizes (M,), which no measure but the mean changes."""
    return np.repeat(sizes[:, None], errors.shape[1], axis=1)


@one_blas_thread
def scores(data: TransferData, task: Task, X: np.ndarray, y: np.ndarray) -> dict:
    """ln error and R2 of each way to weight the same members."""
    groups = data.groups()
    space = Workspace.of(data)
    members = Ensemble("combination", task.modality).members(space, groups)
    labels = np.concatenate([data.y_target[rows] for rows in groups])
    errors = np.array([m.left_out(groups) - labels for m in members]) / y_sd(data)
    ways = {
        "square": constant(errors, np.sqrt((errors**2).mean(axis=1))),
        "size": constant(errors, np.abs(errors).mean(axis=1)),
        "ours": errors,
    }
    found = {}
    for name, used in ways.items():
        predicted = combined(members, error_weights(members, used))(X)
        found[name] = [score(y, predicted), r2(y, predicted)]
    return found


def trials(task: Task) -> Iterator[dict[str, Any]]:
    """Every labelled regime, and those with ten samples with a wrong label too."""
    for regime in REGIMES:
        trial = None if regime.kind == "unlabelled" else task.trial(regime)
        if trial is None or not trial.data.groups():
            continue
        cases = {"": trial.data}
        if group_of(task).startswith("semi-real") and regime.n == LABELS:
            cases[", one label wrong"] = with_a_wrong_label(trial.data, task.name)
        for case, data in cases.items():
            about = {"group": group_of(task), "regime": f"{regime}{case}"}
            yield about | scores(data, task, trial.X, trial.y)


def rows_of(found: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """A row for every group and regime."""
    for key in dict.fromkeys((one["group"], one["regime"]) for one in found):
        own = [one for one in found if (one["group"], one["regime"]) == key]
        row = {"group": key[0], "regime": key[1], "tasks": len(own)}
        before = np.array([one["square"] for one in own])
        row["r2"] = {"square": round(float(before[:, 1].mean()), 3)}
        for name in ("size", "ours"):
            after = np.array([one[name] for one in own])
            change = (after - before)[:, 0]
            error = change.std() / np.sqrt(len(own))
            row[name] = [round(float(change.mean()), 3), round(float(error), 3)]
            row["r2"][name] = round(float(after[:, 1].mean()), 3)
        yield row


def wrong_labels() -> str:
    """The table of the documentation."""
    head = ["", "tasks", "R2, mean square", "R2, ours", "mean size", "ours"]
    rows = [
        [
            f"{row['group']}, {row['regime']}",
            str(row["tasks"]),
            *(f"{row['r2'][name]:.3f}" for name in ("square", "ours")),
            *("{:+.3f} ± {:.3f}".format(*row[name]) for name in ("size", "ours")),
        ]
        for row in load("wrong_labels")["rows"]
    ]
    return markdown(head, rows)


MAKERS = (wrong_labels,)


def main(arguments: list[str] | None = None) -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder of the data sets")
    parser.add_argument("--sets", help="names, separated by commas; without: all")
    parser.add_argument("--json", help="summary to write")
    given = parser.parse_args(arguments)
    sets = given.sets.split(",") if given.sets else None
    chosen = list(tasks(given.data, subset=True, sets=sets, splits=1))
    rows = list(rows_of([r for t in tqdm(chosen, unit="task") for r in trials(t)]))
    for row in rows:
        print(json.dumps(row))
    if given.json:
        command = "python -m benchmarks.wrong_labels --data=shared/data"
        content = {"command": command, "made_with": tables.checksum(), "rows": rows}
        write(given.json, content)


if __name__ == "__main__":
    main(sys.argv[1:])
