"""What the network's prior of differences from sample to sample gives without labels.

    python -m benchmarks.sample_prior --data=shared/data [--json=FILE]

Every unlabelled regime of the subset, fitted as `CalibrationTransfer(weights=None)`
does, with what `transfer/sample_prior.py` says and with all sizes alike. The table:
change of the mean ln(squared error / variance + 0.003) of test samples, with its
standard error over tasks, and mean R2, floored at -1. The open sets are those whose
spectra it was trained on, on other simulated instruments; the others it never saw.
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
from benchmarks.transfer_sets import Shipped
from spektron_jax.training.transfer_network.transfer_task import Task
from spektron_jax.transfer import members
from spektron_jax.transfer.threads import one_blas_thread


@one_blas_thread
def trials(task: Task) -> Iterator[dict[str, Any]]:
    """ln error and R2 in every unlabelled regime, without and with what is said."""
    said = members.sample_sizes
    for regime in REGIMES:
        trial = task.trial(regime) if regime.kind == "unlabelled" else None
        if trial is None:
            continue
        found = {}
        for name, sizes in (("without", lambda *_: None), ("with", said)):
            members.sample_sizes = sizes
            try:
                predicted = Shipped(task.modality).fit(trial.data)(trial.X)
            finally:
                members.sample_sizes = said
            found[name] = [score(trial.y, predicted), r2(trial.y, predicted)]
        yield {"group": group_of(task), "regime": str(regime), **found}


def rows_of(found: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """A row for every group and regime."""
    for key in dict.fromkeys((one["group"], one["regime"]) for one in found):
        own = [one for one in found if (one["group"], one["regime"]) == key]
        before, after = (np.array([one[x] for one in own]) for x in ("without", "with"))
        change = (after - before)[:, 0]
        error = float(change.std(ddof=1) / np.sqrt(len(own)))
        yield {
            "group": key[0],
            "regime": key[1],
            "tasks": len(own),
            "change": [round(float(change.mean()), 3), round(error, 3)],
            "r2": [round(float(x[:, 1].mean()), 3) for x in (before, after)],
        }


def sample_prior() -> str:
    """The table of the documentation."""
    rows = [
        [
            f"{row['group']}, {row['regime']}",
            str(row["tasks"]),
            *(f"{value:.3f}" for value in row["r2"]),
            "{:+.3f} ± {:.3f}".format(*row["change"]),
        ]
        for row in load("sample_prior")["rows"]
    ]
    return markdown(["", "tasks", "R2 without", "R2 with", "log error"], rows)


MAKERS = (sample_prior,)


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
        command = "python -m benchmarks.sample_prior --data=shared/data"
        content = {"command": command, "made_with": tables.checksum(), "rows": rows}
        write(given.json, content)


if __name__ == "__main__":
    main(sys.argv[1:])
