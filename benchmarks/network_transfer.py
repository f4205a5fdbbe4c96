"""What the transfer network adds, where it has not learned.

    python -m benchmarks.network_transfer --data=shared/data

Lessons (`training/transfer_network/lessons.py`) of tasks that no training sees: sets
that may judge only, virtual tasks, corn, tablets and sugarcane. Mean change of the log
error, network - recipe alone, with the standard error over trials. With --run, the
workdir of a training run, its lessons are learned from anew: fewer of them, and with
other sizes.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import special
from tqdm import tqdm

from benchmarks.result_files import markdown
from benchmarks.task_sets import FLOOR, MEASURED, REGIMES, tasks
from spektron_jax.archive import replacing
from spektron_jax.commands import config_file
from spektron_jax.training.transfer_network import lessons, member_network, run
from spektron_jax.training.transfer_network.lessons import Lesson
from spektron_jax.transfer.network_inputs import Inputs
from spektron_jax.transfer.transfer_network import change, load_network, offsets

GROUPS = ("semi-real", "virtual", *MEASURED)
TASKS, WIDTHS = (100, 300, 1000), (8, 32, 128)


def judged(data: str, folder: Path) -> list[Lesson]:
    """Lessons of all tasks that judge; those that lie in the folder are read."""
    folder.mkdir(parents=True, exist_ok=True)
    known = (*MEASURED, "virtual")
    chosen = tasks(data, True, splits=2)
    asked = [task for task in chosen if task.judge or task.set in known]
    found: list[Lesson] = []
    for task in tqdm(asked, unit="task"):
        for split in range(task.splits):
            path = folder / f"{task.checksum}-{split}.npz"
            if not path.exists():
                made = lessons.lessons_of(task, REGIMES, split)
                with replacing(path) as draft:
                    lessons.write(draft, made)
            found += lessons.read(path)
    return found


def group_of(one: Lesson) -> str:
    """Row of the table."""
    return one.about["set"] if one.about["set"] in GROUPS else "semi-real"


def summary(values: Sequence[float]) -> list[float]:
    """Mean, its standard error, number."""
    error = np.std(values, ddof=1) / len(values) ** 0.5
    return [round(float(np.mean(values)), 4), round(float(error), 4), len(values)]


def table(network: dict[str, np.ndarray], found: Sequence[Lesson]) -> dict[str, Any]:
    """Group -> regime -> summary; "all" too."""
    rows: dict[str, dict[str, list[float]]] = {}
    for one in found:
        for name in ("all", regime_of(one)):
            own = rows.setdefault(group_of(one), {}).setdefault(name, [])
            own.append(change(network, Inputs(*one[:3]), one.errors))
    kept = {g: {r: v for r, v in x.items() if len(v) > 1} for g, x in rows.items()}
    return {g: {r: summary(v) for r, v in x.items()} for g, x in kept.items()}


def mean_r2(network: dict[str, np.ndarray], found: Sequence[Lesson]) -> dict[str, Any]:
    """Regime -> mean R2 of all cells of pairs of handhelds and of tablets.

    Without and with the network, and the change, with its standard error over trials.
    """
    rows: dict[str, list[tuple[float, float]]] = {}
    for one in found:
        if one.about["set"] in ("tablets", "sugarcane"):
            own, base = Inputs(*one[:3]), one.base.astype(np.float64)
            logs = base, base + offsets(network, own)
            r2 = [
                max(1 - float(np.mean((special.softmax(x) @ one.errors) ** 2)), FLOOR)
                for x in logs
            ]
            rows.setdefault(regime_of(one), []).append((r2[0], r2[1]))
    return {
        regime: {
            "r2": [round(float(x), 4) for x in np.mean(pairs, axis=0)],
            "change": summary([after - before for before, after in pairs]),
        }
        for regime, pairs in rows.items()
        if len(pairs) > 1
    }


def regime_of(one: Lesson) -> str:
    """As the rows of tables are named."""
    n = one.about["n"]
    return f"{one.about['kind']} {'all' if n is None else n}"


def curve(workdir: Path, found: Sequence[Lesson]) -> list[dict[str, Any]]:
    """Networks of other sizes, learned from other numbers of tasks."""
    files = sorted((workdir / "lessons").glob("*.npz"))
    rows = []
    for count in (*TASKS, len(files)):
        known = lessons.flat(lessons.read(path) for path in files[:count])
        arrays = lessons.stacked(known)
        scales = member_network.standardised(arrays)
        for width in WIDTHS:
            config = config_file.load("configs/pretrain.py:transfer")
            config.transfer_network.width = width
            config.log.progress = False
            with tempfile.TemporaryDirectory() as folder:
                given = member_network.applied(arrays, scales), Path(folder)
                params = run.fit(config, *given)
            network = member_network.exported(params, scales)
            row: dict[str, Any] = {"tasks": min(count, len(files)), "width": width}
            row["parameters"] = sum(x.size for x in network.values())
            row |= {g: x["all"] for g, x in table(network, found).items()}
            rows.append(row)
            print(row, flush=True)
    return rows


def main(arguments: list[str] | None = None) -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder of the data sets")
    parser.add_argument("--weights", default="transfer")
    parser.add_argument("--records", default="runs/judged_lessons")
    parser.add_argument("--run", help="workdir of a training run, for the curve")
    parser.add_argument("--json", help="summary to write")
    given = parser.parse_args(arguments)
    found = judged(given.data, Path(given.records))
    network = load_network(given.weights)
    assert network is not None, f"{given.weights}: no transfer network"
    rows = table(network.parameters, found)
    names = [name for name in GROUPS if name in rows]
    regimes = list(rows[names[0]])
    cells = [
        [regime, *("{:+.3f} ± {:.3f}".format(*rows[g][regime][:2]) for g in names)]
        for regime in regimes
    ]
    print(markdown(["", *names], cells))
    content = {"command": "python -m benchmarks.network_transfer --data=shared/data"}
    content |= {"weights": network.checksum, "rows": rows}
    content["cells"] = mean_r2(network.parameters, found)
    print(json.dumps(content["cells"], indent=1))
    if given.run:
        content["curve"] = curve(Path(given.run), found)
    if given.json:
        Path(given.json).write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
