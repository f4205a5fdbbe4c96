"""What a learned spectrum of instrument differences gives in place of the written one.

    python -m benchmarks.difference_prior --data=shared/data [--json=FILE]

`transfer/priors.py` states how large each kind of difference between two instruments
is: offset, slope, shift, bandwidth, gain, ripples and so on, twelve sizes, none of them
fitted to spectra. Here they are fitted by marginal likelihood to mean differences of
the same samples,

    real        on what `open/` holds: one pair of instruments, three moisture states
    simulated   of the semi-real tasks of the open sets

with the size of a difference as a whole left to each pair, as in `transfer/bayes.py`.
Then all tasks of the subset are fitted with each; the table holds mean ln squared error
over variance, and its change, with standard errors over tasks. Corn, tablets and
sugarcane choose nothing.

K = kinds of differences, L = points, R = terms, P = pairs of instruments.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from scipy.linalg import eigh
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax
from tqdm import tqdm

from benchmarks import tables
from benchmarks.result_files import load, markdown, write
from benchmarks.task_sets import MEASURED, score, tasks
from benchmarks.transfer_risk import group_of
from spektron_jax.training.transfer_network.transfer_task import Task
from spektron_jax.transfer import priors, views
from spektron_jax.transfer.bayes import DIFFERENCE_SIZES
from spektron_jax.transfer.ensemble import Ensemble
from spektron_jax.transfer.inputs import on_axis, overlap
from spektron_jax.transfer.priors import KINDS, kinds_of_terms
from spektron_jax.transfer.splits import Regime
from spektron_jax.transfer.threads import one_blas_thread

POINTS = 120
NOISE = 2e-3  # of the SD along the axis: what no kind of difference explains
SHRINKAGE = 1e-3  # towards the sizes as written
REGIMES = (Regime("unlabelled", 10), Regime("unlabelled", None), Regime("paired", 5))
REAL = (
    ("forensic_ketamine", ("MicroNIR", "NeoSpectra")),
    ("soil_moisture_epo", ("dry", "wet", "wet_1day")),
)
AXIS_UNIT = "nm"  # of REAL


class Difference(NamedTuple):
    """Terms (R, POINTS) and mean difference (POINTS,) in the SD along the axis."""

    terms: np.ndarray
    mean: np.ndarray


def difference(A: np.ndarray, B: np.ndarray) -> Difference:
    """Of the same samples on two instruments, (N, L) each; NaN rows: not measured."""
    both = np.isfinite(A).all(axis=1) & np.isfinite(B).all(axis=1)
    centre = A[both].mean(axis=0)
    rows = np.vstack([priors.difference_terms(centre), (B - A)[both].mean(axis=0)])
    places = np.linspace(0, centre.size - 1, POINTS)
    points = np.arange(centre.size)
    coarse = np.array([np.interp(places, points, row) for row in rows]) / centre.std()
    return Difference(coarse[:-1], coarse[-1])


def real_differences(data: Path) -> Iterator[Difference]:
    """Of every two states that an open set was measured in."""
    for name, states in REAL:
        with h5py.File(data / "measured" / "open" / f"{name}.h5") as file:
            groups = file["instruments"]
            sides = {
                one: (groups[one]["spectra"][:].astype(float), groups[one]["axis"][:])
                for one in states
            }
        for a, b in permutations(states, 2):
            (A, axis), (B, other) = sides[a], sides[b]
            inside = overlap(axis, other, AXIS_UNIT)
            B = on_axis(B, other, axis[inside], AXIS_UNIT)[0]
            yield difference(A[:, inside], B)


def loss(logs: np.ndarray, found: Sequence[Difference]) -> tuple[float, np.ndarray]:
    """Mean of -log likelihood a point, and its gradient; log sizes (K,)."""
    kinds = kinds_of_terms()
    total, gradient = 0.0, np.zeros(len(KINDS))
    for one in found:
        rows = one.terms * np.exp(logs)[kinds, None]
        values, Q = eigh(rows.T @ rows, check_finite=False)
        u = one.mean @ Q
        variance = DIFFERENCE_SIZES[:, None] * np.maximum(values, 0) + NOISE**2
        likelihood = -0.5 * np.sum(np.log(variance) + u**2 / variance, axis=1)
        total -= logsumexp(likelihood)
        weights = softmax(likelihood) * DIFFERENCE_SIZES
        along, u = rows @ Q, u / variance
        squares = along**2 @ (weights @ (1 / variance))
        squares -= (along @ u.T) ** 2 @ weights
        gradient += np.bincount(kinds, squares, len(KINDS))
    scale = len(found) * POINTS
    shrunk = SHRINKAGE * np.sum(logs**2)
    return total / scale + shrunk, gradient / scale + 2 * SHRINKAGE * logs


def fitted(found: Sequence[Difference]) -> np.ndarray:
    """Log sizes of the kinds, relative to those as written, (K,).

    Only their proportions: all differences together stay as large as written, since
    the recipe also takes from them how much differences vary from sample to sample.
    """
    start, kinds = np.zeros(len(KINDS)), kinds_of_terms()
    logs = minimize(loss, start, (found,), "L-BFGS-B", jac=True).x
    squares = np.array([np.sum(one.terms**2, axis=1) for one in found])
    larger = (squares @ np.exp(2 * logs)[kinds]) / squares.sum(axis=1)
    return logs - np.log(larger).mean() / 2


@one_blas_thread
def errors(task: Task, sizes: dict[str, np.ndarray]) -> Iterator[dict[str, Any]]:
    """Log error with each prior; "written" is that of the package."""
    written = priors.difference_terms
    kinds = kinds_of_terms()
    for regime in REGIMES:
        trial = task.trial(regime)
        if trial is None:
            continue
        row: dict[str, Any] = {"group": group_of(task), "regime": str(regime)}
        for name, logs in ({"written": np.zeros(len(KINDS))} | sizes).items():
            scale = np.exp(logs)[kinds, None]
            views.difference_terms = lambda m, scale=scale: written(m) * scale
            try:
                fit = Ensemble("combination", task.modality).fit(trial.data)
            finally:
                views.difference_terms = written
            row[name] = score(trial.y, fit(trial.X))
        yield row


def rows_of(found: Sequence[dict[str, Any]], names: Sequence[str]) -> Iterator[dict]:
    """A row for every group and regime."""
    for group, regime in dict.fromkeys((one["group"], one["regime"]) for one in found):
        own = [o for o in found if (o["group"], o["regime"]) == (group, regime)]
        written = np.array([one["written"] for one in own])
        row = {"group": group, "regime": regime, "tasks": len(own)}
        row["written"] = round(float(written.mean()), 3)
        for name in names:
            change = np.array([one[name] for one in own]) - written
            spread = change.std(ddof=1) / np.sqrt(len(own))
            row[name] = [round(float(change.mean()), 3), round(float(spread), 3)]
        yield row


def difference_prior() -> str:
    """The table of the documentation."""
    content = load("difference_prior")
    names = list(content["sizes"])
    head = ["", "tasks", "as written", *(f"{name} minus that" for name in names)]
    rows = [
        [
            f"{row['group']}, {row['regime']}",
            str(row["tasks"]),
            f"{row['written']:.3f}",
            *("{:+.3f} ± {:.3f}".format(*row[name]) for name in names),
        ]
        for row in content["rows"]
    ]
    return markdown(head, rows)


MAKERS = (difference_prior,)


def main(arguments: list[str] | None = None) -> None:
    """Fit, run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder of the data sets")
    parser.add_argument("--json", help="summary to write")
    given = parser.parse_args(arguments)
    chosen = [t for t in tasks(given.data, True, splits=1) if t.set != "virtual"]
    chosen = [t for t in chosen if t.set in MEASURED or not t.judge]
    learned = [t for t in chosen if t.set not in MEASURED]
    sizes = {
        "real": fitted(list(real_differences(Path(given.data)))),
        "simulated": fitted([difference(*t.pair.common) for t in learned]),
    }
    found = [r for t in tqdm(chosen, unit="task") for r in errors(t, sizes)]
    content = {
        "command": "python -m benchmarks.difference_prior --data=shared/data",
        "made_with": tables.checksum(),
        "sizes": {
            name: dict(zip(KINDS, np.exp(logs).round(3).tolist(), strict=True))
            for name, logs in sizes.items()
        },
        "rows": list(rows_of(found, list(sizes))),
    }
    print(json.dumps(content, indent=1))
    if given.json:
        write(given.json, content)


if __name__ == "__main__":
    main(sys.argv[1:])
