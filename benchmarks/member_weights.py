"""Which members have the weight, on every set and in every regime.

    python -m benchmarks.member_weights --data=shared/data [--json=FILE]

The recipe of `CalibrationTransfer(weights=None)` on the subset of the tasks, one split
of real pairs. The table: mean weight of the Bayesian models on each version of the
spectra, and of the classical recipes by what they do, in percent; and the largest
weight that one member has, mean over tasks.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks import tables
from benchmarks.result_files import load, markdown, write
from benchmarks.task_sets import REGIMES, tasks
from benchmarks.transfer_risk import group_of
from spektron_jax.transfer.ensemble import Ensemble, Part
from spektron_jax.transfer.splits import Trial
from spektron_jax.transfer.threads import one_blas_thread

FAMILIES = {
    "bayes raw": (),
    "bayes sg1": (),
    "bayes snv": (),
    "bayes snv+sg1": (),
    "learned prior": (),
    "target alone": ("target_only",),
    "slope, bias": ("sbc", "umc+bias"),
    "centring": ("mc", "umc"),
    "pooled": ("pooled", "pooled_mc", "pooled_w1", "pooled_mc_w1"),
    "spectra mapped": ("ds_res", "glsw0.01", "coral_u"),
}
SHOWN = ("unlabelled 10", "unlabelled all", "paired 10", "unpaired 10")


def family_of(part: Part) -> str:
    """Of a member, by its name.

    Raises:
      KeyError: a classical method of no family.
    """
    head, version = part.name.split("/")
    if head.endswith("target alone"):
        return "target alone"
    if part.kind == "prior":
        return "learned prior"
    if part.kind == "bayes":
        return f"bayes {version}"
    for name, heads in FAMILIES.items():
        if head in heads:
            return name
    raise KeyError(part.name)


@one_blas_thread
def weights_of(trial: Trial, modality: str) -> dict[str, float]:
    """Weight of each family in one fit, and of the heaviest member."""
    found = dict.fromkeys(FAMILIES, 0.0)
    members = Ensemble("combination", modality).fit(trial.data).members
    for part in members:
        found[family_of(part)] += part.weight
    return found | {"heaviest": max(part.weight for part in members)}


def row_of(group: str, regime: str, some: Sequence[Mapping[str, float]]) -> dict:
    """Means over tasks."""
    means = {
        name: round(float(np.mean([one[name] for one in some])), 3) for name in some[0]
    }
    return {"group": group, "regime": regime, "tasks": len(some), **means}


def member_weights() -> str:
    """The table of the documentation."""
    names = (*FAMILIES, "heaviest")
    shown = [row for row in load("member_weights")["rows"] if row["regime"] in SHOWN]
    rows = [
        [
            f"{row['group']}, {row['regime']}",
            *(f"{100 * row[name]:.0f}" for name in names),
        ]
        for row in shown
        if row["group"] != "virtual"
    ]
    return markdown(["", *FAMILIES, "heaviest member"], rows)


MAKERS = (member_weights,)


def main(arguments: list[str] | None = None) -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder of the data sets")
    parser.add_argument("--sets", help="names, separated by commas; without: all")
    parser.add_argument("--json", help="summary to write")
    given = parser.parse_args(arguments)
    sets = given.sets.split(",") if given.sets else None
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for task in tqdm(list(tasks(given.data, True, sets, splits=1)), unit="task"):
        for regime in REGIMES:
            trial = task.trial(regime)
            if trial is not None:
                place = found.setdefault((group_of(task), str(regime)), [])
                place.append(weights_of(trial, task.modality))
    rows = [row_of(*place, some) for place, some in found.items()]
    for row in rows:
        print(json.dumps(row))
    if given.json:
        command = "python -m benchmarks.member_weights --data=shared/data"
        content = {"command": command, "made_with": tables.checksum(), "rows": rows}
        write(given.json, content)


if __name__ == "__main__":
    main(sys.argv[1:])
