"""What more labels give, and whether `expected_errors` says so.

    python -m benchmarks.more_labels --data=shared/data --json=FILE

Each task with 5, 10, 15, 20 and 25 labelled target samples, paired and unpaired, the
Kennard-Stone order of the others: RMSEP on its test samples. The law is fitted on the
semi-real tasks of open sets; the table says how often the change from n to more samples
of any task lies within its interval, 90 % if it is right. Finished tasks stay in the
records.
"""

import argparse
import json
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.next_samples import group_of
from benchmarks.result_files import load, markdown
from benchmarks.tables import checksum
from benchmarks.task_sets import tasks
from spektron_jax.archive import add_line, replacing
from spektron_jax.training.transfer_network.transfer_task import Task
from spektron_jax.transfer import expected_errors
from spektron_jax.transfer.ensemble import Ensemble
from spektron_jax.transfer.splits import Regime
from spektron_jax.transfer.threads import one_blas_thread

NUMBERS = (5, 10, 15, 20, 25)
KINDS = ("paired", "unpaired")
FITTED = "semi-real, open sets"
QUANTILES = (0.05, 0.95)


@one_blas_thread
def errors(task: Task) -> dict[str, list[list[float]]]:
    """Regime -> (labelled samples, RMSEP) of each number that the task has."""
    found: dict[str, list[list[float]]] = {}
    for kind in KINDS:
        for n in NUMBERS:
            trial = task.trial(Regime(kind, n))
            if trial is not None:
                predict = Ensemble("combination", task.modality).fit(trial.data)
                rmsep = float(np.sqrt(np.mean((predict(trial.X) - trial.y) ** 2)))
                known = int(trial.data.labelled.size)
                found.setdefault(kind, []).append([known, rmsep])
    return found


def changes(found: Sequence[dict[str, Any]]) -> np.ndarray:
    """(ln(N / n), ln of the change of RMSEP) of all pairs of numbers, (k, 2)."""
    return np.array(
        [
            [np.log(b[0] / a[0]), np.log(b[1] / a[1])]
            for one in found
            for curve in one["errors"].values()
            for a, b in combinations(curve, 2)
            if b[0] > a[0]
        ]
    )


def law(pairs: np.ndarray) -> dict[str, float]:
    """Rate and quantiles; variances grow with ln(N / n)."""
    far, change = pairs.T
    rate = -change.sum() / far.sum()
    low, high = np.quantile((change + rate * far) / np.sqrt(far), QUANTILES)
    values = {"rate": rate, "low": low, "high": high}
    return {name: round(float(value), 3) for name, value in values.items()}


def row_of(group: str, found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """How the shipped law does on a group."""
    far, change = changes(found).T
    off = (change + expected_errors.RATE * far) / np.sqrt(far)
    below, above = off < expected_errors.LOW, off > expected_errors.HIGH
    return {
        "group": group,
        "tasks": len(found),
        "doubled": round(float(np.exp(np.log(2) * change.sum() / far.sum())), 3),
        "inside": round(float(1 - below.mean() - above.mean()), 3),
        "below": round(float(below.mean()), 3),
        "above": round(float(above.mean()), 3),
    }


def more_labels() -> str:
    """The table of the documentation."""
    head = ["", "tasks", "twice the labels: RMSEP times", "within the interval"]
    rows = [
        [
            row["group"],
            str(row["tasks"]),
            f"{row['doubled']:.2f}",
            *(f"{100 * row[key]:.0f} %" for key in ("inside", "below", "above")),
        ]
        for row in load("more_labels")["rows"]
    ]
    return markdown([*head, "better than it", "worse than it"], rows)


MAKERS = (more_labels,)


def main() -> None:
    """Fit, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder of the data sets")
    parser.add_argument("--records", default="runs/more_labels.jsonl")
    parser.add_argument("--json", help="summary to write")
    given = parser.parse_args()
    records = Path(given.records)
    records.parent.mkdir(parents=True, exist_ok=True)
    lines = records.read_text().splitlines() if records.exists() else []
    done = {one["task"]: one for one in map(json.loads, lines)}
    chosen = [
        task for task in tasks(given.data, True, splits=1) if task.set != "virtual"
    ]
    for task in tqdm(chosen):
        if task.name not in done:
            one = {"task": task.name, "group": group_of(task), "errors": errors(task)}
            add_line(records, json.dumps(one))
            done[task.name] = one
    used = [one for one in done.values() if one["errors"]]
    groups = sorted({one["group"] for one in used})
    by_group = {g: [one for one in used if one["group"] == g] for g in groups}
    content: dict[str, Any] = {
        "command": "python -m benchmarks.more_labels --data=shared/data",
        "made_with": checksum(),
        "law": law(changes(by_group[FITTED])),
        "rows": [row_of(group, found) for group, found in by_group.items()],
    }
    text = json.dumps(content, indent=1) + "\n"
    print(text)
    if given.json:
        with replacing(Path(given.json)) as draft:
            draft.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
