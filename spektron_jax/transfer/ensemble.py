"""One automatic procedure for every data set: classical and Bayesian members.

    average     plain average of classical transfers, raw and first derivative
    bayes       linear models of both instruments with a prior of what instruments do to
                spectra (`bayes.py`): raw, first and second derivative, and each with
                several suppositions of which instrument is the noisy one
    learned     the same on the first derivative, with a prior of the coefficients by a
                network (`coefficient_prior.py`)
    encoder     the same on the encoder as a linear view of spectra (`linear_view.py`)

The first two make what is called classical, since no network is in it:

    prediction = (1 - u) average + u (weighted mean of bayes)

with a fixed u for each regime (BAYES_SHARE; of the average only CORAL where nothing is
labelled). Members of bayes are weighted by

    prior x (mean squared error)^(-3 n / 8)

of the n target labels, each left out in turn and predicted from its target spectrum:
the likelihood that those errors profile, to the power of 3/4, since 10 of them tell
members apart only roughly. With the network, the encoder's members are weighted among
them, with odds of 1 to 20: the line from which evidence counts as strong (Kass &
Raftery, Journal of the American Statistical Association 90 (1995) 773).

Without target labels members count alike, and the encoder has a share w = p / 2 of u,

    p / (1 - p) = evidence on the encoder / (20 x mean evidence on spectra)

where evidence is the marginal likelihood of the source's labels.

Which members take part follows from what is known of the target. All are affine in
preprocessed spectra, so a fit is a coefficient vector for each pretreatment and one
intercept: small, quick, the same after saving, and without the network.

L = points, m = spectra.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from spektron_jax.encoder.features import Features
from spektron_jax.encoder.linearised import linear_view
from spektron_jax.errors import SpektronError
from spektron_jax.transfer import coefficient_prior
from spektron_jax.transfer.bayes import (
    RIDGE,
    Fit,
    evidence,
    fit_preprocessed,
    fit_view,
    scores,
)
from spektron_jax.transfer.data import UNPAIRED, TransferData
from spektron_jax.transfer.methods.coral import coral
from spektron_jax.transfer.methods.pls_transfer import PLSTransfer
from spektron_jax.transfer.methods.preprocessing import (
    FILTERS,
    WINDOW,
    preprocess,
    preprocessed,
)
from spektron_jax.transfer.methods.registry import TWENTY, make

KINDS = ("average", "classical", "encoder", "combination")
NO_NETWORK = ("average", "classical")
LEAST_LEFT_OUT = 4  # labels for leaving each out in turn
LEAST_COVARIANCE = 20  # spectra for CORAL: with 10 it is worse than centring
# u: chosen on virtual tasks and inside corn's calibration samples.
BAYES_SHARE = {"paired": 0.7, "hardly paired": 0.5, "unpaired": 0.5}
BAYES_SHARE |= {"many": 0.7, "few": 1.0}
MOST = 0.5  # of the Bayesian members' share that the encoder can get
ODDS = 20.0
DRAWS = 100  # of white noise that are encoded


def classical_members(data: TransferData) -> tuple[str, ...]:
    """Names of the transfers on spectra that suit what is known of the target."""
    pairs, labels = int(np.sum(data.paired != UNPAIRED)), data.labelled.size
    if min(pairs, labels) >= LEAST_LEFT_OUT:
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
    spectra, labels = len(data.y_target), data.labelled.size
    pairs = int(np.sum(data.paired != UNPAIRED))
    if not spectra:
        return ("none",)
    if pairs:
        heads = ("glsw0.01", "glsw0.0001", "mc")
        return (*heads, "glsw0.01+bias", "pooled_mc_w1") if labels else heads
    heads = ("umc", "coral_u") if spectra >= LEAST_COVARIANCE else ("umc",)
    if not labels:
        return heads
    heads = tuple(f"{head}+bias" for head in heads)
    if labels >= 2:
        heads += ("umc+bias@t", "pooled@t", "pooled_w1@t")
    return (*heads, "pooled_w1")


@dataclass(frozen=True, eq=False)
class Affine:
    """A fitted model: preprocess(X) @ coefficients, summed, plus intercept.

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
class TransferRecipe:
    """`fit(data)` returns an Affine model; fits wherever a classical method does.

    Attributes:
      kind: "average" (of classical transfers), "classical" (with the Bayesian members;
        without the network), "encoder" or "combination"
      features: of the encoder; not for the first two
      centre: spectrum at which the encoder is looked at; None: the mean of the source
        spectra. Fits that leave samples out share one, so that nothing is encoded
        twice                                                          (L,)
    """

    kind: str = "classical"
    features: Features | None = None
    centre: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise SpektronError(f"recipe {self.kind!r}: use one of {', '.join(KINDS)}")
        if self.kind not in NO_NETWORK and self.features is None:
            raise SpektronError(f"recipe {self.kind!r}: needs an encoder")

    def fit(self, data: TransferData) -> Affine:
        """Fit the members that the regime allows."""
        parts = []  # weight, pretreatment, coefficients, intercept
        if self.kind == "encoder":
            parts += _scaled(self._weighted(data), 1.0)
        elif self.kind == "average":
            members = _average(data)
            parts += [(1 / len(members), *_affine(each)) for each in members]
        else:
            share = bayes_share(data)
            members = _beside_bayes(data) if share < 1 else ()
            parts += [((1 - share) / len(members), *_affine(m)) for m in members]
            parts += _scaled(self._weighted(data), share)
        coefficients: dict[str, np.ndarray] = {}
        intercept = 0.0
        for weight, pretreatment, vector, constant in parts:
            before = coefficients.get(pretreatment, 0.0)
            coefficients[pretreatment] = before + weight * vector
            intercept += weight * constant
        return Affine(coefficients, float(intercept))

    def network_share(self, data: TransferData) -> float:
        """Weight of the network's members in the whole prediction."""
        if self.kind != "combination":
            return float(self.kind == "encoder")
        members = self._weighted(data)[len(_bayes(data)) :]
        return float(bayes_share(data) * sum(weight for weight, *_ in members))

    def _weighted(self, data: TransferData) -> list[tuple[float, str, Fit]]:
        """Bayesian members and their weights, sum 1; the network's come last."""
        if self.kind == "encoder":
            spectra, network = [], self._encoder(data)
        else:
            spectra, network = _bayes(data), []
        if self.kind == "combination" and data.labelled.size:
            network = _learned(data, self.features)
        elif self.kind == "combination":
            network = self._encoder(data)
        members = spectra + network
        weights = special.softmax(scores([fit for _, fit in members]))
        if spectra and network and not network[0][1].asked:
            against = evidence([fit for _, fit in spectra]) + np.log(ODDS)
            w = MOST * special.expit(evidence([fit for _, fit in network]) - against)
            weights = np.repeat([(1 - w) / len(spectra), w / len(network)],
                                [len(spectra), len(network)])  # fmt: skip
        return [
            (float(weight), *member)
            for weight, member in zip(weights, members, strict=True)
        ]

    def _encoder(self, data: TransferData) -> list[tuple[str, Fit]]:
        """Fits with coefficients on spectra."""
        centre = data.X_source.mean(axis=0) if self.centre is None else self.centre
        key = "encoder", self.features, centre.tobytes()
        if key not in data.shared:
            view = linear_view(self.features, centre)
            found = []
            moved, white = data.shifted(-centre), _white(centre.size)
            for fit in fit_view(moved, view, RIDGE["sg1"], centre, white):
                vector = view.back(fit.vector)
                constant = fit.constant - vector @ centre
                found.append(("raw", replace(fit, vector=vector, constant=constant)))
            data.shared[key] = found
        return data.shared[key]


@dataclass(frozen=True, eq=False)
class Member:
    """One classical transfer.

    Attributes:
      recipe: the transfer
      ready: preprocessed data
      scale: that preprocessed spectra were divided by
    """

    recipe: PLSTransfer
    ready: TransferData
    scale: float


def _affine(member: Member) -> tuple[str, np.ndarray, float]:
    """Treatment, coefficients (L,) and intercept."""
    k = member.recipe.choose(member.ready)
    path = member.recipe.path(member.ready)
    size = member.ready.X_source.shape[1]
    constant = path(np.zeros((1, size)))[0, k - 1]
    vector = (path(np.eye(size))[:, k - 1] - constant) / member.scale
    return member.recipe.pretreatment, vector, constant


def bayes_share(data: TransferData) -> float:
    """u of the header."""
    pairs = min(int(np.sum(data.paired != UNPAIRED)), data.labelled.size)
    if pairs:
        return BAYES_SHARE["paired" if pairs >= LEAST_LEFT_OUT else "hardly paired"]
    if data.labelled.size:
        return BAYES_SHARE["unpaired"]
    many = len(data.y_target) >= LEAST_COVARIANCE
    return BAYES_SHARE["many" if many else "few"]


def _average(data: TransferData) -> Sequence[Member]:
    if "average" not in data.shared:
        members = []
        for recipe in map(make, classical_members(data)):
            members.append(Member(recipe, *preprocessed(data, recipe.pretreatment)))
        data.shared["average"] = members
    return data.shared["average"]


def _beside_bayes(data: TransferData) -> Sequence[Member]:
    """Without labels: not centring, which the Bayesian members do with their prior."""
    members = _average(data)
    if data.labelled.size:
        return members
    return [each for each in members if each.recipe.prepare is coral] or members


def _bayes(data: TransferData) -> list[tuple[str, Fit]]:
    if "bayes" not in data.shared:
        points = data.X_source.shape[1]
        # The second derivative is noisy: only where labels can speak against it.
        known = np.isfinite(data.y_target) | (data.paired != UNPAIRED)
        orders = FILTERS if known.sum() >= LEAST_LEFT_OUT else (1,)
        names = ["raw", *(f"sg{k}" for k in orders if points >= FILTERS[k][0])]
        data.shared["bayes"] = [
            (t, fit) for t in names for fit in fit_preprocessed(data, t)
        ]
    return data.shared["bayes"]


def _white(points: int) -> np.ndarray:
    """Spectra of white noise, in place of one for each point: encoding takes time."""
    return np.random.default_rng(0).normal(0, DRAWS**-0.5, (DRAWS, points))


def _learned(data: TransferData, features: Features) -> list[tuple[str, Fit]]:
    """On the derivative, with the prior of coefficients that a network gives."""
    known = (data.paired != UNPAIRED) & np.isfinite(data.y_target)
    points = data.X_source.shape[1]
    few = known.sum() < LEAST_LEFT_OUT or points < FILTERS[2][0]
    if few or features.modality != coefficient_prior.MODALITY:
        return []
    if "learned" not in data.shared:
        pretreatment, s = coefficient_prior.PRETREATMENT, coefficient_prior.scales(data)
        fits = fit_view(
            data, lambda X: preprocess(X, pretreatment) * s, RIDGE[pretreatment]
        )
        data.shared["learned"] = [
            (pretreatment, replace(fit, vector=fit.vector * s)) for fit in fits
        ]
    return data.shared["learned"]


def _scaled(members: list[tuple[float, str, Fit]], share: float) -> list:
    """Weight, pretreatment, coefficients and intercept of each."""
    return [(share * w, name, fit.vector, fit.constant) for w, name, fit in members]
