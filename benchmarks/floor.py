"""How often a transfer falls back on a simple recipe, and how often it should not have.

    python -m benchmarks.floor --data=shared/data [--splits=5] [--json=FILE]

Simple recipes are those that a careful chemometrician has without us: the target's own
labels alone, slope and bias, centring. They are members of every prediction; a switch
is a fit in which they have more than half of the weight. It was false where the
prediction misses the test samples by more than the same members without the simple
ones do, and by more than a tenth in the case of "costly". Every labelled regime, the
subset of the tasks; the column "gain" is the mean change of ln squared error over
variance that the simple recipes bring, below 0 better.
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
from benchmarks.task_sets import REGIMES, score, tasks
from benchmarks.transfer_risk import group_of
from spektron_jax.training.transfer_network.transfer_task import Task
from spektron_jax.transfer.ensemble import Ensemble, recipe
from spektron_jax.transfer.members import Member, combined
from spektron_jax.transfer.methods.workspace import Workspace
from spektron_jax.transfer.splits import Trial
from spektron_jax.transfer.threads import one_blas_thread

SIMPLE = ("target_only", "sbc", "mc", "umc", "umc+bias", "bayes, target alone")
SIMPLE += ("prior, target alone",)
SWITCH = 0.5  # of the weight
COSTLY = 1.1  # times the error


def is_simple(member: Member) -> bool:
    """Whether a member needs no model of ours."""
    return member.name.split("/")[0] in SIMPLE


@one_blas_thread
def fit(trial: Trial, modality: str) -> dict[str, float]:
    """Weight of the simple recipes, and the RMSEP with and without them."""
    space = Workspace.of(trial.data)
    groups = space.data.groups()
    members = Ensemble("combination", modality).members(space, groups)
    members, weights, _, _ = recipe(members, space.data, groups)
    simple = np.array([is_simple(member) for member in members])
    rest = np.where(simple, 0.0, weights[0])
    share = float(weights[0][simple].sum())
    if not rest.any():  # all in rounding
        rest = np.where(simple, 0.0, 1.0)
    found = {"share": share}
    for name, used in (("with", weights[0]), ("without", rest / rest.sum())):
        predicted = combined(members, used)(trial.X)
        found[name] = float(np.sqrt(np.mean((predicted - trial.y) ** 2)))
        found[f"{name}_score"] = score(trial.y, predicted)
    return found


def trials(task: Task) -> Iterator[dict[str, Any]]:
    """Every split of a task in every regime with labels."""
    for regime in REGIMES:
        for split in range(task.splits if regime.kind != "unlabelled" else 0):
            trial = task.trial(regime, split)
            if trial is not None:
                about = {"group": group_of(task), "regime": str(regime)}
                yield about | fit(trial, task.modality)


def row_of(group: str, found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Shares of fits."""
    ratio = np.array([one["with"] / one["without"] for one in found])
    switched = np.array([one["share"] > SWITCH for one in found])
    gain = [one["with_score"] - one["without_score"] for one in found]
    shares = switched, switched & (ratio > 1), switched & (ratio > COSTLY)
    names = "switched", "false", "costly"
    return {
        "group": group,
        "fits": len(found),
        "weight": round(float(np.mean([one["share"] for one in found])), 3),
        **{n: round(float(s.mean()), 4) for n, s in zip(names, shares, strict=True)},
        "gain": round(float(np.mean(gain)), 3),
    }


def floor() -> str:
    """The table of the documentation."""
    head = ["", "fits", "mean weight", "switched", "false", "costly", "gain"]
    rows = [
        [
            row["group"],
            str(row["fits"]),
            f"{row['weight']:.2f}",
            *(f"{100 * row[key]:.1f} %" for key in ("switched", "false", "costly")),
            f"{row['gain']:+.3f}",
        ]
        for row in load("floor")["rows"]
    ]
    return markdown(head, rows)


MAKERS = (floor,)


def main(arguments: list[str] | None = None) -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder of the data sets")
    parser.add_argument("--sets", help="names, separated by commas; without: all")
    parser.add_argument("--splits", type=int, default=5, help="of corn and the like")
    parser.add_argument("--json", help="summary to write")
    given = parser.parse_args(arguments)
    sets = given.sets.split(",") if given.sets else None
    chosen = list(tasks(given.data, subset=True, sets=sets, splits=given.splits))
    found = [one for task in tqdm(chosen, unit="task") for one in trials(task)]
    groups = dict.fromkeys(one["group"] for one in found)
    rows = [row_of(g, [one for one in found if one["group"] == g]) for g in groups]
    for row in rows:
        print(json.dumps(row))
    if given.json:
        command = (
            f"python -m benchmarks.floor --data=shared/data --splits={given.splits}"
        )
        content = {"command": command, "made_with": tables.checksum(), "rows": rows}
        write(given.json, content)


if __name__ == "__main__":
    main(sys.argv[1:])
