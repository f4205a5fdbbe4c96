"""How well the analyte's signature must be known: corn's moisture towards m5.

    python -m benchmarks.signature_bound --data=shared/data [--json=FILE]

Science-based calibration by itself, without an ensemble: coefficients S^-1 g, slope and
intercept by 10 labelled target samples. S is the covariance of these 10 target spectra,
or of all 64 to calibrate with, without labels; g the bands of `benchmarks.analyte`, or
a regression of spectra on moisture: of the 64 source spectra, of all 80 target spectra,
test samples too, or of the 10 themselves. The ridge on S is the best of ten for each
number, by test samples: no number could be higher. R2 pooled over 15 splits.

L = points, m = test samples.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks import tables
from benchmarks.analyte import TOWARDS_M5
from benchmarks.analyte_bands import signature
from benchmarks.result_files import load, markdown, write
from benchmarks.task_sets import tasks
from spektron_jax.training.transfer_network.transfer_task import Task
from spektron_jax.transfer.inputs import overlap
from spektron_jax.transfer.splits import Regime
from spektron_jax.transfer.threads import one_blas_thread

LABELS, SPLITS = 10, 15
RIDGES = 10.0 ** np.arange(-9.0, 1.0)  # of the trace
KNOWN = ("bands", "64 of the source", "all 80 of the target", "the 10 themselves")


def slope(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Change of spectra (n, L) by one unit of y (n,), (L,)."""
    y = y - y.mean()
    return (X - X.mean(axis=0)).T @ y / (y @ y)


def along(spectra: np.ndarray, g: np.ndarray) -> np.ndarray:
    """S^-1 g for each of RIDGES, S of spectra (n, L), columns, (L, ridges)."""
    X = spectra - spectra.mean(axis=0)
    _, s, V = np.linalg.svd(X, full_matrices=False)
    ridges = RIDGES * np.sum(s**2)
    inside = V @ g
    kept = inside[:, None] / (s[:, None] ** 2 + ridges)
    return V.T @ kept + (g - V.T @ inside)[:, None] / ridges


def squared_errors(
    spectra: np.ndarray, g: np.ndarray, known: tuple, test: tuple
) -> np.ndarray:
    """Of test samples for each of RIDGES; known and test: spectra and labels."""
    B = along(spectra, g)
    p, q = known[0] @ B, test[0] @ B
    middle, y = p.mean(axis=0), known[1] - known[1].mean()
    gain = (p - middle).T @ y / np.sum((p - middle) ** 2, axis=0)
    errors = gain * (q - middle) + known[1].mean() - test[1][:, None]
    return np.sum(errors**2, axis=0)


@one_blas_thread
def rows_of(task: Task) -> Iterator[dict[str, Any]]:
    """R2 for every S and g."""
    pair = task.pair
    target, y = pair.common[1], pair.truth
    axis = pair.axis_source[overlap(pair.axis_source, pair.axis_target, pair.unit)]
    total, sums = 0.0, dict[tuple[str, str], np.ndarray]()
    for split in range(SPLITS):
        trial = task.trial(Regime("paired", LABELS), split)
        assert trial is not None
        data, test = trial.data, (trial.X, trial.y)
        known = data.X_target, data.y_target
        total += np.sum((trial.y - trial.y.mean()) ** 2)
        of_g = (signature("water", axis), slope(data.X_source, data.y_source))
        of_g += (slope(target, y), slope(*known))
        unlabelled = target[pair.splits[split].calibration]
        for S, spectra in (("10", known[0]), ("64", unlabelled)):
            for name, g in zip(KNOWN, of_g, strict=True):
                own = squared_errors(spectra, g, known, test)
                sums[S, name] = sums.get((S, name), 0.0) + own
    for S in ("10", "64"):
        best = {name: 1 - float(sums[S, name].min()) / total for name in KNOWN}
        yield {"task": task.name, "S": S} | {k: round(v, 3) for k, v in best.items()}


def signature_bound() -> str:
    """The table of the documentation."""
    rows = [
        [f"{row['task'][6:]}, S of {row['S']}", *(f"{row[k]:.3f}" for k in KNOWN)]
        for row in load("signature_bound")["rows"]
    ]
    return markdown(["", *KNOWN], rows)


MAKERS = (signature_bound,)


def main(arguments: list[str] | None = None) -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder of the data sets")
    parser.add_argument("--json", help="summary to write")
    given = parser.parse_args(arguments)
    chosen = tasks(given.data, sets=("corn",), splits=SPLITS)
    rows = [row for one in chosen if one.name in TOWARDS_M5 for row in rows_of(one)]
    command = "python -m benchmarks.signature_bound --data=shared/data"
    content = {"command": command, "made_with": tables.checksum(), "rows": rows}
    print(json.dumps(content, indent=1))
    if given.json:
        write(given.json, content)


if __name__ == "__main__":
    main(sys.argv[1:])
