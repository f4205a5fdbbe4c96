"""One automatic procedure for every data set: classical, Bayesian and encoder members.

Three blocks of members:

    average     plain average of classical transfers, raw and first derivative
    bayes       linear models of both instruments by evidence, with a prior of what
                instruments do to spectra (`bayes.py`), raw and first derivative
    encoder     transfers on encoder features at several depths, weighted by 1 / MSE of
                left-out samples where there are labels

The first two make what is called classical, since no network is in it: classical =
(1 - u) average + u bayes with a fixed u for each regime (BAYES_SHARE; of the average
only CORAL where nothing is labelled), and

    prediction = (1 - w) classical + w encoder,  w = b max(0, 1 - t^2 v / b^2) <= 1/2
    b = sum e d / sum d^2,   v = sum (e - b d)^2 / ((n - 1) sum d^2)

where e is what the classical block leaves over on samples left out of all fits, d the
encoder's prediction minus the classical one there, b the weight of least error, v its
variance and t Student's 99 % quantile with n - 1 degrees of freedom. The samples are
the labelled target samples, each left out with its source spectrum; with fewer than 10
of them w is 0. So the encoder gets a say only as far as its worth on the target is
beyond doubt; the shrinkage is of the kind of James & Stein (Berkeley Symposium 4 (1961)
361). Weaker evidence was tried on the corn data, which are development data, and cost
mean R2: one standard error for t 0.06 at n = 10, this rule at n = 5 still 0.04, and
cross-validation on the source, with 10 unlabelled spectra, 0.28.

Which members take part follows from what is known of the target.

All members are affine in their space, so a fit is a coefficient vector for each space
and one intercept: small, quick, and the same after saving.

n = labelled target samples, L = points, F = features of a space, m = spectra.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from spektron_jax.errors import SpektronError
from spektron_jax.evaluation.baselines.averages import weights_of
from spektron_jax.evaluation.baselines.pls import (
    smallest_good,
)
from spektron_jax.evaluation.baselines.preprocessing import WINDOW, treat, treated
from spektron_jax.evaluation.baselines.recipe import Recipe
from spektron_jax.evaluation.baselines.registry import TWENTY, make
from spektron_jax.evaluation.baselines.unlabelled import coral
from spektron_jax.evaluation.transfer_data import UNPAIRED, TransferData
from spektron_jax.transfer.bayes import BayesMember
from spektron_jax.transfer.features import DEPTHS

KINDS = ("average", "classical", "encoder", "combination")
NO_NETWORK = ("average", "classical")
LEAST_LEFT_OUT = 4  # labels for leaving each out in turn
LEAST_WEIGHED = 10  # labels for a weight of the encoder, as for a calibrated interval
LEAST_COVARIANCE = 20  # spectra for CORAL: with 10 it is worse than centring
# u: chosen on virtual tasks and inside corn's calibration samples.
BAYES_SHARE = {"paired": 0.5, "unpaired": 0.5, "many": 0.7, "few": 1.0}
MOST_SHARE = 0.5
CONFIDENCE = 0.99  # with one standard error chance gave the encoder too much
PRECISION = 1e-6  # of encoder features: what lies below is rounding

Encode = Callable[[np.ndarray], Mapping[str, np.ndarray]]


def classical_members(data: TransferData) -> tuple[str, ...]:
    """Names of the transfers on spectra that suit what is known of the target."""
    pairs, labels = int(np.sum(data.paired != UNPAIRED)), data.labelled.size
    if min(pairs, labels) >= LEAST_LEFT_OUT:
        names = TWENTY
    else:
        heads = _heads(data)
        # Without target data only the derivative takes at least an offset away.
        treatments = ("sg1",) if heads == ("none",) else ("raw", "sg1")
        names = tuple(f"{head}/{t}" for head in heads for t in treatments)
    if data.X_source.shape[1] < WINDOW:
        names = tuple(dict.fromkeys(f"{name.split('/')[0]}/raw" for name in names))
    return names


def encoder_members(data: TransferData) -> tuple[str, ...]:
    """Names of the transfers on features of each depth."""
    pairs, labels = int(np.sum(data.paired != UNPAIRED)), data.labelled.size
    if min(pairs, labels) >= LEAST_LEFT_OUT:
        heads = ("glsw0.01@t", "mc@t", "prior_ridge@t", "pooled_mc_w1@t")
    else:
        heads = _heads(data)
    return tuple(f"{head}/raw" for head in heads)


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
    """A fitted model: sum over spaces of space(X) @ coefficients, plus an intercept.

    Attributes:
      coefficients: space -> (F,)
      intercept: in the unit of the property
      encode: from spectra to features, where a space needs it
    """

    coefficients: Mapping[str, np.ndarray]
    intercept: float
    encode: Encode | None = None

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """Predictions of target spectra (m, L), (m,)."""
        X = np.asarray(X, np.float64)
        total = np.full(len(X), self.intercept)
        features = None
        for space, vector in self.coefficients.items():
            if space in DEPTHS:
                features = self.encode(X) if features is None else features
                total += features[space] @ vector
            else:
                total += treat(X, space) @ vector
        return total


@dataclass(frozen=True, eq=False)
class TransferRecipe:
    """`fit(data)` returns an Affine model; fits wherever a classical method does.

    Attributes:
      kind: "average" (of classical transfers), "classical" (with the Bayesian members;
        without the network), "encoder" or "combination"
      encode: spectra (n, L) to features of each depth; not for the first two
    """

    kind: str = "classical"
    encode: Encode | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise SpektronError(f"recipe {self.kind!r}: use one of {', '.join(KINDS)}")
        if self.kind not in NO_NETWORK and self.encode is None:
            raise SpektronError(f"recipe {self.kind!r}: needs an encoder")

    def fit(self, data: TransferData) -> Affine:
        """Fit the members and their weight on what the regime allows."""
        share = self.encoder_share(data)
        parts = []
        if self.kind == "average":
            parts += [(1.0, each) for each in _average(data)]
        elif share < 1:
            parts += [(1 - share, each) for each in _classical(data)]
        if share > 0:
            parts += [(share, each) for each in _encoder(data, self.encode)]
        coefficients: dict[str, np.ndarray] = {}
        intercept = 0.0
        for weight, member in parts:
            space, vector, constant = member.affine()
            vector = weight * member.weight * vector
            coefficients[space] = coefficients.get(space, 0.0) + vector
            intercept += weight * member.weight * constant
        return Affine(coefficients, float(intercept), self.encode)

    def encoder_share(self, data: TransferData) -> float:
        """w of the header: 0 without the network, 1 for the encoder alone."""
        if self.kind != "combination":
            return float(self.kind == "encoder")
        if data.labelled.size < LEAST_WEIGHED:
            return 0.0
        y = data.y_target[data.labelled]
        alone, other = (
            _unseen(data, members)
            for members in (_classical(data), _encoder(data, self.encode))
        )
        return cautious_share(y - alone, other - alone)


@dataclass(frozen=True, eq=False)
class Member:
    """One transfer in one space.

    Attributes:
      space: name of a treatment or a depth
      recipe: the transfer; its own treatment is "raw" where the space is a depth
      ready: treated data
      back: from coefficients of treated data to those of the space
      weight: share in its block
    """

    space: str
    recipe: Recipe
    ready: TransferData
    back: Callable[[np.ndarray], np.ndarray]
    weight: float

    def affine(self) -> tuple[str, np.ndarray, float]:
        """Space, coefficients (F,) and intercept."""
        k = self.recipe.choose(self.ready)
        path = self.recipe.path(self.ready)
        size = self.ready.X_source.shape[1]
        constant = path(np.zeros((1, size)))[0, k - 1]
        return self.space, self.back(path(np.eye(size))[:, k - 1] - constant), constant

    def left_out(self) -> np.ndarray:
        """Predictions of the labelled target samples by fits without them, (n,).

        Where the number of components is chosen on these samples, the sample itself
        has no voice in it: else its error would look smaller than a new sample's.
        """
        recipe, ready = self.recipe, self.ready
        predicted = recipe.left_out(ready)
        if recipe.components == "source":
            return predicted[:, recipe.choose(ready) - 1]
        chooser = replace(recipe, correct=recipe.choose_with or recipe.correct)
        errors = chooser.left_out(ready) - ready.y_target[ready.labelled][:, None]
        squares = errors**2
        others = (squares.sum(axis=0) - squares) / (len(squares) - 1)
        k = [smallest_good(np.sqrt(row)) for row in others]
        return predicted[np.arange(len(predicted)), np.array(k) - 1]


def bayes_share(data: TransferData) -> float:
    """u of the header."""
    if min(int(np.sum(data.paired != UNPAIRED)), data.labelled.size) > 0:
        return BAYES_SHARE["paired"]
    if data.labelled.size:
        return BAYES_SHARE["unpaired"]
    many = len(data.y_target) >= LEAST_COVARIANCE
    return BAYES_SHARE["many" if many else "few"]


def _classical(data: TransferData) -> Sequence[Member]:
    if "blocks" not in data.shared:
        share, treatments = bayes_share(data), ("raw", "sg1")
        if data.X_source.shape[1] < WINDOW:
            treatments = ("raw",)
        averaged = [] if share == 1 else _average(data)
        if not data.labelled.size:
            # Centring is what the Bayesian members do, without their prior.
            coloured = [each for each in averaged if each.recipe.prepare is coral]
            averaged = coloured or averaged
        left = (1 - share) / max(len(averaged), 1)
        data.shared["blocks"] = [
            *(replace(each, weight=left) for each in averaged),
            *(BayesMember(t, data, share / len(treatments)) for t in treatments),
        ]
    return data.shared["blocks"]


def _average(data: TransferData) -> Sequence[Member]:
    if "classical" not in data.shared:
        names, members = classical_members(data), []
        for name in names:
            recipe = make(name)
            ready, scale = treated(data, recipe.treatment)
            back = _divided(scale)
            members.append(
                Member(recipe.treatment, recipe, ready, back, 1 / len(names))
            )
        data.shared["classical"] = members
    return data.shared["classical"]


def _encoder(data: TransferData, encode: Encode) -> Sequence[Member]:
    key = ("encoder", id(encode))
    if key not in data.shared:
        names = encoder_members(data)
        members = [
            Member(depth, make(name), ready, back, 1 / (len(names) * len(DEPTHS)))
            for depth, (ready, back) in _feature_data(data, encode).items()
            for name in names
        ]
        if data.labelled.size >= LEAST_LEFT_OUT:
            weights = weights_of(_left_out_errors(data, members), "inverse")
            members = [
                replace(member, weight=float(weight))
                for member, weight in zip(members, weights, strict=True)
            ]
        data.shared[key] = members
    return data.shared[key]


def _feature_data(data: TransferData, encode: Encode) -> dict:
    """For each depth: data in the span of its features, and the way back.

    Every member is equivariant under rotations, so nothing is lost in the span of the
    spectra at hand, and the tokens have a hundred times fewer columns there.
    """
    features = encode(np.vstack([data.X_source, data.X_target]))
    found = {}
    for depth in DEPTHS:
        X = features[depth]
        _, s, V = np.linalg.svd(X, full_matrices=False)
        span = V[s > PRECISION * s[0]].T  # (F, rank)
        inside = X @ span
        S = len(data.X_source)
        projected = TransferData(
            inside[:S], data.y_source, inside[S:], data.y_target, data.paired
        )
        ready, scale = treated(projected, "raw")
        found[depth] = ready, lambda c, span=span, scale=scale: span @ c / scale
    return found


def _divided(scale: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda coefficients: coefficients / scale


def _left_out_errors(data: TransferData, members: Sequence[Member]) -> np.ndarray:
    left_out = np.stack([member.left_out() for member in members], axis=1)
    return left_out - data.y_target[data.labelled][:, None]


def _unseen(data: TransferData, members: Sequence[Member]) -> np.ndarray:
    """A block's predictions of the labelled target samples by fits without them."""
    errors = _left_out_errors(data, members)
    weights = np.tile([member.weight for member in members], (len(errors), 1))
    if members[0].space in DEPTHS:  # weighted on these samples: not on its own
        for row in range(len(errors)):
            weights[row] = weights_of(np.delete(errors, row, axis=0), "inverse")
    return np.sum(errors * weights, axis=1) + data.y_target[data.labelled]


def cautious_share(error: np.ndarray, difference: np.ndarray) -> float:
    """w of the header.

    Args:
      error: what the classical block leaves over, e                   (n,)
      difference: encoder minus classical block, d                     (n,)
    """
    n, power = error.size, float(difference @ difference)
    if n < 2 or power == 0:
        return 0.0
    best = float(error @ difference) / power
    left = error - best * difference
    variance = float(left @ left) / (n - 1) / power
    doubt = stats.t.ppf(0.5 + CONFIDENCE / 2, n - 1) ** 2 * variance
    if best <= 0 or doubt >= best**2:
        return 0.0
    return min(best * (1.0 - doubt / best**2), MOST_SHARE)
