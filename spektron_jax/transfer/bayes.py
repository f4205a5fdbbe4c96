"""Linear calibration of two instruments by evidence, with a prior of their difference.

Spectra about the mean of the source spectra, after one pretreatment:

    x_A = z + e_A                 z ~ N(0, Z)        the sample
    x_B = z + d + e_B             d ~ N(0, s J'J)    the instruments' mean difference
    y = z b + e_y                 b ~ N(0, I)        spherical prior, as in ridge
    e_A ~ N(0, a F + W_A), e_B ~ N(0, (1 - a) F + W_B)

W is white noise as the pretreatment leaves it, of a variance read from each
instrument's spectra (`white_noise`): a few pairs would show it in few directions. F is
the covariance of x_A - x_B - d over the pairs, plus a hundredth of J'J or, with pairs,
less: differences also vary from sample to sample, without labels each kind as much as
`sample_prior.py` says. J comes from `priors.py`, and d has
a normal posterior with mean D and covariance V: from the pairs, or else from the means
of both sets, whose samples differ,

    (mean of B - mean of A) ~ N(0, s J'J + C),  C = F / n  or  C_A (1 / k + 1 / S)

Then each spectrum stands for its sample by the best linear estimate,

    z^ = x (Z + N)^-1 Z,   N = a F + W_A (source),
         a (1 - a) F + (1 - a)^2 W_A + a^2 W_B (pair: (1 - a) x_A + a (x_B - D)),
         (1 - a) F + V + W_B (target: x_B - D)

(regression calibration: Carroll, Ruppert, Stefanski & Crainiceanu, Measurement Error in
Nonlinear Models, 2006, ch. 4), and y given z^ is the Gaussian process of
`label_process.py`, whose f and g are averaged over a grid by their marginal likelihood
(MacKay, Neural Computation 4 (1992) 415). Each assumed noise split a gives one fit: the
likelihood is mostly that of source labels, and tells little of how the target is
predicted, which leaving out its samples in turn does (`ensemble.py`). Prediction is
affine in x.

S = source spectra, k = target spectra, n = pairs, T = labelled target spectra,
r = coordinates, R = terms of the prior, L = points.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve, eigh
from scipy.special import logsumexp

from spektron_jax.transfer.data import UNPAIRED, TransferData
from spektron_jax.transfer.label_process import SIGNALS, Posterior, Rows, averaged

EXTRA_NOISE_GRID = (0.0, 1.0, 10.0, 100.0)  # f


class NoiseSplit(NamedTuple):
    """How the noise that differs between samples is dealt out to the instruments."""

    name: str
    a: float  # share of the source
    extra: tuple[float, ...] = EXTRA_NOISE_GRID
    prior: float = 1.0  # weight before the data


# By the last, the target labels decide all but alone.
NOISE_SPLITS = (
    NoiseSplit("noisy target", 0.0),
    NoiseSplit("both noisy", 0.5),
    NoiseSplit("noisy source", 1.0),
    NoiseSplit("target alone", 1.0, (1e4,), 0.2),
)
UNLABELLED_GRID_SIZE = 6  # of g without target labels, which could rule out more
DIFFERENCE_SIZES = np.array([0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0]) ** 2  # s
MIN_SIGNAL_SHARE = 0.02  # of Z, share of C_A in a direction
SAMPLE_DIFFERENCE = 0.01  # of J'J added to F: differences vary from sample to sample
PRIOR_PAIRS = 2.0  # pairs that are worth as much as that
JITTER = 1e-12  # of the mean variance, where a matrix is singular in rounding


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Both instruments on linear features, in coordinates of the space they span.

    Attributes:
      data: spectra as coordinates                                     (S, r), (k, r)
      terms: J, of the mean difference                                 (R, r)
      noise: W of source and target                                    (r, r) each
      ridge: added to C_A, share of its trace
      sizes: of the terms where they vary from sample to sample, against the mean
        difference; None: all alike                                    (R,)
    """

    data: TransferData
    terms: np.ndarray
    noise: tuple[np.ndarray, np.ndarray]
    ridge: float
    sizes: np.ndarray | None = None

    @property
    def varying(self) -> np.ndarray:
        """J of what varies from sample to sample, (R, r)."""
        return self.terms if self.sizes is None else self.terms * self.sizes[:, None]

    def without(self, rows: np.ndarray) -> "Coordinates":
        """The same without some target samples, on both instruments."""
        return replace(self, data=self.data.without(rows))


@dataclass(frozen=True, eq=False)
class Fit:
    """The posterior mean on coordinates, with one of NOISE_SPLITS.

    Attributes:
      vector: coefficients                                             (r,)
      intercept: in the unit of the property
      evidence: log of the marginal likelihood of the standardised labels, up to a
        constant of the data
      split: the noise split
    """

    vector: np.ndarray
    intercept: float
    evidence: float
    split: NoiseSplit


def fits(spaces: Sequence[Coordinates]) -> list[list[Fit]]:
    """For each property a fit for each of NOISE_SPLITS that can be told.

    Most of the work is done once for all properties.

    Args:
      spaces: that differ in the values of the labels alone: the same samples have one
    """
    data = spaces[0].data
    origin = data.X_source.mean(axis=0)
    A, B = data.X_source - origin, data.X_target - origin
    means = [space.data.y_source.mean() for space in spaces]
    spreads = [space.data.y_source.std() or 1.0 for space in spaces]
    scales = list(zip(means, spreads, strict=True))
    found: list[list[Fit]] = [[] for _ in spaces]
    for split, posteriors in _posteriors(spaces, A, B, scales):
        for own, posterior, (mean, spread) in zip(
            found, posteriors, scales, strict=True
        ):
            vector = spread * posterior.vector
            intercept = float(mean + spread * posterior.constant - origin @ vector)
            own.append(Fit(vector, intercept, posterior.evidence, split))
    return found


def evidence(fits: Sequence[Fit]) -> float:
    """Log mean evidence of a group of fits."""
    return float(logsumexp([fit.evidence for fit in fits]) - np.log(len(fits)))


def _posteriors(
    spaces: Sequence[Coordinates],
    A: np.ndarray,
    B: np.ndarray,
    scales: Sequence[tuple[float, float]],
) -> list[tuple[NoiseSplit, list[Posterior]]]:
    """Posteriors about the mean of the source, spectra (S, r) and (k, r).

    `scales` are mean and SD of each property's source labels.
    """
    space, S = spaces[0], len(A)
    data, white = space.data, space.noise
    pair = data.paired != UNPAIRED
    partner, n = data.paired[pair], int(pair.sum())
    own = ~pair & np.isfinite(data.y_target)
    left = np.setdiff1d(np.arange(S), partner)
    labels = [(each.data.y_source, each.data.y_target) for each in spaces]
    known = [np.concatenate([a[left], a[partner], b[own]]) for a, b in labels]
    mean, sd = np.array(scales).T[..., None]
    y = (np.array(known) - mean) / sd
    kind = np.repeat([0, 1, 2], [left.size, n, own.sum()])
    C_A = A.T @ A / S
    C_A.flat[:: len(C_A) + 1] += space.ridge * (np.trace(C_A) or 1.0)
    F, D, V = _instrument_difference(A, B, pair, partner, space, C_A)
    labelled = n + int(own.sum())
    signals = SIGNALS if labelled else SIGNALS[:UNLABELLED_GRID_SIZE]
    common = 1 / n if n else 1.0

    @functools.cache  # two of the splits differ in the extra noise alone
    def estimated(a: float) -> tuple[Rows, np.ndarray]:
        noise = a * F + white[0]
        share, Q = relative(noise, C_A)
        share = np.maximum(share, 0.0)  # what noise has, but for rounding
        back = C_A @ Q  # Q' C_A Q = I, Q' noise Q = share: coordinates = latent @ back'
        signal = np.maximum(1 - share, MIN_SIGNAL_SHARE)
        Z = (back * signal) @ back.T
        # With a = 1 target labels see the error of D, which then is a constant.
        toward = _estimator(Z, (1 - a) * (F + V) + white[1])
        middle = (1 - a) * A[partner] + a * (B[pair] - D)
        both = (1 - a) ** 2 * white[0] + a**2 * white[1]
        X = [
            ((A[left] @ Q) * (signal / (signal + share))) @ back.T,
            middle @ _estimator(Z, a * (1 - a) * F + both) if n else middle,
            (B[own] - D) @ toward,
        ]
        return Rows(X[0], np.vstack(X[1:]), y, kind), toward

    found = []
    for split in NOISE_SPLITS if n > 1 else NOISE_SPLITS[:1]:
        rows, toward = estimated(split.a)
        extra = split.extra if labelled and (split.a or own.any()) else split.extra[:1]
        each = averaged(rows, split.a, extra, common, signals)
        found.append((split, [_moved(one, toward, D) for one in each]))
    return found


def _moved(posterior: Posterior, toward: np.ndarray, D: np.ndarray) -> Posterior:
    """On target spectra in place of estimates of their samples."""
    vector = toward @ posterior.vector
    constant = float(posterior.constant - D @ vector)
    return posterior._replace(vector=vector, constant=constant)


def _instrument_difference(
    A: np.ndarray,
    B: np.ndarray,
    pair: np.ndarray,
    partner: np.ndarray,
    space: Coordinates,
    C_A: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """F, and mean D and covariance V of d; see the header."""
    n, prior, varying = partner.size, space.terms.T @ space.terms, space.varying
    F = SAMPLE_DIFFERENCE / (1 + max(n - 1, 0) / PRIOR_PAIRS) * varying.T @ varying
    if not len(B):
        return F, np.zeros(len(prior)), prior
    if n > 1:
        F = F + np.cov(B[pair] - A[partner], rowvar=False)
    if n:
        difference = (B[pair] - A[partner]).mean(axis=0)
        C = (F if n > 1 else prior) / n + space.ridge * C_A / n
    else:
        difference, C = B.mean(axis=0), C_A * (1 / len(B) + 1 / len(A))
    return F, *_difference(difference, C, prior)


def _difference(
    observed: np.ndarray, C: np.ndarray, prior: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Posterior mean (r,) and covariance (r, r) of d; its size s by evidence."""
    values, Q = relative(prior, C)
    values, u = np.maximum(values, 0.0), observed @ Q
    total = 1 + DIFFERENCE_SIZES[:, None] * values
    evidence = -0.5 * np.sum(np.log(total) + u**2 / total, axis=1)
    weights = np.exp(evidence - evidence.max())
    size = DIFFERENCE_SIZES @ weights / weights.sum()
    kept = size * values / (1 + size * values)
    back = C @ Q
    return back @ (kept * u), (back * kept) @ back.T


def relative(N: np.ndarray, C: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values and vectors (columns) with Q' C Q = I and Q' N Q diagonal."""
    try:
        return eigh(N, C, check_finite=False)
    except np.linalg.LinAlgError:  # C is singular in rounding
        jitter = JITTER * np.trace(C) * np.eye(len(C))
        return eigh(N, C + jitter, check_finite=False)


def _estimator(Z: np.ndarray, N: np.ndarray) -> np.ndarray:
    """(Z + N)^-1 Z, positive definite both."""
    whole = Z + N
    try:
        factor = cho_factor(whole, check_finite=False)
    except np.linalg.LinAlgError:  # singular in rounding
        jitter = JITTER * np.trace(whole) * np.eye(len(whole))
        factor = cho_factor(whole + jitter, check_finite=False)
    return cho_solve(factor, Z, check_finite=False)
