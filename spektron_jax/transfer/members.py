"""The models that take part in a prediction: which, by what is known of the target.

    classical   calibration transfers by PLS, raw and first derivative (`methods`)
    bayes       linear models of both instruments with a prior of what instruments do to
                spectra (`bayes.py`): raw, first and second derivative, each with
                several assumed splits of the noise between the instruments
    prior       the same on the first derivative, with a network's prior of the
                coefficients (`priors.py`)
    encoder     the same on features of an encoder, linearised at the mean spectrum

All are affine in preprocessed spectra, so that a member is a coefficient vector and an
intercept: small, quick, the same after saving, and without the network.

L = points, m, n = spectra, F = features.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from spektron_jax.transfer.bayes import (
    COVARIANCE_RIDGE,
    Fit,
    fit_features,
    fit_preprocessed,
    instrument_noise,
)
from spektron_jax.transfer.data import UNPAIRED, TransferData
from spektron_jax.transfer.methods.coral import coral
from spektron_jax.transfer.methods.pls_transfer import PLSTransfer
from spektron_jax.transfer.methods.preprocessing import FILTERS, WINDOW, preprocess
from spektron_jax.transfer.methods.registry import TWENTY, make
from spektron_jax.transfer.methods.workspace import Workspace
from spektron_jax.transfer.priors import (
    PRIOR_MODALITY,
    PRIOR_PRETREATMENT,
    coefficient_scales,
)

MIN_LABELS = 4  # for leaving each out in turn
MIN_FOR_CORAL = 20  # spectra: with 10 it is worse than centring
NOISE_DRAWS = 100  # of white noise that are encoded


class LinearMap(Protocol):
    """Linear features of differences of spectra, with the transpose."""

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """(n, L) -> (n, F)."""

    def back(self, vector: np.ndarray) -> np.ndarray:
        """Coefficients of features (F,) as those of spectra, (L,)."""


class FeatureMap(Protocol):
    """An encoder as an ensemble sees it; `encoder/features.py` has one.

    Attributes:
      name, checksum: of the weights; checksum None: not from a file
    """

    name: str
    checksum: str | None

    def linearised(self, centre: np.ndarray, X_target: np.ndarray) -> LinearMap:
        """The map at a spectrum (L,), after adapting, if it does, to target spectra."""


@dataclass(frozen=True, eq=False)
class Affine:
    """preprocess(X) @ coefficients, summed over pretreatments, plus intercept.

    Attributes:
      coefficients: pretreatment -> (L,)
      intercept: in the unit of the property
    """

    coefficients: Mapping[str, np.ndarray]
    intercept: float

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """Predictions of target spectra (m, L), (m,)."""
        X = np.asarray(X, np.float64)
        total = np.full(len(X), self.intercept)
        for pretreatment, vector in self.coefficients.items():
            total += preprocess(X, pretreatment) @ vector
        return total


@dataclass(frozen=True, eq=False)
class Member:
    """One affine model on one pretreatment.

    Attributes:
      name: unlike that of the other members
      kind: "classical", "bayes", "prior" or "encoder"
      pretreatment: of spectra
      vector: coefficients                                             (L,)
      intercept: in the unit of the property
    """

    name: str
    kind: str
    pretreatment: str
    vector: np.ndarray
    intercept: float


Fitted = list[tuple[Member, Fit]]


def classical_names(data: TransferData) -> tuple[str, ...]:
    """Names of the transfers on spectra that suit what is known of the target."""
    pairs, labels = int(np.sum(data.paired != UNPAIRED)), data.labelled.size
    if min(pairs, labels) >= MIN_LABELS:
        names = TWENTY
    else:
        heads = _heads(data)
        # Without target data only the derivative takes at least an offset away.
        pretreatments = ("sg1",) if heads == ("none",) else ("raw", "sg1")
        names = tuple(f"{head}/{t}" for head in heads for t in pretreatments)
    if data.X_source.shape[1] < WINDOW:
        names = tuple(dict.fromkeys(f"{name.split('/')[0]}/raw" for name in names))
    return names


def _heads(data: TransferData) -> tuple[str, ...]:
    heads: tuple[str, ...]
    spectra, labels = len(data.y_target), data.labelled.size
    pairs = int(np.sum(data.paired != UNPAIRED))
    if not spectra:
        return ("none",)
    if pairs:
        heads = ("glsw0.01", "glsw0.0001", "mc")
        return (*heads, "glsw0.01+bias", "pooled_mc_w1") if labels else heads
    heads = ("umc", "coral_u") if spectra >= MIN_FOR_CORAL else ("umc",)
    if not labels:
        return heads
    heads = tuple(f"{head}+bias" for head in heads)
    if labels >= 2:
        heads += ("umc+bias@t", "pooled@t", "pooled_w1@t")
    return (*heads, "pooled_w1")


def classical_members(space: Workspace, beside_bayes: bool) -> list[Member]:
    """Transfers on spectra that suit what is known of the target.

    Beside Bayesian members and without labels not centring, which those do with their
    prior.
    """
    methods = {name: make(name) for name in classical_names(space.data)}
    if beside_bayes and not space.data.labelled.size:
        others = {k: one for k, one in methods.items() if one.prepare is coral}
        methods = others or methods
    return [_classical(space, *each) for each in methods.items()]


def _classical(space: Workspace, name: str, method: PLSTransfer) -> Member:
    ready, scale = space.preprocessed(method.pretreatment)
    k, path = method.choose(ready), method.path(ready)
    size = space.data.X_source.shape[1]
    intercept = path(np.zeros((1, size)))[0, k - 1]
    vector = (path(np.eye(size))[:, k - 1] - intercept) / scale
    return Member(name, "classical", method.pretreatment, vector, intercept)


def _member(kind: str, fit: Fit, pretreatment: str) -> Member:
    name = f"{kind}, {fit.split.name}/{pretreatment}"
    return Member(name, kind, pretreatment, fit.vector, fit.intercept)


def bayes_members(data: TransferData) -> Fitted:
    """Bayesian members on preprocessed spectra."""
    points = data.X_source.shape[1]
    # The second derivative is noisy: only where labels can speak against it.
    known = np.isfinite(data.y_target) | (data.paired != UNPAIRED)
    orders = FILTERS if known.sum() >= MIN_LABELS else (1,)
    names = ["raw", *(f"sg{k}" for k in orders if points >= FILTERS[k][0])]
    noise = instrument_noise(data)
    return [
        (_member("bayes", fit, t), fit)
        for t in names
        for fit in fit_preprocessed(data, t, noise)
    ]


def prior_members(data: TransferData, modality: str) -> Fitted:
    """With the learned prior of coefficients; none where it was not trained."""
    known = (data.paired != UNPAIRED) & np.isfinite(data.y_target)
    few = known.sum() < MIN_LABELS or data.X_source.shape[1] < FILTERS[2][0]
    if few or modality != PRIOR_MODALITY:
        return []
    t, scales = PRIOR_PRETREATMENT, coefficient_scales(data)
    fits = fit_features(data, lambda X: preprocess(X, t) * scales, COVARIANCE_RIDGE[t])
    on_spectra = [replace(fit, vector=fit.vector * scales) for fit in fits]
    return [(_member("prior", fit, t), fit) for fit in on_spectra]


def encoder_members(
    data: TransferData, encoder: FeatureMap, centre: np.ndarray | None = None
) -> Fitted:
    """On an encoder's features, with coefficients on spectra.

    Args:
      data: both instruments
      encoder: the features
      centre: spectrum at which they are linearised; None: the mean of the source (L,)
    """
    centre = data.X_source.mean(axis=0) if centre is None else centre
    linear = encoder.linearised(centre, data.X_target)
    moved = data.on(data.X_source - centre, data.X_target - centre)
    # In place of one spectrum for each point: encoding takes time.
    white = np.random.default_rng(0).normal(
        0, NOISE_DRAWS**-0.5, (NOISE_DRAWS, centre.size)
    )
    members = []
    for fit in fit_features(moved, linear, COVARIANCE_RIDGE["sg1"], centre, white):
        vector = linear.back(fit.vector)
        fit = replace(fit, vector=vector, intercept=fit.intercept - vector @ centre)
        members.append((_member("encoder", fit, "raw"), fit))
    return members
