"""One benchmark over many sets: classical recipes and ours, in nine regimes.

    python -m benchmarks.transfer_sets --data=shared/data --subset

Sets measured on two instruments (corn, tablets, sugarcane), virtual tasks, and ten
semi-real tasks of every measured set (`benchmarks.task_sets`, with which any other
method is tried). A recipe is a method and a pretreatment; its number of components is
chosen by cross-validation on the training set, smallest within 2 %. Finished trials are
kept in `--records`, so that a second call continues or only prints. What the columns
are: `benchmarks.set_scores`.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks import set_records, set_scores, tables
from benchmarks.result_files import markdown
from benchmarks.task_sets import MEASURED, REGIMES, tasks
from spektron_jax.archive import replacing
from spektron_jax.training.transfer_network.semi_real import KINDS
from spektron_jax.training.transfer_network.transfer_task import Task
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.domain import fit_domain
from spektron_jax.transfer.ensemble import Ensemble
from spektron_jax.transfer.methods.registry import make
from spektron_jax.transfer.methods.workspace import Workspace
from spektron_jax.transfer.new_spectra import Known, limited
from spektron_jax.transfer.splits import Regime

PRETREATMENTS = ("raw", "snv", "sg1", "snv+sg1")
UNLABELLED = ("none", "umc", "coral_u")
UNPAIRED = (*UNLABELLED, "none+bias", "umc+bias", "sbc", "pooled", "pooled_w1")
UNPAIRED += ("target_only",)
PAIRED = ("none", "none+bias", "mc", "mc+bias", "sbc", "pds_w5_1", "pds_w11_2")
PAIRED += ("epo1", "epo3", "glsw0.01", "glsw0.0001", "pooled", "pooled_w1")
PAIRED += ("pooled_mc_w1", "target_only", "coral_u")
HEADS = {"unlabelled": UNLABELLED, "unpaired": UNPAIRED, "paired": PAIRED}
SEMI_REAL = "semi-real"


def recipe_names(regime: Regime) -> tuple[str, ...]:
    """Names of the classical recipes of a regime."""
    return tuple(f"{head}/{p}" for head in HEADS[regime.kind] for p in PRETREATMENTS)


def recipes(regime: Regime, modality: str) -> dict[str, Any]:
    """The classical recipes."""
    return {name: make(name) for name in recipe_names(regime)}


@cache
def our_label() -> str:
    """Of the shipped procedure; other code of it has another one."""
    return f"ours#{tables.checksum()}"


def with_ours(regime: Regime, modality: str) -> dict[str, Any]:
    """The classical recipes, and what `CalibrationTransfer(weights=None)` fits."""
    return recipes(regime, modality) | {our_label(): Shipped(modality)}


@dataclass(frozen=True)
class Shipped:
    """The prediction of `CalibrationTransfer(weights=None)`, without the rest of it."""

    modality: str

    def fit(self, given: TransferData | Workspace) -> Callable:
        """Fit, and limit predictions of spectra unlike anything known."""
        predict = Ensemble("combination", self.modality).fit(given)
        data = Workspace.of(given).data
        known, domain = Known.of(data), fit_domain(data)
        return lambda X: limited(predict(X), X, known, domain)


def groups_of(chosen: Sequence[Task]) -> dict[str, list[Task]]:
    """Measured pairs, virtual tasks, semi-real ones by what they are, single sets."""
    uses = (f"{SEMI_REAL}, {use}" for use in ("open", "judge", *KINDS))
    first = (*MEASURED, "virtual", SEMI_REAL, *uses)
    groups: dict[str, list[Task]] = {name: [] for name in first}
    for task in chosen:
        names = [task.set]
        if task.kind in KINDS:
            use = "judge" if task.judge else "open"
            names += [SEMI_REAL, f"{SEMI_REAL}, {use}", f"{SEMI_REAL}, {task.kind}"]
        for name in names:
            groups.setdefault(name, []).append(task)
    return groups


def rows_of(
    chosen: Sequence[Task], found: Mapping, regimes: Sequence[Regime], ours: str | None
) -> list[dict[str, Any]]:
    """A row for every group and regime."""
    rows = []
    for group, members in groups_of(chosen).items():
        for regime in regimes:
            cells = set_scores.cells_of(members, regime, found)
            if cells:
                row = set_scores.compare(cells, recipe_names(regime), ours)
                rows.append({"group": group, "regime": str(regime), **row})
    return rows


def cells_in(
    chosen: Sequence[Task], found: Mapping, regimes: Sequence[Regime], rows: Sequence
) -> dict[str, dict[str, list[float]]]:
    """Log errors by task and regime: best fixed recipe of the set, of all semi-real
    sets (elsewhere of the set again), and oracle."""
    best = {(row["group"], row["regime"]): row["best_fixed"] for row in rows}
    found_cells: dict[str, dict[str, list[float]]] = {}
    for regime in regimes:
        names, text = recipe_names(regime), str(regime)
        for task in chosen:
            group = SEMI_REAL if task.kind in KINDS else task.set
            for cell in set_scores.cells_of([task], regime, found).values():
                chosen_ones = best[task.set, text], best[group, text]
                missed = [cell.missed(name) for name in chosen_ones]
                missed.append(min(cell.missed(name) for name in names))
                own = found_cells.setdefault(task.name, {})
                own[text] = [round(float(set_scores.scores(m)), 3) for m in missed]
    return found_cells


def show(rows: Iterable[Mapping[str, Any]], every_set: bool = False) -> str:
    """A Markdown table: log errors, R2 in brackets; single sets if asked for."""
    head = ["tasks", "regime", "cells", "best fixed", "its error (R2)", "oracle"]
    head += ["ours", "ours - best fixed", "lost", "won"]
    cells = []
    for row in rows:
        own = (*MEASURED, "virtual")
        if not (every_set or row["group"] in own or SEMI_REAL in row["group"]):
            continue
        line = [row["group"], row["regime"], str(row["cells"]), row["best_fixed"]]
        line += [_two(row["fixed"]), _two(row["oracle"])]
        if "ours" in row:
            line.append(_two(row["ours"]))
            line.append("{:+.3f} [{:+.3f}, {:+.3f}]".format(*row["difference"]))
            line += [f"{100 * row[name]:.0f} %" for name in ("lost", "won")]
        cells.append(line + [""] * (len(head) - len(line)))
    return markdown(head, cells)


def _two(values: Sequence[float]) -> str:
    return f"{values[0]:.3f} ({values[1]:.3f})"


def write(
    path: str | Path, head: Mapping[str, Any], rows: Sequence, cells: Mapping
) -> None:
    """A summary with one row, and one task, a line."""
    text = json.dumps(head, indent=1).removesuffix("\n}")
    lines = ",\n".join(json.dumps(row) for row in rows)
    text += f',\n "rows": [\n{lines}\n]'
    lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in cells.items())
    text += f',\n "cells": {{\n{lines}\n}}\n}}\n'
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8")


def main(arguments: list[str] | None = None) -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder of the data sets")
    parser.add_argument("--subset", action="store_true", help="a third of the tasks")
    parser.add_argument("--sets", help="names, separated by commas")
    parser.add_argument("--splits", type=int, default=3, help="of measured pairs")
    parser.add_argument("--recipes-only", action="store_true", help="without ours")
    parser.add_argument("--every-set", action="store_true", help="print single sets")
    parser.add_argument("--records", default="runs/transfer_sets.jsonl")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--json", help="summary to write")
    given = parser.parse_args(arguments)

    sets = given.sets.split(",") if given.sets else None
    chosen = list(tasks(given.data, given.subset, sets, given.splits))
    found = set_records.evaluate(
        chosen,
        recipes if given.recipes_only else with_ours,
        given.records,
        workers=given.workers,
        watch=_watch,
    )
    ours = None if given.recipes_only else our_label()
    rows = rows_of(chosen, found, REGIMES, ours)
    print(show(rows, given.every_set or bool(sets)))
    if given.json:
        command = "python -m benchmarks.transfer_sets --data=shared/data"
        command += f" --splits={given.splits}"
        command += " --subset" if given.subset else ""
        command += f" --sets={given.sets}" if sets else ""
        head = {"command": command, "tasks": len(chosen)}
        head |= {} if ours is None else {"made_with": ours}
        write(given.json, head, rows, cells_in(chosen, found, REGIMES, rows))


def _watch(results: Iterable, total: int) -> Iterable:
    return tqdm(results, total=total, unit="task")


if __name__ == "__main__":
    main(sys.argv[1:])
