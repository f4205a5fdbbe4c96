"""Where the recipe loses most to one simple recipe, and what is seen there.

    python -m benchmarks.worst_cells --data=shared/data [--json=FILE]

From the records of `benchmarks.transfer_sets`, which it goes on with: measured pairs,
virtual tasks and the subset of the semi-real ones, nine regimes. The rival of a cell is
the best fixed recipe of its set and regime; the cells are those with the largest
difference of the log error among the cells that are lost (`benchmarks.set_scores`).
Beside them is what could have been seen without test labels: the error of left-out
samples, ours and that of the rival where it is a member, and the weight that the rival
had; and the recipe that is best by test labels.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks import set_records
from benchmarks.result_files import load, markdown, write
from benchmarks.set_scores import Cell, cells_of, is_lost, scores
from benchmarks.task_sets import FLOOR, REGIMES, tasks
from benchmarks.transfer_sets import our_label, recipe_names, with_ours
from spektron_jax.training.transfer_network.transfer_task import Task
from spektron_jax.transfer.ensemble import Ensemble, recipe
from spektron_jax.transfer.members import combined
from spektron_jax.transfer.methods.workspace import Workspace
from spektron_jax.transfer.splits import Regime
from spektron_jax.transfer.threads import one_blas_thread

WORST = 10


def lost_cells(
    chosen: Sequence[Task], found: Mapping[set_records.Key, set_records.Errors]
) -> Iterator[dict[str, Any]]:
    """Cells that are lost to the best fixed recipe of their set and regime."""
    ours, names = our_label(), dict.fromkeys(task.set for task in chosen)
    for regime in REGIMES:
        recipes = recipe_names(regime)
        for name in names:
            own = {task.name: task for task in chosen if task.set == name}
            cells = cells_of(list(own.values()), regime, found)
            if not cells:
                continue
            missed = [[c.missed(x) for x in recipes] for c in cells.values()]
            rival = recipes[int(scores(np.array(missed)).mean(axis=0).argmin())]
            for label, cell in cells.items():
                if is_lost(cell, ours, rival):
                    yield {
                        "task": own[label],
                        "regime": regime,
                        **about(cell, ours, rival, recipes),
                    }


def about(cell: Cell, ours: str, rival: str, recipes: Sequence[str]) -> dict[str, Any]:
    """R2 of all three, and how much is lost."""
    best = min(recipes, key=cell.missed)
    return {
        "change": float(scores(cell.missed(ours)) - scores(cell.missed(rival))),
        "rival": rival,
        "best": best,
        "r2": {
            key: round(max(1 - cell.missed(name), FLOOR), 3)
            for key, name in (("ours", ours), ("rival", rival), ("best", best))
        },
    }


@one_blas_thread
def seen(task: Task, regime: Regime, rival: str) -> dict[str, Any]:
    """What shows in the first split without test labels; None: no label or no member.

    Errors are those of left-out samples, in the SD of the source's labels.
    """
    trial = task.trial(regime)
    space = Workspace.of(trial.data)
    data, groups = space.data, space.data.groups()
    members = Ensemble("combination", task.modality).members(space, groups)
    members, weights, _, _ = recipe(members, data, groups)
    place = [number for number, one in enumerate(members) if one.name == rival]
    weight = float(weights[0][place].sum())
    found: dict[str, Any] = {"weight": round(weight, 3), "left_out": None}
    if groups:
        y = np.concatenate([data.y_target[rows] for rows in groups])
        parts = [
            combined(members, w, fit)(data.X_target[rows])
            for fit, (w, rows) in enumerate(zip(weights[1:], groups, strict=True), 1)
        ]
        error = [np.concatenate(parts) - y]
        error += [members[k].left_out(groups) - y for k in place]
        sizes = np.sqrt(np.mean(np.square(error), axis=1)) / data.y_source.std()
        found["left_out"] = [round(float(x), 3) for x in sizes]
    sd = data.y_source.std()
    moved = abs(trial.y.mean() - data.y_source.mean()) / sd
    return found | {"labels": [round(float(x), 2) for x in (moved, trial.y.std() / sd)]}


def worst_cells() -> str:
    """The table of the documentation."""
    rows = []
    for row in load("worst_cells")["rows"]:
        left_out = row["left_out"]
        pair = "-" if left_out is None else " / ".join(f"{x:.2f}" for x in left_out)
        r2 = row["r2"]
        rows.append(
            [
                f"{row['task']}, {row['regime']}",
                row["kind"],
                f"{r2['ours']:.2f}",
                f"{r2['rival']:.2f} ({row['rival']})",
                f"{r2['best']:.2f} ({row['best']})",
                pair,
                f"{row['weight']:.2f}",
                "{:.1f}, {:.1f}".format(*row["labels"]),
            ]
        )
    head = ["", "instruments", "ours", "best recipe of the set", "best of all"]
    head += ["left-out error", "its weight", "labels moved, spread"]
    return markdown(head, rows)


MAKERS = (worst_cells,)


def main(arguments: list[str] | None = None) -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder of the data sets")
    parser.add_argument("--splits", type=int, default=3, help="of measured pairs")
    parser.add_argument("--records", default="runs/transfer_sets.jsonl")
    parser.add_argument("--json", help="summary to write")
    given = parser.parse_args(arguments)
    chosen = list(tasks(given.data, subset=True, splits=given.splits))
    found = set_records.evaluate(chosen, with_ours, given.records)
    lost = sorted(lost_cells(chosen, found), key=lambda one: -one["change"])
    rows = []
    for one in lost[:WORST]:
        task, regime = one.pop("task"), one.pop("regime")
        row = {"task": task.name, "kind": task.kind, "regime": str(regime)} | one
        rows.append(row | seen(task, regime, one["rival"]))
        print(json.dumps(rows[-1]))
    if given.json:
        command = "python -m benchmarks.worst_cells --data=shared/data"
        command += f" --splits={given.splits}"
        head = {"command": command, "made_with": our_label(), "lost": len(lost)}
        write(given.json, head | {"rows": rows})


if __name__ == "__main__":
    main(sys.argv[1:])
