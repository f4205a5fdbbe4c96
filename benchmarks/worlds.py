"""Calibration transfer on virtual tasks of every kind, to decide on settings by.

    python -m benchmarks.worlds

Where `benchmarks.virtual_tasks` draws one kind of task, here all that can differ does
(`training/transfer_network/powder_tasks.py`); molecules of the validation split, both
directions.

Judged by the mean over tasks of log(squared error / variance), which counts easy and
hard tasks alike; errors below 0.3 % of the variance count alike. Differences to a
plain average of classical transfers (`benchmarks.averages`): task by task, with the
standard error of their mean.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks import tables
from benchmarks.averages import make
from spektron_jax.corpus.line_corpus import LineCorpus
from spektron_jax.training.transfer_network.powder_tasks import CALIBRATION, draw
from spektron_jax.transfer.data import UNPAIRED, TransferData
from spektron_jax.transfer.ensemble import Ensemble
from spektron_jax.transfer.selection import compressed, kennard_stone

FIRST_SEED = 9_000
LEAST_SHARE = 3e-3
SHOWN = "n = {n}: average {average:.3f}, ours {difference:+.3f} +- {error:.3f}"
# n, as in benchmarks.corn_recipe -> the plain average
AVERAGES = {-10: "average_umc", 0: "average_u"}
AVERAGES |= dict.fromkeys((5, 10, 25), "average")


def data_of(A, B, labels, n: int) -> TransferData:
    """n > 0: pairs, by Kennard-Stone on the source; -n or, for 0, 64 unlabelled."""
    A, B, y = A[:CALIBRATION], B[:CALIBRATION], labels[:CALIBRATION]
    if n > 0:
        rows = kennard_stone(compressed(A), n)
        return TransferData(A, y, B[rows], y[rows], rows)
    k = -n or CALIBRATION
    return TransferData(A, y, B[:k], np.full(k, np.nan), np.full(k, UNPAIRED))


def judged(predicted, true) -> float:
    """Log of the share of the variance that is missed."""
    true = true[CALIBRATION:]
    return float(np.log(np.mean((predicted - true) ** 2) / true.var() + LEAST_SHARE))


def main(arguments: list[str] | None = None) -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tasks", type=int, default=100)
    parser.add_argument("--json", help="summary to write")
    given = parser.parse_args(arguments)
    corpus = LineCorpus.load(modalities=("NIR",))
    found: dict[int, list[list[float]]] = {}
    for seed in tqdm(range(FIRST_SEED, FIRST_SEED + given.tasks), unit="task"):
        task = draw(corpus, seed, "validation")
        if task is None:
            continue
        spectra, true, labels = task
        for A, B in (spectra, spectra[::-1]):
            for n, average in AVERAGES.items():
                data = data_of(A, B, labels, n)
                methods = make(average), Ensemble("classical")
                each = [method.fit(data)(B[CALIBRATION:]) for method in methods]
                found.setdefault(n, []).append([judged(x, true) for x in each])
    rows = []
    for n, judgements in found.items():
        average, ours = np.array(judgements).T
        change = ours - average
        rows.append(
            {
                "n": n,
                "tasks": change.size,
                "average": float(average.mean()),
                "ours": float(ours.mean()),
                "difference": float(change.mean()),
                "error": float(change.std() / np.sqrt(change.size)),
            }
        )
        print(SHOWN.format(**rows[-1]))
    if given.json:
        command = f"python -m benchmarks.worlds --tasks={given.tasks}"
        content = {"command": command, "made_with": tables.checksum()}
        Path(given.json).write_text(
            json.dumps(content | {"rows": rows}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
