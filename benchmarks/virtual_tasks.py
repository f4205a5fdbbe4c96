"""Calibration transfer on virtual tasks: samples and instruments that were simulated.

    python -m benchmarks.virtual_tasks

A task has 80 powders of three molecules of the test split and water, on two gratings
that differ by `--difficulty` (`spektron_jax/lab/tasks.py`), 64 to calibrate with and 16
to test on. Both directions; the property is the share of the first molecule, divided by
its SD. Transfer samples: Kennard-Stone on the source. R2 is pooled over the tasks, for
each direction; the intervals resample tasks. Finished cells are kept in `--records`, so
that a stopped run goes on.
"""

import argparse
import sys

import numpy as np
from tqdm import tqdm

from benchmarks import tables
from benchmarks.averages import make
from benchmarks.harness import Row, Study, run
from benchmarks.protocol import check_duplicates
from spektron_jax import lab
from spektron_jax.corpus.line_corpus import LineCorpus
from spektron_jax.encoder.features import Features
from spektron_jax.transfer.ensemble import KINDS, Ensemble
from spektron_jax.transfer.selection import compressed, kennard_stone
from spektron_jax.transfer.splits import Regime, Split

FIRST_SEED = 20_000
MOST_PAIRS = 25
NONE = ("none/sg1",)
UNLABELLED = ("umc/sg1", "coral_u/sg1")
PAIRED = ("mc@t/sg1", "sbc@t/sg1", "pds_w5_1@t/sg1", "glsw0.01/sg1")
PAIRED += ("pooled_mc_w1@t/sg1", "prior_ridge@t/sg1", "target_only/sg1", "average")
CEILING = ("ceiling/sg1",)
REGIMES = (
    *(Regime("unlabelled", 10), Regime("unlabelled")),
    *(Regime("paired", n) for n in (5, 10, MOST_PAIRS)),
)


def draw(corpus: LineCorpus, seed: int, difficulty: str) -> tuple[Study, np.ndarray]:
    """One task as a study of one split, and the axis in nm."""
    molecules, _ = corpus.examples("test")
    rng = np.random.default_rng(seed)
    chosen = rng.choice(np.unique(molecules), 3, replace=False)
    rows = np.append(chosen, corpus.rows_of(["O"]))
    task = lab.transfer_task(corpus.bonds(rows), seed=seed, difficulty=difficulty)
    spectra = {
        "a": np.asarray(task.spectra_a, np.float64),
        "b": np.asarray(task.spectra_b, np.float64),
    }
    orders = {
        name: task.calibration[
            kennard_stone(compressed(X[task.calibration]), MOST_PAIRS)
        ]
        for name, X in spectra.items()
    }
    split = Split(seed, task.calibration, task.test, orders)
    for X in spectra.values():
        check_duplicates(split, X, np.arange(len(X)))
    y = task.targets[:, 0].astype(np.float64)
    return Study(spectra, {"share": y / y.std()}, [split]), task.axis_a


def joined(parts: list[list[dict]]) -> list[dict]:
    """Records of all tasks as those of one study with a split for each task."""
    whole: dict[tuple, dict] = {}
    for record in (record for part in parts for record in part):
        key = record["method"], record["regime"], record["source"]
        one = whole.setdefault(key, {**record, "measured": [], "predicted": []})
        one["measured"] += record["measured"]
        one["predicted"] += record["predicted"]
    return list(whole.values())


def main(arguments: list[str] | None = None) -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tasks", type=int, default=50)
    parser.add_argument("--difficulty", default="typical")
    parser.add_argument("--weights", default="nano")
    parser.add_argument("--records", default="runs/virtual_tasks.jsonl")
    parser.add_argument("--json", help="summary to write")
    given = parser.parse_args(arguments)

    corpus = LineCorpus.load(modalities=("NIR",))
    _, axis = draw(corpus, FIRST_SEED, given.difficulty)
    features = Features(given.weights, axis, "nm", "NIR")
    mark = f"{given.weights}@{features.checksum[:8]} "
    mark += f"recipe@{tables.checksum()}"
    recipes = {f"{kind}#{mark}": Ensemble(kind, "NIR", features) for kind in KINDS}
    rows = [Row(name, Regime("none")) for name in NONE]
    for regime in REGIMES:
        classical = PAIRED if regime.kind == "paired" else UNLABELLED
        rows += [Row(name, regime) for name in (*classical, *recipes)]
    rows += [Row(name, Regime("paired")) for name in CEILING]

    def build(name: str):
        return recipes[name] if name in recipes else make(name)

    parts = []
    for seed in tqdm(range(FIRST_SEED, FIRST_SEED + given.tasks), unit="task"):
        study, _ = draw(corpus, seed, given.difficulty)
        parts.append(run(study, rows, given.records, build=build))
    base = f"classical#{mark}"
    entries = tables.entries_of(rows, joined(parts), base)
    print(tables.show(entries, "classical"))
    if given.json:
        head = {
            "command": f"python -m benchmarks.virtual_tasks --tasks={given.tasks} "
            f"--difficulty={given.difficulty}",
            "base": "classical",
            "made_with": mark,
        }
        tables.write(given.json, head, entries)


if __name__ == "__main__":
    main(sys.argv[1:])
