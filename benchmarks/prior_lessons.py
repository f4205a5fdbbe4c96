"""Transfers without labels, ready to be predicted with any prior of the instruments.

What `transfer/bayes.py` does with target spectra and no label, in coordinates in which
the source spectra are uncorrelated, so that every covariance but that of differences J
is diagonal: a prior that a network says costs two solutions of POINTS equations. The
features of every view are means of neighbours, POINTS at most, which changes what is
predicted a little: recipe and network are compared in these coordinates alone.

V = views, R = terms of the difference, P = POINTS, T = target spectra, m = test
samples, C = classical members, K = kinds of differences.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats
from tqdm import tqdm

from spektron_jax.archive import replacing
from spektron_jax.training.transfer_network.transfer_task import Task
from spektron_jax.transfer import views
from spektron_jax.transfer.bayes import SAMPLE_DIFFERENCE
from spektron_jax.transfer.ensemble import prior_weights
from spektron_jax.transfer.members import (
    CENTRED,
    VIEWS,
    bayes_members,
    classical_members,
    combined,
)
from spektron_jax.transfer.methods.preprocessing import preprocess, split_name
from spektron_jax.transfer.sample_prior import (
    POINTS,
    READ,
    binned,
    neighbours,
    numbers,
    whitened,
)
from spektron_jax.transfer.splits import Regime
from spektron_jax.transfer.threads import one_blas_thread
from spektron_jax.transfer.unlabelled import POINT

MOST_TEST = 40
MOST_TARGET = 128  # rows that show what predictions look like


def coordinates(own: views.View, vector: np.ndarray, X: np.ndarray) -> dict[str, Any]:
    """One view; its fitted coefficients and test spectra, all as coordinates."""
    found, data = whitened(own), own.space.data
    prior = found.J.T @ found.J
    known = found.size * prior + found.sampling * np.eye(len(prior))
    kept = np.linalg.solve(known, found.size * prior)
    whole = np.diag(found.signal + found.noise) + found.sampling * kept
    whole += SAMPLE_DIFFERENCE * prior
    return {
        "J": found.J,
        "signal": found.signal,
        "noise": found.noise,
        "observed": found.observed,
        "target": found.target,
        "test": (X - data.X_source.mean(axis=0)) @ found.Q,
        "loading": whole @ np.linalg.solve(found.Q, vector / data.y_source.std()),
        "size": found.size,
        "sampling": found.sampling,
    }


@one_blas_thread
def lesson(task: Task, regime: Regime) -> dict[str, np.ndarray] | None:
    """One task, arrays of the same shapes for all; None: too few samples."""
    trial = task.trial(regime)
    if trial is None or trial.data.y_source.std() == 0:
        return None
    data, X, y = trial.data, trial.X[:MOST_TEST], trial.y[:MOST_TEST]
    mean, sd = data.y_source.mean(), data.y_source.std()
    members, rows = [], []
    for name in VIEWS:
        own = binned(data, name)
        (member,) = bayes_members(own)
        scatter, derivative = split_name(name)
        seen = preprocess(preprocess(X, scatter), derivative) @ neighbours(X.shape[1])
        seen = (seen - own.origin) @ own.span
        members.append(member)
        rows.append(coordinates(own, member.vectors[0], seen))
    classical = [
        m for v in VIEWS for m in classical_members(views.preprocessed(data, v))
    ]
    looked_at = [whitened(binned(data, name)) for name in READ]
    T, S = len(data.X_target), len(data.X_source)
    simple = [(m.predicted() - mean) / sd for m in classical]
    tested = [(combined([m], np.ones(1))(X) - mean) / sd for m in classical]
    known = np.arange(MOST_TEST) < y.size
    limit = np.sqrt(stats.chi2.ppf(POINT, T - 1) / (T - 1) * S / (S - 1))
    found = {key: _stacked([row[key] for row in rows]) for key in rows[0]}
    found["test"] = _padded(found["test"], (len(VIEWS), MOST_TEST, POINTS))
    shown = np.arange(MOST_TARGET) < T
    target = found["target"][:, :MOST_TARGET]
    found["target"] = _padded(target, (len(VIEWS), MOST_TARGET, POINTS))
    return {
        **found,
        "signal": found["signal"] + (found["signal"] == 0),
        "log_weights": np.log(prior_weights([*members, *classical], T)),
        "simple": _padded(
            np.array(simple)[:, :MOST_TARGET], (len(CENTRED), MOST_TARGET)
        ),
        "shown": shown.astype(float),
        "count": np.array(float(T)),
        "simple_test": _padded(np.array(tested), (len(CENTRED), MOST_TEST)),
        "limit": np.array(limit),
        "y": _padded((y - mean) / sd, (MOST_TEST,)),
        "known": known.astype(float),
        "variance": np.array(trial.y.var() / sd**2),
        "numbers": numbers(looked_at, data, task.modality),
        "axis": along_axis([member.view for member in members[:3]]),
    }


def _padded(X: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return np.pad(X, [(0, n - own) for n, own in zip(shape, X.shape, strict=True)])


def _stacked(parts: list[Any]) -> np.ndarray:
    """One for each view; coordinates as many as POINTS."""
    if np.ndim(parts[0]) == 0:
        return np.array(parts)
    full = [_padded(x, (*x.shape[:-1], POINTS)) for x in parts]
    return np.stack(full)


def along_axis(some: list[views.View]) -> np.ndarray:
    """What is seen at each point of the axis, (POINTS, 4 a view).

    Mean of the source about its own, over its spread; difference of the means in its
    standard errors; log variances of both instruments about those of the whole axis.
    """
    found = []
    for own in some:
        data = own.space.data
        back = (own.span / np.sum(own.span**2, axis=0)).T
        A, B = (X @ back + own.origin for X in (data.X_source, data.X_target))
        mean, first, second = A.mean(axis=0), A.var(axis=0), B.var(axis=0)
        least = 1e-6 * first.mean() + 1e-300
        error = np.sqrt((first + least) / len(A) + (second + least) / len(B))
        logs = np.log(np.array([first, second]) + least) - np.log(first.mean() + least)
        moved = np.arcsinh((B.mean(axis=0) - mean) / error)
        shape = (mean - mean.mean()) / (mean.std() + least)
        found += [_padded(x, (POINTS,)) for x in (shape, moved, *logs)]
    return np.stack(found, axis=1)


def lessons(
    asked: Iterable[tuple[Task, Regime]], folder: Path
) -> Iterator[dict[str, np.ndarray]]:
    """Of tasks in regimes; those that lie in the folder are read."""
    folder.mkdir(parents=True, exist_ok=True)
    for task, regime in tqdm(asked, unit="task"):
        path = folder / f"{task.checksum}-{regime}.npz"
        if not path.exists():
            made = lesson(task, regime)
            with replacing(path) as draft, draft.open("wb") as file:
                arrays = {k: v.astype(np.float32) for k, v in (made or {}).items()}
                np.savez(file, **arrays)
        with np.load(path, allow_pickle=False) as file:
            if file.files:
                about = {"set": np.array(task.set), "regime": np.array(str(regime))}
                yield about | {k: file[k] for k in file.files}
