"""How much of what `transfer/sample_prior.py` says is to be taken, by sets left out.

    python -m benchmarks.prior_share --data=shared/data [--json=FILE]

Networks as `benchmarks.task_prior` trains them, each without a third of the open sets,
in four ways of dealing out the sets: every task is told by four networks that saw no
spectrum of its material. The table: change of the log error when a share of what they
say is taken, in logarithms, with standard errors over tasks and over sets, and how many
tasks are harmed by more than HARM. No set that judges is looked at.

K = kinds of differences, n = tasks.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np

from benchmarks import tables
from benchmarks.prior_lessons import lessons
from benchmarks.result_files import load, markdown, write
from benchmarks.task_prior import (
    NOTHING,
    Known,
    Trained,
    errors,
    part,
    stacked,
    summary,
    training_tasks,
)

SHARES = (0.25, 0.5, 0.75, 1.0, 1.25)
DEALS, FOLDS = 4, 3
HARM = 0.1  # of the log error


def said_of(known: Known, sets: np.ndarray, seed: int) -> np.ndarray:
    """Logarithms of sizes by networks that saw other sets, (n, K)."""
    dealt = np.random.default_rng(seed).permutation(np.unique(sets))
    said = np.zeros((len(sets), NOTHING["sample"].size))
    for fold in range(FOLDS):
        out = np.isin(sets, dealt[fold::FOLDS])
        network = Trained("samples", part(known, ~out))
        each = jax.vmap(network.model.apply, (None, 0))
        seen = network.scaled(part(known, out))
        said[out] = np.asarray(each(network.params, seen)["sample"])
    return said


def row_of(share: float, changes: np.ndarray, sets: np.ndarray) -> dict[str, Any]:
    """Of one share; changes (DEALS, n)."""
    mean = changes.mean(axis=0)
    of_sets = np.array([mean[sets == name].mean() for name in np.unique(sets)])
    return {
        "share": share,
        "change": summary(mean),
        "sets": summary(of_sets),
        "harmed": round(float(np.mean(changes > HARM)), 3),
        "worst set": round(float(of_sets.max()), 3),
    }


def prior_share() -> str:
    """The table of the documentation."""
    rows = [
        [
            f"{row['share']:.2f}",
            "{:+.3f} ± {:.3f}".format(*row["change"]),
            "{:+.3f} ± {:.3f}".format(*row["sets"]),
            f"{row['worst set']:+.3f}",
            f"{100 * row['harmed']:.1f} %",
        ]
        for row in load("prior_share")["rows"]
    ]
    head = ["share", "log error, tasks", "the same, sets", "worst set", "harmed"]
    return markdown(head, rows)


MAKERS = (prior_share,)


def main(arguments: list[str] | None = None) -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder of the data sets")
    parser.add_argument("--records", default="runs/prior_lessons")
    parser.add_argument("--json", help="summary to write")
    given = parser.parse_args(arguments)
    asked = training_tasks(Path(given.data))
    known, sets, _ = stacked(lessons(asked, Path(given.records)))
    # Only now: instruments are drawn in single precision, as everywhere.
    jax.config.update("jax_enable_x64", True)
    before = errors(known, NOTHING)
    said = [said_of(known, sets, seed) for seed in range(DEALS)]
    rows = []
    for share in SHARES:
        own = [errors(known, {**NOTHING, "sample": share * x}) for x in said]
        rows.append(row_of(share, np.array(own) - before, sets))
        print(json.dumps(rows[-1]), flush=True)
    if given.json:
        command = "python -m benchmarks.prior_share --data=shared/data"
        content = {"command": command, "made_with": tables.checksum(), "rows": rows}
        write(given.json, content)


if __name__ == "__main__":
    main(sys.argv[1:])
