"""Five labels more: which samples? Ours beside Kennard-Stone and random choice.

    python -m benchmarks.next_samples --data=shared/data [--records=FILE] [--json=FILE]

On each task half of the calibration samples, at random, are the source's and the others
the pool, spectra of the target without labels. Kennard-Stone chooses 5 by their spectra
(`CalibrationTransfer.next_samples`), 5 are drawn three times, and 5 are taken at even
quantiles of what a fit without labels predicts; then the transfer is fitted with their
labels and judged on the test samples: ln(mean squared error / variance + 0.003), as in
`task_sets.score`.

Spanning the predictions was the best of seven candidates in one look at 70 tasks
(corn, semi-real ones of open sets). Change against Kennard-Stone, two standard errors:
spanned predictions -0.08 +- 0.12; least variance of a linear model on whitened scores
-0.07 +- 0.14, on scores +0.05 +- 0.12; of what members disagree in -0.05 +- 0.14, with
scores -0.04 +- 0.12; of a Gaussian process -0.04 +- 0.12; clusters 0.00 +- 0.12. Judge
sets were looked at once, and Kennard-Stone was kept. Finished tasks stay in the
records, so that a stopped run resumes.
"""

import argparse
import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks import next_tables
from benchmarks.result_files import write
from benchmarks.tables import checksum
from benchmarks.task_sets import MEASURED, score, tasks
from spektron_jax.archive import add_line
from spektron_jax.metrics import interval, resampled_counts
from spektron_jax.training.transfer_network.transfer_task import Task
from spektron_jax.transfer.data import UNPAIRED, TransferData
from spektron_jax.transfer.ensemble import Ensemble
from spektron_jax.transfer.selection import compressed, kennard_stone
from spektron_jax.transfer.threads import one_blas_thread

LABELS, DRAWS, LEAST = 5, 3, 15
QUANTILES = (0.05, 0.95)
OURS, SPAN = "Kennard-Stone", "predictions spanned"
OTHERS = ("random", SPAN)


def spanning(values: np.ndarray, k: int) -> np.ndarray:
    """Rows of k different values (P,) at even quantiles, (k,).

    In an order in which the first ones span the values too: the ends, then always the
    one farthest in rank from those taken; of one, the middle.
    """
    order = np.argsort(values, kind="stable")
    ends = QUANTILES if k > 1 else (0.5, 0.5)
    places = np.linspace(*ends, k) * (values.size - 1)
    ranks = np.rint(places).astype(int)
    if np.unique(ranks).size < k:  # nearly the whole pool
        ranks = np.rint(np.linspace(0, values.size - 1, k)).astype(int)
    taken = [0, k - 1][: min(k, 2)]
    while len(taken) < k:
        gaps = np.abs(ranks[:, None] - ranks[taken]).min(axis=1)
        taken.append(int(gaps.argmax()))
    return order[ranks[taken]]


@one_blas_thread
def errors(task: Task) -> dict[str, float] | None:
    """Log error of each choice; None: too few samples."""
    pair, split = task.pair, task.pair.splits[0]
    X_source, X_target = pair.common
    on_source, on_target = (np.isfinite(X).all(axis=1) for X in (X_source, X_target))
    rows = split.calibration
    rows = rows[np.isfinite(pair.y[rows]) & on_source[rows]]
    rng = np.random.default_rng(zlib.crc32(task.name.encode()))
    rows = rng.permutation(rows)
    source, pool = np.split(rows, [len(rows) // 2])
    pool = pool[on_target[pool]]
    if min(len(source), len(pool)) < LEAST:
        return None
    test = split.test[(on_target & np.isfinite(pair.truth))[split.test]]
    P, y = X_target[pool], pair.y[pool]

    def fitted(rows: np.ndarray, labels: np.ndarray):
        known = X_source[source], pair.y[source], P[rows], labels
        data = TransferData(*known, np.full(len(rows), UNPAIRED))
        return Ensemble("combination", task.modality).fit(data)

    everything = np.arange(len(pool))
    first = fitted(everything, np.full(len(pool), np.nan))
    chosen = {OURS: kennard_stone(compressed(P), LABELS)}
    chosen |= {f"random {i}": rng.permutation(everything)[:LABELS] for i in range(3)}
    chosen[SPAN] = spanning(first(P), LABELS)
    found = {"no labels": score(pair.truth[test], first(X_target[test]))}
    for name, taken in chosen.items():
        predicted = fitted(taken, y[taken])(X_target[test])
        found[name] = score(pair.truth[test], predicted)
    found["random"] = float(np.mean([found.pop(f"random {i}") for i in range(DRAWS)]))
    return found


def group_of(task: Task) -> str:
    """A measured set, or semi-real ones of open or of judge sets."""
    if task.set in MEASURED:
        return task.set
    return f"semi-real, {'judge' if task.judge else 'open'} sets"


def row_of(group: str, found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Mean log errors of a group, and changes with intervals over tasks."""
    row: dict[str, Any] = {"group": group, "tasks": len(found)}
    counts = resampled_counts(len(found))
    for name in ("no labels", *OTHERS, OURS):
        row[name] = round(float(np.mean([one[name] for one in found])), 4)
    for name in OTHERS:
        change = np.array([one[OURS] - one[name] for one in found])
        bounds = interval(counts @ change / len(found))
        values = change.mean(), bounds["low"], bounds["high"]
        row[f"minus {name}"] = [round(float(value), 4) for value in values]
    return row


def main() -> None:
    """Fit, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder of the data sets")
    parser.add_argument("--records", default="runs/next_samples.jsonl")
    parser.add_argument("--part", default="0/1", help="of the tasks, such as 1/2")
    parser.add_argument("--json", help="summary to write")
    given = parser.parse_args()
    records, version = Path(given.records), checksum()
    records.parent.mkdir(parents=True, exist_ok=True)
    lines = records.read_text().splitlines() if records.exists() else []
    done = {one["task"]: one for one in map(json.loads, lines)}
    done = {name: one for name, one in done.items() if one["code"] == version}
    chosen = [
        task for task in tasks(given.data, True, splits=1) if task.set != "virtual"
    ]
    number, parts = map(int, given.part.split("/"))
    chosen.sort(key=lambda task: (not task.judge, task.kind != "measured"))
    for task in tqdm(chosen[number::parts]):
        if task.name not in done:
            found = errors(task) or {}
            one = {"task": task.name, "group": group_of(task), "code": version, **found}
            add_line(records, json.dumps(one))
            done[task.name] = one
    used = [one for one in done.values() if OURS in one]
    groups = sorted({one["group"] for one in used})
    rows = [row_of(g, [one for one in used if one["group"] == g]) for g in groups]
    content = {"command": "python -m benchmarks.next_samples --data=shared/data"}
    content |= {"made_with": version, "rows": rows}
    print(next_tables.next_rows(content))
    if given.json:
        write(given.json, content)


if __name__ == "__main__":
    main()
