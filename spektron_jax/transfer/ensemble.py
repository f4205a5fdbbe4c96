"""One automatic procedure for every data set: members, weighted by what is known.

With labelled target samples a member is judged by fits that saw neither spectrum of a
sample, on either instrument: with the pairs' spectra left in, one that takes the pairs'
own differences away looks best. Its weight is

    prior x (mean absolute error of the left-out)^(-1.2 sqrt(n))

A handful of samples tells members apart only roughly, so trust grows slower than n, and
one wrong reference value would decide by its square: a sample that half of the members
miss by more than three times the usual counts as if they missed it by that. The prior
is 1 for Bayesian members, 0.2 for the noise split by which target labels decide alone,
and 0.3 for classical transfers. Power and prior were chosen on simulated instruments
for measured spectra of 23 sets (`benchmarks/transfer_sets.py`), the size of errors on
those and 24 others, plain and with a wrong label (`benchmarks/wrong_labels.py`).

Without labels Bayesian members are weighted by their evidence to the power of 1/20 (the
likelihood of the source's labels says little of the target), with a prior of 0.3 on
SNV, beside the fixed shares of CORAL, or of centring where spectra are few; each as far
as its predictions look like labels (`unlabelled.py`). The encoder has a share w = p / 2
of theirs,

    p / (1 - p) = evidence on the encoder / (20 x mean evidence on spectra)

where evidence is the marginal likelihood of the source's labels; 1 to 20 is the line
from which evidence counts as strong (Kass & Raftery, Journal of the American
Statistical Association 90 (1995) 773).

L = points, M = members, n = labelled target samples.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from scipy import special

from spektron_jax.errors import SpektronError
from spektron_jax.transfer.bayes import NOISE_SPLITS
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.members import (
    Affine,
    FeatureMap,
    Member,
    combined,
    encoder_members,
    prior_members,
    spectral_members,
    unlabelled_shares,
)
from spektron_jax.transfer.methods.workspace import Workspace
from spektron_jax.transfer.transfer_network import TransferNetwork
from spektron_jax.transfer.unlabelled import plausible, poor_probability

KINDS = ("classical", "encoder", "combination")
TRUST = 1.2  # times sqrt(n): the power of the left-out error
LEAST_ERROR = 1e-3  # of the labels' SD: smaller errors are those of rounding
USUAL_FACTOR = 3.0  # times the usual error: no sample counts for more
CLASSICAL_PRIOR = 0.3
SPLIT_PRIORS = {split.name: split.prior for split in NOISE_SPLITS}
UNLABELLED_SNV_PRIOR = 0.3  # no label speaks against what a division by the SD loses
EVIDENCE_POWER = 0.05
MAX_ENCODER_SHARE = 0.5  # of the Bayesian members' share
ODDS = 20.0
LIKELY = 0.5  # probability of a poor transfer from which it is said


class Part(NamedTuple):
    """What one member has in a prediction."""

    name: str
    kind: str
    weight: float


@dataclass(frozen=True, eq=False)
class FittedEnsemble(Affine):
    """The weighted sum of all members as one affine model.

    Attributes:
      members: names, kinds and weights, sum 1
      groups: rows of target samples that were left out together
      without: the whole procedure without each group, weights too
      poor: probability that R2 on the target stays below 0.5, where no labels tell,
        as a single one cannot; None: not known
      moved: share of the weights that a transfer network moved
    """

    members: Sequence[Part] = ()
    groups: Sequence[np.ndarray] = ()
    without: Sequence[Affine] = ()
    poor: float | None = None
    moved: float = 0.0

    @property
    def warnings(self) -> list[str]:
        """A sentence where the models should not be relied on."""
        if self.poor is None or self.poor < LIKELY:
            return []
        return [
            f"what the models predict differs, or is more than labels can be: R2 on "
            f"the target is below 0.5 with a probability of {self.poor:.2f}; measure "
            "labels of target samples before these predictions are used"
        ]

    def share(self, kind: str) -> float:
        """Weight of all members of a kind."""
        return float(sum(part.weight for part in self.members if part.kind == kind))


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Fits wherever a classical method does.

    Attributes:
      kind: "classical" (nothing that a network learned), "encoder" (alone) or
        "combination" (all that the regime allows)
      modality: of the spectra; the learned prior knows the "NIR"
      encoder: used where it has weight; None: no such members. A TransferNetwork
        stands here too: it changes the weights of a combination
      centre: spectrum at which the encoder is linearised; None: the mean of the source.
        Fits that leave samples out share one, so that nothing is encoded twice   (L,)
    """

    kind: str = "combination"
    modality: str = "unknown"
    encoder: FeatureMap | TransferNetwork | None = None
    centre: np.ndarray | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise SpektronError(
                f"ensemble {self.kind!r}: use one of {', '.join(KINDS)}"
            )
        if self.kind == "encoder" and not hasattr(self.encoder, "linearised"):
            raise SpektronError("ensemble 'encoder': needs an encoder")

    def fit(self, data: TransferData | Workspace) -> FittedEnsemble:
        """Fit and weight the members that the regime allows."""
        return self.fit_each([data])[0]

    def fit_each(
        self, each: Sequence[TransferData | Workspace]
    ) -> list[FittedEnsemble]:
        """Fit several properties; what depends on spectra alone is found once.

        Args:
          each: that differ in the values of the labels alone: the same samples have
            one, and can be left out in the same groups
        """
        spaces = [Workspace.of(data) for data in each]
        groups = spaces[0].data.groups()
        network = None
        if self.kind == "combination" and isinstance(self.encoder, TransferNetwork):
            network = self.encoder if self.encoder.acts else None
        return [
            weighted(members, space.data, groups, network, self.modality)
            for members, space in zip(
                self.members_of(spaces, groups), spaces, strict=True
            )
        ]

    def members(self, space: Workspace, groups: Sequence[np.ndarray]) -> list[Member]:
        """Those that the regime allows, fitted without each group too."""
        return self.members_of([space], groups)[0]

    def members_of(
        self, spaces: Sequence[Workspace], groups: Sequence[np.ndarray]
    ) -> list[list[Member]]:
        """`members` of each of several properties; see `fit_each`."""
        each = [space.data for space in spaces]
        kinds, encoder = list[list[list[Member]]](), self.encoder
        if isinstance(encoder, TransferNetwork):
            encoder = None
        if self.kind != "encoder":
            kinds.append(
                Workspace.each_once(
                    spaces,
                    ("members", self.modality),
                    lambda: spectral_members(each, groups, self.modality),
                )
            )
        if self.kind == "combination" and each[0].labelled.size:
            modality = self.modality
            kinds.append(
                Workspace.each_once(
                    spaces,
                    ("prior members", modality),
                    lambda: [prior_members(data, groups, modality) for data in each],
                )
            )
        elif self.kind != "classical" and encoder is not None:
            centre = self.centre
            at = None if centre is None else centre.tobytes()
            kinds.append(
                Workspace.each_once(
                    spaces,
                    ("encoder members", encoder, at),
                    lambda: encoder_members(each, encoder, groups, centre),
                )
            )
        return [sum(own, []) for own in zip(*kinds, strict=True)]


def weighted(
    members: Sequence[Member],
    data: TransferData,
    groups: Sequence[np.ndarray],
    network: TransferNetwork | None = None,
    modality: str = "unknown",
) -> FittedEnsemble:
    """Members of one data set, fitted without these groups too, as one model."""
    members, weights, known, kept = recipe(members, data, groups)
    poor = None if kept is None else poor_probability(members, weights[0], kept, data)
    moved = 0.0
    if network is not None:
        recipes = weights
        weights = network.reweighted(members, data, modality, recipes, *known)
        moved = float(np.abs(weights[0] - recipes[0]).sum() / 2)
    whole, *without = (combined(members, w, fit) for fit, w in enumerate(weights))
    parts = [
        Part(member.name, member.kind, float(weight))
        for member, weight in zip(members, weights[0], strict=True)
    ]
    fitted = whole.coefficients, whole.intercept, parts, groups, without
    return FittedEnsemble(*fitted, poor, moved)


Known = tuple[np.ndarray | None, np.ndarray | None]


def recipe(
    members: Sequence[Member], data: TransferData, groups: Sequence[np.ndarray]
) -> tuple[Sequence[Member], list[np.ndarray], Known, np.ndarray | None]:
    """What the recipe makes of members, before a network.

    Returns:
      The members; weights (M,) of the fit on everything and of those without each
      group; errors of the samples left out, in the SD of the source's labels, and the
      group of each, (M, n) and (n,), or None; what `plausible` kept, or None
    """
    if groups:
        y = np.concatenate([data.y_target[rows] for rows in groups])
        errors = np.array([member.left_out(groups) - y for member in members])
        errors /= data.y_source.std()
        group = np.repeat(np.arange(len(groups)), [rows.size for rows in groups])
        parts = [errors, *(errors[:, group != one] for one in range(len(groups)))]
        weights = [error_weights(members, part) for part in parts]
        return members, weights, (errors, group), None
    own = prior_weights(members, len(data.X_target))
    changed, kept = plausible(members, data, own)
    if not data.labelled.size:
        members, own = changed, own * kept / (own @ kept)
    return members, [own], (None, None), kept


def error_weights(members: Sequence[Member], errors: np.ndarray) -> np.ndarray:
    """By errors of left-out samples (M, n), in the labels' SD, (M,)."""
    absolute = np.abs(errors)
    missed = np.median(absolute, axis=0)
    most = USUAL_FACTOR * np.median(missed)
    counts = np.divide(most, missed, out=np.ones_like(missed), where=missed > most)
    error = np.maximum((absolute * counts).mean(axis=1), LEAST_ERROR)
    power = TRUST * np.sqrt(errors.shape[1])
    return special.softmax(np.log(_priors(members)) - power * np.log(error))


def prior_weights(members: Sequence[Member], count: int) -> np.ndarray:
    """Without samples to leave out, for a number of target spectra, (M,)."""
    kinds = np.array([member.kind for member in members])
    evidence = np.array([member.evidence for member in members])
    scatter = np.array([member.view.scatter == "snv" for member in members])
    prior = _priors(members) * np.where(scatter, UNLABELLED_SNV_PRIOR, 1.0)
    classical, encoder = kinds == "classical", kinds == "encoder"
    spectra = ~classical & ~encoder
    shares = unlabelled_shares(count)
    weights = np.array([shares.get(member.name, 0.0) for member in members])
    if not spectra.any():
        weights[encoder] = special.softmax(EVIDENCE_POWER * evidence[encoder])
        return weights
    w = 0.0
    if encoder.any():
        against = _log_mean(evidence[spectra]) + np.log(ODDS)
        w = MAX_ENCODER_SHARE * special.expit(_log_mean(evidence[encoder]) - against)
    rest = 1 - weights.sum()
    for rows, share in ((spectra, rest * (1 - w)), (encoder, rest * w)):
        if rows.any():
            own = np.log(prior[rows]) + EVIDENCE_POWER * evidence[rows]
            weights[rows] = share * special.softmax(own)
    return weights


def _log_mean(evidence: np.ndarray) -> float:
    return float(special.logsumexp(evidence) - np.log(evidence.size))


def _priors(members: Sequence[Member]) -> np.ndarray:
    return np.array(
        [
            CLASSICAL_PRIOR if one.kind == "classical" else SPLIT_PRIORS[one.split]
            for one in members
        ]
    )
