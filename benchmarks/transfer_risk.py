"""What is said without labels of how a transfer will do, held against what it did.

    python -m benchmarks.transfer_risk --data=shared/data [--subset] [--json=FILE]

On every task with 5, 10 and all spectra of the target and no labels: the probability of
R2 below 0.5 after the transfer (`transfer/unlabelled.py`) and the forecast before it
(`transfer/risk.py`), and R2 on the test samples with and without the transfer. Groups
are as in `benchmarks.transfer_sets`; of the semi-real tasks the sets that the
probability was fitted on ("open") stand apart from the others ("judge").
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score
from tqdm import tqdm

from benchmarks import tables
from benchmarks.result_files import write
from benchmarks.task_sets import MEASURED, r2, tasks
from spektron_jax.training.transfer_network.transfer_task import Task
from spektron_jax.transfer.ensemble import Ensemble
from spektron_jax.transfer.methods.registry import make
from spektron_jax.transfer.risk import forecast
from spektron_jax.transfer.splits import Regime
from spektron_jax.transfer.threads import one_blas_thread

POOR = 0.5  # R2
REGIMES = (
    Regime("unlabelled", 5),
    Regime("unlabelled", 10),
    Regime("unlabelled", None),
)
LEVELS = ("low", "moderate", "high")
BINS = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)


@one_blas_thread
def trials(task: Task) -> Iterator[dict[str, Any]]:
    """What was said, and what came of it, in each regime."""
    for regime in REGIMES:
        trial = task.trial(regime)
        if trial is None:
            continue
        fitted = Ensemble("classical", task.modality).fit(trial.data)
        alone = make("none/raw").fit(trial.data)
        level = forecast(trial.data.X_source, trial.data.X_target).level
        yield {
            "group": group_of(task),
            "task": task.name,
            "regime": str(regime),
            "probability": round(fitted.poor, 4),
            "after": round(r2(trial.y, fitted(trial.X)), 4),
            "level": level,
            "before": round(r2(trial.y, alone(trial.X)), 4),
        }


def group_of(task: Task) -> str:
    """A measured set, virtual, or semi-real of open or of judge sets."""
    if task.set in (*MEASURED, "virtual"):
        return task.set
    return f"semi-real, {'judge' if task.judge else 'open'}"


def summary(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One entry a group: areas under the ROC curve, and reliability."""
    found = []
    for group in dict.fromkeys(row["group"] for row in rows):
        own = [row for row in rows if row["group"] == group]
        said = np.array([row["probability"] for row in own])
        poor = np.array([row["after"] < POOR for row in own])
        level = np.array([LEVELS.index(row["level"]) for row in own])
        before = np.array([row["before"] < POOR for row in own])
        number = np.clip(np.digitize(said, BINS) - 1, 0, len(BINS) - 2)
        found.append(
            {
                "group": group,
                "trials": len(own),
                "poor_before": round(float(before.mean()), 3),
                "poor_after": round(float(poor.mean()), 3),
                "auc_before": area(before, level),
                "auc_after": area(poor, said),
                "reliability": [
                    [
                        int(np.sum(number == k)),
                        round(float(said[number == k].mean()), 3),
                        round(float(poor[number == k].mean()), 3),
                    ]
                    for k in range(len(BINS) - 1)
                    if np.any(number == k)
                ],
            }
        )
    return found


def area(poor: np.ndarray, said: np.ndarray) -> float | None:
    """Under the ROC curve; None where all or none are poor."""
    if poor.all() or not poor.any():
        return None
    return round(float(roc_auc_score(poor, said)), 3)


def main(arguments: list[str] | None = None) -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder of the data sets")
    parser.add_argument("--subset", action="store_true", help="a third of the tasks")
    parser.add_argument("--json", help="summary to write")
    given = parser.parse_args(arguments)
    chosen = list(tasks(given.data, given.subset, splits=1))
    rows = [row for task in tqdm(chosen, unit="task") for row in trials(task)]
    found = summary(rows) + summary([row | {"group": "all"} for row in rows])
    for entry in found:
        print(json.dumps(entry))
    command = "python -m benchmarks.transfer_risk --data=shared/data"
    command += " --subset" if given.subset else ""
    content = {"command": command, "made_with": tables.checksum(), "groups": found}
    if given.json:
        write(given.json, content)


if __name__ == "__main__":
    main(sys.argv[1:])
