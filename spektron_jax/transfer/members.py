"""The models that take part in a prediction: which, by what is known of the target.

    bayes       linear models of both instruments with a prior of what instruments do to
                spectra (`bayes.py`), each with several assumed splits of the noise
                between the instruments
    prior       the same on the first derivative, with a network's prior of the
                coefficients (`priors.py`)
    classical   calibration transfers by PLS (`methods`)
    encoder     like bayes, on features of an encoder, linearised at the mean spectrum

Each on several views of the spectra (`views.py`), and each fitted once on everything
and once without each group of labelled target samples, on both instruments. All are
affine in preprocessed spectra: small, quick, the same after saving, and without the
network.

G = groups left out, n = labelled target samples, T = target spectra, L = points,
r = coordinates, F = features.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from spektron_jax.transfer.bayes import Fit, fits
from spektron_jax.transfer.data import UNPAIRED, TransferData
from spektron_jax.transfer.methods.pls import Path
from spektron_jax.transfer.methods.preprocessing import (
    FILTERS,
    preprocess,
    split_name,
)
from spektron_jax.transfer.methods.registry import make
from spektron_jax.transfer.methods.workspace import Workspace
from spektron_jax.transfer.priors import (
    PRIOR_MODALITY,
    PRIOR_PRETREATMENT,
    coefficient_scales,
)
from spektron_jax.transfer.row_blocks import row_blocks
from spektron_jax.transfer.sample_prior import sample_sizes
from spektron_jax.transfer.views import COVARIANCE_RIDGE, View, preprocessed, view

MIN_LABELS = 4  # for leaving each out in turn
MIN_FOR_CORAL = 20  # spectra: with 10 it is worse than centring
NOISE_DRAWS = 100  # of white noise that are encoded
VIEWS = ("raw", "sg1", "snv", "snv+sg1")
CLASSICAL_VIEWS = ("raw", "snv")  # of PLS transfers with labels
# Without labels: views of CORAL and of centring, and each one's weight.
CORAL = {"coral_u/raw": 0.4, "coral_u/sg1": 0.2}
CENTRED = {"umc/raw": 0.1, "umc/snv": 0.1}
# PLS transfers -> labelled target samples that they need.
PAIRED = {"mc": 0, "ds_res": 0, "glsw0.01": 0, "pooled_mc": 1, "pooled_w1": 1}
PAIRED |= {"sbc": 3, "target_only": 4}
WITHOUT_PAIRS = {"umc": 0, "umc+bias": 1, "pooled": 1, "pooled_w1": 1}
WITHOUT_PAIRS |= {"sbc": 3, "target_only": 4}

Groups = Sequence[np.ndarray]  # rows of target samples that are left out together


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
    """Scatter-corrected spectra times coefficients, summed, plus intercept.

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
        for rows in row_blocks(X):
            for pretreatment, vector in self.coefficients.items():
                total[rows] += preprocess(X[rows], pretreatment) @ vector
        return total


@dataclass(frozen=True, eq=False)
class Member:
    """One model, fitted on everything and without each group of target samples.

    Attributes:
      name: unlike that of the other members
      kind: "bayes", "prior", "classical" or "encoder"
      view: of the spectra
      vectors: coefficients, of all data first                         (1 + G, r)
      intercepts: in the unit of the property                          (1 + G,)
      split: the noise split of a Bayesian model, else ""
      evidence: of a Bayesian model, else 0
    """

    name: str
    kind: str
    view: View
    vectors: np.ndarray
    intercepts: np.ndarray
    split: str = ""
    evidence: float = 0.0

    def predicted(
        self, fit: int = 0, rows: np.ndarray | slice = slice(None)
    ) -> np.ndarray:
        """Predictions of target spectra, all if no rows are named, (T,).

        By the fit on everything, or by that without group `fit` - 1.
        """
        X = self.view.space.data.X_target[rows, : self.vectors.shape[1]]
        return X @ self.vectors[fit] + self.intercepts[fit]

    def left_out(self, groups: Groups) -> np.ndarray:
        """Predictions of the samples of each group by the fit without them, (n,)."""
        X = self.view.space.data.X_target[:, : self.vectors.shape[1]]
        parts = zip(groups, self.vectors[1:], self.intercepts[1:], strict=True)
        return np.concatenate([X[rows] @ v + c for rows, v, c in parts])


def combined(members: Sequence[Member], weights: np.ndarray, fit: int = 0) -> Affine:
    """A weighted sum of members as one model; `fit`: 0, or 1 + the group left out.

    Derivatives are linear, so that their coefficients become those of spectra that are
    only corrected for scatter.
    """
    totals: dict[int, tuple[View, np.ndarray]] = {}
    intercept = 0.0
    for member, weight in zip(members, weights, strict=True):
        own = member.view
        _, total = totals.setdefault(id(own), (own, np.zeros(own.span.shape[1])))
        vector = member.vectors[fit]
        total[: vector.size] += weight * vector
        intercept += weight * member.intercepts[fit]
    coefficients: dict[str, np.ndarray] = {}
    for own, total in totals.values():
        vector, constant = own.on_spectra(total)
        coefficients[own.scatter] = coefficients.get(own.scatter, 0.0) + vector
        intercept += constant
    return Affine(coefficients, float(intercept))


def spectral_members(
    each: Sequence[TransferData], groups: Groups = (), modality: str = "unknown"
) -> list[list[Member]]:
    """Those on spectra alone that suit what is known of the target, for each property.

    Args:
      each: both instruments, labels of each property of the same samples
      groups: rows of target samples to leave out together
      modality: of the spectra
    """
    points = each[0].X_source.shape[1]
    views = [preprocessed(each[0], name) for name in VIEWS if _fits(points, name)]
    # SNV of two points, of one spectrum times a number: nothing is left but rounding.
    views = [own for own in views if own.name == "raw" or not own.alike]
    if not each[0].labelled.size:
        sizes = sample_sizes(each[0], modality)
        views = [replace(one, space=replace(one.space, sizes=sizes)) for one in views]
    of_each = [[own.labelled(data) for own in views] for data in each]
    bayes = [bayes_members_of(own, groups) for own in zip(*of_each, strict=True)]
    found = []
    for number, own_views in enumerate(of_each):
        members = [member for view in bayes for member in view[number]]
        for own in own_views:
            members += classical_members(own, groups)
        found.append(members)
    return found


def _fits(points: int, name: str) -> bool:
    """Whether spectra are long enough for a pretreatment."""
    derivative = split_name(name)[1]
    return derivative == "raw" or points >= FILTERS[int(derivative[-1])][0]


def bayes_members(own: View, groups: Groups = (), kind: str = "bayes") -> list[Member]:
    """Bayesian models on a view."""
    return bayes_members_of([own], groups, kind)[0]


def bayes_members_of(
    views: Sequence[View], groups: Groups = (), kind: str = "bayes"
) -> list[list[Member]]:
    """The same for each of several properties: views that differ in labels alone."""
    whole = fits([own.space for own in views])
    without = [fits([own.space.without(rows) for own in views]) for rows in groups]
    found = []
    for number, own in enumerate(views):
        rest = [each[number] for each in without]
        found.append(_bayes_members(own, whole[number], rest, kind))
    return found


def _bayes_members(
    own: View, whole: Sequence[Fit], without: Sequence[Sequence[Fit]], kind: str
) -> list[Member]:
    """From fits on everything and without each group; those that all of them have."""
    members = []
    for number, fit in enumerate(whole):
        each = [fit, *(rest[number] for rest in without if number < len(rest))]
        if len(each) == 1 + len(without):
            members.append(
                Member(
                    f"{kind}, {fit.split.name}/{own.name}",
                    kind,
                    own,
                    np.stack([one.vector for one in each]),
                    np.array([one.intercept for one in each]),
                    fit.split.name,
                    fit.evidence,
                )
            )
    return members


def classical_members(own: View, groups: Groups = ()) -> list[Member]:
    """Transfers by PLS on a view; the number of components is that of all data."""
    names = classical_names(own.space.data, own.name)
    whole = Workspace(own.spectra)
    spaces = [whole, *(Workspace(own.without(rows).spectra) for rows in groups)]
    members = []
    for name in names:
        method = make(f"{name}/raw")
        k = method.choose(whole)
        linear = [
            _coefficients(method.path(space), own.spectral, k) for space in spaces
        ]
        vectors, intercepts = zip(*linear, strict=True)
        fitted = np.stack(vectors), np.array(intercepts)
        members.append(Member(f"{name}/{own.name}", "classical", own, *fitted))
    return members


def _coefficients(path: Path, size: int, k: int) -> tuple[np.ndarray, float]:
    """An affine function of coordinates, read off at 0 and at unit vectors."""
    values = path(np.vstack([np.zeros((1, size)), np.eye(size)]))
    values = values[:, min(k, values.shape[1]) - 1]
    return values[1:] - values[0], float(values[0])


def prior_members(data: TransferData, groups: Groups, modality: str) -> list[Member]:
    """With the learned prior of coefficients; none where it was not trained.

    Its scales are those of all data, samples left out among them.
    """
    known = (data.paired != UNPAIRED) & np.isfinite(data.y_target)
    few = known.sum() < MIN_LABELS or data.X_source.shape[1] < FILTERS[2][0]
    if few or modality != PRIOR_MODALITY:
        return []
    scales = coefficient_scales(data)
    own = preprocessed(data, PRIOR_PRETREATMENT, lambda X: X * scales)
    if own.alike:
        return []
    return bayes_members(own, groups, "prior")


def encoder_members(
    each: Sequence[TransferData],
    encoder: FeatureMap,
    groups: Groups = (),
    centre: np.ndarray | None = None,
) -> list[list[Member]]:
    """On an encoder's features, with coefficients on spectra, for each property.

    Args:
      each: both instruments, labels of each property of the same samples
      encoder: the features
      groups: rows of target samples to leave out together
      centre: spectrum at which they are linearised; None: the mean of the source (L,)
    """
    data = each[0]
    centre = data.X_source.mean(axis=0) if centre is None else centre
    linear = encoder.linearised(centre, data.X_target)
    moved = data.on(data.X_source - centre, data.X_target - centre)
    # In place of one spectrum for each point: encoding takes time.
    white = np.random.default_rng(0).normal(
        0, NOISE_DRAWS**-0.5, (NOISE_DRAWS, centre.size)
    )
    ridge = COVARIANCE_RIDGE["sg1"]
    own = view(moved, "encoder", linear, ridge, linear.back, centre, white)
    own = replace(own, moved=centre)
    return bayes_members_of([own.labelled(one) for one in each], groups, "encoder")


def classical_names(data: TransferData, view_name: str) -> list[str]:
    """Names of the transfers by PLS on a view that suit what is known of the target."""
    pairs, labels = int(np.sum(data.paired != UNPAIRED)), data.labelled.size
    if labels:
        needed = PAIRED if pairs >= MIN_LABELS else WITHOUT_PAIRS
        own = view_name in CLASSICAL_VIEWS
        return [name for name, least in needed.items() if own and labels >= least]
    known = unlabelled_shares(len(data.X_target))
    parts = (name.split("/") for name in known)
    return [name for name, own_view in parts if own_view == view_name]


def unlabelled_shares(count: int) -> dict[str, float]:
    """Weights of classical members by name, for a number of unlabelled spectra."""
    if not count:
        return {}
    return CORAL if count >= MIN_FOR_CORAL else CENTRED
