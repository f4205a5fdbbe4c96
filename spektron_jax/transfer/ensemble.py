"""One automatic procedure for every data set: members, weighted by what is known.

    prediction = (1 - u) mean of classical + u (weighted mean of bayes and network)

with a fixed u for each regime (BAYES_SHARE; of the classical members only CORAL where
nothing is labelled). Members of bayes are weighted by

    prior x (leave-one-out mean squared error)^(-3 n / 8)

of the n labelled target samples: the likelihood that those errors profile, to the power
of 3/4, since 10 of them tell members apart only roughly. The learned prior's members,
which need labelled pairs, are weighted among them.

Without target labels members count alike, and the encoder has a share w = p / 2 of u,

    p / (1 - p) = evidence on the encoder / (20 x mean evidence on spectra)

where evidence is the marginal likelihood of the source's labels; 1 to 20 is the line
from which evidence counts as strong (Kass & Raftery, Journal of the American
Statistical Association 90 (1995) 773).

L = points, M = members.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import special

from spektron_jax.errors import SpektronError
from spektron_jax.transfer.bayes import evidence, scores
from spektron_jax.transfer.data import UNPAIRED, TransferData
from spektron_jax.transfer.members import (
    MIN_FOR_CORAL,
    MIN_LABELS,
    Affine,
    FeatureMap,
    Fitted,
    Member,
    bayes_members,
    classical_members,
    encoder_members,
    prior_members,
)
from spektron_jax.transfer.methods.workspace import Workspace

KINDS = ("average", "classical", "encoder", "combination")
NO_NETWORK = ("average", "classical")
# u: chosen on virtual tasks and inside corn's calibration samples.
BAYES_SHARE = {"paired": 0.7, "hardly paired": 0.5, "unpaired": 0.5}
BAYES_SHARE |= {"many": 0.7, "few": 1.0}
MAX_ENCODER_SHARE = 0.5  # of the Bayesian members' share
ODDS = 20.0


@dataclass(frozen=True, eq=False)
class FittedEnsemble(Affine):
    """The weighted sum of all members as one affine model.

    Attributes:
      members: the fitted models
      weights: theirs, sum 1                                           (M,)
    """

    members: Sequence[Member]
    weights: np.ndarray

    def share(self, kind: str) -> float:
        """Weight of all members of a kind."""
        own = [member.kind == kind for member in self.members]
        return float(self.weights[own].sum())


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Fits wherever a classical method does.

    Attributes:
      kind: "average" (classical members alone), "classical" (with the Bayesian ones),
        "encoder" (alone) or "combination" (all that the regime allows)
      modality: of the spectra; the learned prior knows the "NIR"
      encoder: used where it has weight; None: no such members
      centre: spectrum at which the encoder is linearised; None: the mean of the source.
        Fits that leave samples out share one, so that nothing is encoded twice   (L,)
    """

    kind: str = "combination"
    modality: str = "unknown"
    encoder: FeatureMap | None = None
    centre: np.ndarray | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise SpektronError(
                f"ensemble {self.kind!r}: use one of {', '.join(KINDS)}"
            )
        if self.kind == "encoder" and self.encoder is None:
            raise SpektronError("ensemble 'encoder': needs an encoder")

    def fit(self, data: TransferData | Workspace) -> FittedEnsemble:
        """Fit and weight the members that the regime allows."""
        space = Workspace.of(data)
        fixed = {"average": 0.0, "encoder": 1.0}
        share = fixed.get(self.kind, bayes_share(space.data))
        members: list[Member] = []
        weights = np.empty(0)
        if share < 1:
            members += classical_members(space, beside_bayes=share > 0)
            weights = np.full(len(members), (1 - share) / len(members))
        if share > 0:
            spectra, network = self._spectra(space), self._network(space)
            members += [member for member, _ in spectra + network]
            weights = np.append(weights, share * bayes_weights(spectra, network))
        coefficients: dict[str, np.ndarray] = {}
        intercept = 0.0
        for weight, member in zip(weights, members, strict=True):
            before = coefficients.get(member.pretreatment, 0.0)
            coefficients[member.pretreatment] = before + weight * member.vector
            intercept += weight * member.intercept
        return FittedEnsemble(coefficients, float(intercept), tuple(members), weights)

    def _spectra(self, space: Workspace) -> Fitted:
        if self.kind == "encoder":
            return []
        return space.once("bayes members", lambda: bayes_members(space.data))

    def _network(self, space: Workspace) -> Fitted:
        data, encoder = space.data, self.encoder
        if self.kind == "combination" and data.labelled.size:
            return space.once(
                ("prior members", self.modality),
                lambda: prior_members(data, self.modality),
            )
        if self.kind == "classical" or encoder is None:
            return []
        at = None if self.centre is None else self.centre.tobytes()
        return space.once(
            ("encoder members", encoder, at),
            lambda: encoder_members(data, encoder, self.centre),
        )


def bayes_weights(spectra: Fitted, network: Fitted) -> np.ndarray:
    """Weights of Bayesian members on spectra, then of the network's; sum 1, (M,)."""
    if spectra and network and not network[0][1].n_labelled:
        against = evidence([fit for _, fit in spectra]) + np.log(ODDS)
        own = evidence([fit for _, fit in network])
        w = MAX_ENCODER_SHARE * special.expit(own - against)
        sizes = len(spectra), len(network)
        return np.repeat([(1 - w) / sizes[0], w / sizes[1]], sizes)
    return special.softmax(scores([fit for _, fit in spectra + network]))


def bayes_share(data: TransferData) -> float:
    """u of the header."""
    pairs = min(int(np.sum(data.paired != UNPAIRED)), data.labelled.size)
    if pairs:
        return BAYES_SHARE["paired" if pairs >= MIN_LABELS else "hardly paired"]
    if data.labelled.size:
        return BAYES_SHARE["unpaired"]
    many = len(data.y_target) >= MIN_FOR_CORAL
    return BAYES_SHARE["many" if many else "few"]
