"""RMSEP where both instruments are real: every property of corn, tablets, sugarcane.

    python -m benchmarks.real_sets --data=shared/data --json=FILE

Ten pairs, or the spectra of ten samples without labels. Errors are pooled over splits
and directions, so that RMSEP is in the unit of the property. The best single recipe of
a set, method and pretreatment, is the one with the least mean log error over the set's
cells (`set_scores`): chosen with hindsight, and so are the pretreatment of the source's
PLS as it is and that of the ten samples' own. The same records as `transfer_sets`.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from benchmarks import set_records, set_scores
from benchmarks.set_scores import Cell
from benchmarks.task_sets import MEASURED, tasks
from benchmarks.transfer_sets import our_label, recipe_names, with_ours
from spektron_jax.archive import replacing
from spektron_jax.training.transfer_network.transfer_task import Task
from spektron_jax.transfer.splits import Regime

PAIRED, UNLABELLED = Regime("paired", 10), Regime("unlabelled", 10)
BEFORE, ALONE = "none", "target_only"  # heads of recipes


def methods(regime: Regime, modality: str) -> dict[str, Any]:
    """Everything with pairs, ours alone without labels."""
    found = with_ours(regime, modality)
    if regime == PAIRED:
        return found
    return {our_label(): found[our_label()]}


def rows_of(data: Path, name: str, chosen: Sequence[Task], found: Mapping) -> list:
    """A row for each property of a set."""
    paired = set_scores.cells_of(chosen, PAIRED, found)
    plain = set_scores.cells_of(chosen, UNLABELLED, found)
    ours = our_label()
    names = recipe_names(PAIRED)
    shown = {"best": names}
    for key, head in (("before", BEFORE), ("alone", ALONE)):
        shown[key] = tuple(name for name in names if name.split("/")[0] == head)
    best = {
        key: set_scores.compare(paired, choice)["best_fixed"]
        for key, choice in shown.items()
    }
    with h5py.File(data / MEASURED[name][0]) as file:
        about = file["targets"].attrs
        names, units = (list(map(str, about[key])) for key in ("names", "units"))
    rows = []
    for prop in MEASURED[name][2]:
        own = [cell for cell in paired if cell.endswith(f", {prop}")]
        cells = [paired[cell] for cell in own]
        errors = {key: _rmsep(cells, method) for key, method in best.items()}
        least = sum(
            _rmsep([one], ours) < min(_rmsep([one], other) for other in best.values())
            for one in cells
        )
        row = {"set": name, "property": prop, "unit": units[names.index(prop)]}
        row |= {"directions": len(cells), "recipes": best}
        row["sd"] = _rounded(np.sqrt(np.mean([one.variance for one in cells])))
        row |= {key: _rounded(error) for key, error in errors.items()}
        row["ours"] = _rounded(_rmsep(cells, ours))
        row["without_labels"] = _rounded(_rmsep([plain[cell] for cell in own], ours))
        rows.append({**row, "least": int(least)})
    return rows


def _rmsep(cells: Sequence[Cell], method: str) -> float:
    errors = np.concatenate([cell.of[method] for cell in cells]).astype(float)
    return float(np.sqrt(np.mean(errors**2)))


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder of the data sets")
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--records", default="runs/transfer_sets.jsonl")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--json", help="summary to write")
    given = parser.parse_args()
    chosen = list(tasks(given.data, sets=list(MEASURED), splits=given.splits))
    regimes = PAIRED, UNLABELLED
    more = {"regimes": regimes, "workers": given.workers}
    found = set_records.evaluate(chosen, methods, given.records, **more)
    rows = []
    for name in MEASURED:
        of_set = [task for task in chosen if task.set == name]
        rows += rows_of(Path(given.data), name, of_set, found)
    command = "python -m benchmarks.real_sets --data=shared/data"
    command += f" --splits={given.splits}"
    content = {"command": command, "made_with": our_label(), "rows": rows}
    text = json.dumps(content, indent=1) + "\n"
    print(text)
    if given.json:
        with replacing(Path(given.json)) as draft:
            draft.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
