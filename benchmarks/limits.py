"""What it gives that spectra unlike anything known get no value beyond the labels.

    python -m benchmarks.limits --data=shared/data [--json=FILE]

Every task of the subset in every regime, as `CalibrationTransfer(weights=None)` fits
it, with the limit of `transfer/new_spectra.py` and without. The table: how many test
spectra were limited, mean R2 (floored at -1) of both, and the change of the mean log of
squared error over variance.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks import tables
from benchmarks.result_files import load, markdown, write
from benchmarks.task_sets import REGIMES, r2, score, tasks
from benchmarks.transfer_risk import group_of
from spektron_jax.training.transfer_network.transfer_task import Task
from spektron_jax.transfer.domain import fit_domain
from spektron_jax.transfer.ensemble import Ensemble
from spektron_jax.transfer.new_spectra import Known, limited
from spektron_jax.transfer.threads import one_blas_thread


@one_blas_thread
def trials(task: Task) -> Iterator[dict[str, Any]]:
    """Errors of each regime, with the limit and without."""
    for regime in REGIMES:
        trial = task.trial(regime)
        if trial is None:
            continue
        data, X, y = trial.data, trial.X, trial.y
        plain = Ensemble("combination", task.modality).fit(data)(X)
        kept = limited(plain, X, Known.of(data), fit_domain(data))
        yield {
            "group": group_of(task),
            "regime": str(regime),
            "spectra": len(y),
            "limited": int((kept != plain).sum()),
            "r2": [r2(y, plain), r2(y, kept)],
            "change": score(y, kept) - score(y, plain),
        }


def rows_of(found: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """A row for every group and regime."""
    for group, regime in dict.fromkeys((one["group"], one["regime"]) for one in found):
        own = [o for o in found if (o["group"], o["regime"]) == (group, regime)]
        before, after = np.mean([one["r2"] for one in own], axis=0)
        yield {
            "group": group,
            "regime": regime,
            "tasks": len(own),
            "spectra": sum(one["spectra"] for one in own),
            "limited": sum(one["limited"] for one in own),
            "r2": [round(float(before), 3), round(float(after), 3)],
            "change": round(float(np.mean([one["change"] for one in own])), 4),
            "worst": round(max(one["change"] for one in own), 3),
        }


def limits() -> str:
    """The table of the documentation: rows in which anything changed."""
    head = ["", "tasks", "spectra", "limited", "R2 without", "with", "log error"]
    rows = [
        [
            f"{row['group']}, {row['regime']}",
            *(str(row[key]) for key in ("tasks", "spectra", "limited")),
            *(f"{value:.3f}" for value in row["r2"]),
            f"{row['change']:+.3f}",
        ]
        for row in load("limits")["rows"]
        if row["limited"]
    ]
    return markdown(head, rows)


MAKERS = (limits,)


def main(arguments: list[str] | None = None) -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder of the data sets")
    parser.add_argument("--json", help="summary to write")
    given = parser.parse_args(arguments)
    chosen = list(tasks(given.data, subset=True, splits=1))
    rows = list(rows_of([r for t in tqdm(chosen, unit="task") for r in trials(t)]))
    for row in rows:
        print(json.dumps(row))
    if given.json:
        command = "python -m benchmarks.limits --data=shared/data"
        content = {"command": command, "made_with": tables.checksum(), "rows": rows}
        write(given.json, content)


if __name__ == "__main__":
    main(sys.argv[1:])
