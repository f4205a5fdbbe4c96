"""How much instruments' differences vary from sample to sample, said by a network.

Without labels `bayes.py` takes each kind of difference of `priors.py` to vary from
sample to sample by a tenth of what it is in the mean. A network of two layers looks at
both instruments' spectra, along each kind of difference, and says by how much more or
less: baselines of powders move, the axis of a spectrometer hardly does. It reads

    along each kind, on three views: the mean difference and the target's spread, in
    units of the source's spread there, and how large the kind is; sizes, noise and
    counts of the whole

Views are means of neighbours, POINTS at most, in coordinates in which source spectra
are uncorrelated. It was trained through the closed form of the prediction, on simulated
instruments for measured spectra of 23 sets (`benchmarks/task_prior.py`). Half of it is
taken, in logarithms (`benchmarks/prior_share.py`); `benchmarks/sample_prior.py` tells
what that gives.

K = kinds of differences, R = terms, P = POINTS, S, T = source and target spectra.
"""

import functools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from spektron_jax.transfer.bayes import (
    DIFFERENCE_SIZES,
    MIN_SIGNAL_SHARE,
    relative,
)
from spektron_jax.transfer.data import UNPAIRED, TransferData
from spektron_jax.transfer.methods.preprocessing import (
    FILTERS,
    preprocess,
    split_name,
    transposed_filter,
)
from spektron_jax.transfer.priors import KINDS, kinds_of_terms
from spektron_jax.transfer.task_inputs import task_inputs
from spektron_jax.transfer.views import COVARIANCE_RIDGE, View, view

WEIGHTS = Path(__file__).parent / "sample_prior.npz"
POINTS = 96
READ = ("raw", "sg1", "snv")  # views
REACH, LIMIT = 4.0, 4.0  # of what is said, of what is read
TAKEN = 0.5  # of what is said, in logarithms: the whole harms twice as many tasks
MIN_TARGET = 2  # spectra that show a spread


class Whitened(NamedTuple):
    """One view in coordinates in which source spectra are uncorrelated.

    Attributes:
      Q: from the view's coordinates to these                          (P, P)
      J: terms of the difference                                       (R, P)
      share: of noise in the source                                    (P,)
      noise: of the target                                             (P,)
      observed: mean difference                                        (P,)
      target: spectra about the source's mean                          (T, P)
      size: of the mean difference, by evidence
      sampling: variance of the mean difference of samples
    """

    Q: np.ndarray
    J: np.ndarray
    share: np.ndarray
    noise: np.ndarray
    observed: np.ndarray
    target: np.ndarray
    size: float
    sampling: float

    @property
    def signal(self) -> np.ndarray:
        """Variance of what is not noise, (P,)."""
        return np.maximum(1 - self.share, MIN_SIGNAL_SHARE)


def sample_sizes(data: TransferData, modality: str) -> np.ndarray | None:
    """What each row of `priors.difference_terms` is to be multiplied by, (R,).

    None: there is too little to look at, or pairs show it.

    Args:
      data: both instruments on the same points
      modality: of the spectra
    """
    few = len(data.X_target) < MIN_TARGET or data.X_source.shape[1] < FILTERS[1][0]
    alike = not np.ptp(data.X_source, axis=0).any()
    if few or alike or np.any(data.paired != UNPAIRED):
        return None
    w = _weights()
    seen = numbers([whitened(binned(data, name)) for name in READ], data, modality)
    h = np.clip((seen - w["mean"]) / w["sd"], -LIMIT, LIMIT)
    h = _silu(h @ w["Dense_0.kernel"] + w["Dense_0.bias"])
    h = h + _silu(h @ w["Dense_1.kernel"] + w["Dense_1.bias"])
    logs = h @ w["Dense_2.kernel"] + w["Dense_2.bias"]
    return np.exp(TAKEN * REACH * np.tanh(logs / REACH))[kinds_of_terms()]


def binned(data: TransferData, name: str) -> View:
    """`views.preprocessed` on POINTS points at most."""
    scatter, derivative = split_name(name)
    data = data.on(*(preprocess(X, scatter) for X in (data.X_source, data.X_target)))
    means = neighbours(data.X_source.shape[1])
    back = transposed_filter(len(means), derivative) @ means
    own = view(
        data,
        name,
        lambda X: preprocess(X, derivative) @ means,
        COVARIANCE_RIDGE[derivative],
        lambda vectors: back @ vectors,
    )
    return replace(own, scatter=scatter)


def neighbours(points: int) -> np.ndarray:
    """Means of neighbours as a matrix, (points, P); white noise keeps its size."""
    if points <= POINTS:
        return np.eye(points)
    edges = np.linspace(0, points, POINTS + 1)
    at = np.arange(points)[:, None]
    shared = np.minimum(at + 1, edges[1:]) - np.maximum(at, edges[:-1])
    shared = np.maximum(shared, 0.0)
    return shared / np.sqrt(np.sum(shared**2, axis=0)).mean()


def whitened(own: View) -> Whitened:
    """A view without pairs in coordinates of its source."""
    space, data = own.space, own.space.data
    origin = data.X_source.mean(axis=0)
    A, B = data.X_source - origin, data.X_target - origin
    C = A.T @ A / len(A)
    C.flat[:: len(C) + 1] += space.ridge * (np.trace(C) or 1.0)
    share, Q = relative(space.noise[0], C)
    share, sampling = np.maximum(share, 0.0), 1 / len(A) + 1 / len(B)
    J, observed = space.terms @ Q, B.mean(axis=0) @ Q
    noise = np.trace(space.noise[1]) / max(np.trace(space.noise[0]), 1e-300) * share
    size = _size(observed, sampling, J.T @ J)
    return Whitened(Q, J, share, noise, observed, B @ Q, size, sampling)


def numbers(rows: Sequence[Whitened], data: TransferData, modality: str) -> np.ndarray:
    """What is seen along each kind of difference, in units of the source, (F,)."""
    kinds, found = kinds_of_terms(), []
    count = np.bincount(kinds)
    for row in rows:
        B = row.target - row.target.mean(axis=0)
        length = np.sum(row.J**2, axis=1) + 1e-12
        moved = (row.J @ row.observed) ** 2 / length / row.sampling
        spread = np.sum((B @ row.J.T) ** 2, axis=0) / length / (len(B) - 1)
        for values, least in ((moved, 1e-2), (spread, 1e-2), (length, 1e-12)):
            means = np.bincount(kinds, values, len(KINDS)) / count
            found += list(np.log(means + least))
        variance = np.sum(B**2, axis=0) / (len(B) - 1)
        logs = [row.size, np.median(variance), row.noise.mean()]
        found += list(np.log(np.array(logs) + 1e-4))
    return np.concatenate([found, task_inputs(data, modality)])


def _size(observed: np.ndarray, sampling: float, prior: np.ndarray) -> float:
    """s of `bayes.py`, by the evidence of the mean difference."""
    values, U = np.linalg.eigh(prior / sampling)
    total = 1 + DIFFERENCE_SIZES[:, None] * np.maximum(values, 0.0)
    squares = (observed @ U) ** 2 / sampling
    logs = -0.5 * np.sum(np.log(total) + squares / total, axis=1)
    weights = np.exp(logs - logs.max())
    return float(DIFFERENCE_SIZES @ weights / weights.sum())


@functools.cache
def _weights() -> dict[str, np.ndarray]:
    with np.load(WEIGHTS, allow_pickle=False) as file:
        return {name: file[name].astype(np.float64) for name in file.files}


def _silu(x: np.ndarray) -> np.ndarray:
    return x / (1 + np.exp(-x))
