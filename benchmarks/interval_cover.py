"""Do 90 % intervals cover 90 % of the test labels, on every set, and are they narrow?

    python -m benchmarks.interval_cover --data=shared/data [--json=FILE]

The recipe in every regime with labels, on the subset of the tasks, one split of real
pairs. For each group and regime: the share of test labels within their interval, mean
over tasks; tasks with less than 75 %; the median half width over the 90 % quantile of
the test errors, which is what would have been needed, and over the SD of the labels,
medians over tasks; and tasks whose intervals are marked as too wide to be of use. Below
10 labels intervals are marked "not calibrated".
"""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks import tables
from benchmarks.result_files import load, markdown, write
from benchmarks.task_sets import REGIMES, tasks
from benchmarks.transfer_risk import group_of
from spektron_jax.transfer.ensemble import Ensemble
from spektron_jax.transfer.intervals import TOO_WIDE, intervals_of
from spektron_jax.transfer.splits import Trial
from spektron_jax.transfer.threads import one_blas_thread

COVERAGE, LEAST = 0.9, 0.75
LABELLED = tuple(one for one in REGIMES if one.kind != "unlabelled")


@one_blas_thread
def measured(trial: Trial, modality: str) -> dict[str, Any]:
    """Coverage and width of one fit on its test samples."""
    data = trial.data
    fitted = Ensemble("combination", modality).fit(data)
    intervals = intervals_of(data, fitted, fitted.groups, fitted.without)
    low, high = intervals.interval(trial.X, COVERAGE)
    half, error = (high - low) / 2, np.abs((low + high) / 2 - trial.y)
    labels = np.concatenate([data.y_source, trial.y])
    return {
        "covered": float(np.mean(error <= half)),
        "width": float(np.median(half) / np.quantile(error, COVERAGE)),
        "half": float(np.median(half) / labels.std()),
        "too wide": intervals.mark(COVERAGE) == TOO_WIDE,
    }


def row_of(group: str, regime: str, found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Means and medians over tasks."""
    covered, width, half, wide = (
        np.array([one[name] for one in found])
        for name in ("covered", "width", "half", "too wide")
    )
    return {
        "group": group,
        "regime": regime,
        "tasks": len(found),
        "covered": round(float(covered.mean()), 3),
        "poor": round(float(np.mean(covered < LEAST)), 3),
        "width": round(float(np.median(width)), 2),
        "half": round(float(np.median(half)), 2),
        "too_wide": round(float(wide.mean()), 3),
    }


def interval_cover() -> str:
    """The table of the documentation."""
    rows = [
        [
            f"{row['group']}, {row['regime']}",
            str(row["tasks"]),
            f"{100 * row['covered']:.0f} %",
            f"{100 * row['poor']:.0f} %",
            f"{row['width']:.2f}",
            f"{row['half']:.2f}",
            f"{100 * row['too_wide']:.0f} %",
        ]
        for row in load("interval_cover")["rows"]
    ]
    head = ["", "tasks", "covered", "tasks below 75 %", "half width / needed"]
    head += ["half width / SD of the labels", "marked too wide"]
    return markdown(head, rows)


MAKERS = (interval_cover,)


def main(arguments: list[str] | None = None) -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder of the data sets")
    parser.add_argument("--json", help="summary to write")
    given = parser.parse_args(arguments)
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for task in tqdm(list(tasks(given.data, True, splits=1)), unit="task"):
        for regime in LABELLED:
            trial = task.trial(regime)
            if trial is not None:
                place = found.setdefault((group_of(task), str(regime)), [])
                place.append(measured(trial, task.modality))
    rows = [row_of(*place, some) for place, some in found.items()]
    for row in rows:
        print(json.dumps(row))
    if given.json:
        command = "python -m benchmarks.interval_cover --data=shared/data"
        content = {"command": command, "made_with": tables.checksum(), "rows": rows}
        write(given.json, content)


if __name__ == "__main__":
    main(sys.argv[1:])
