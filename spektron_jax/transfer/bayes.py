"""Linear calibration of two instruments by evidence, with a prior of their difference.

Spectra about the mean of the source spectra, after one pretreatment:

    x_A = z + e_A                 z ~ N(0, Z)        the sample
    x_B = z + d + e_B             d ~ N(0, s J'J)    the instruments' mean difference
    y = z b + e_y                 b ~ N(0, I)        spherical prior, as in ridge
    e_A ~ N(0, a F + W_A), e_B ~ N(0, (1 - a) F + W_B)

W is white noise as the pretreatment leaves it, of a variance read from each
instrument's spectra (`white_noise`): a few pairs would show it in few directions. F is
the covariance of x_A - x_B - d over the pairs, plus a hundredth of J'J or, with pairs,
less: differences also vary from sample to sample. J comes from `priors.py`, and d has
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
predicted, which leaving out its labels in turn does (`loo_mse`). Prediction is affine
in x.

S = source spectra, k = target spectra, n = pairs, T = labelled target spectra,
L = points.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from spektron_jax.transfer.data import UNPAIRED, TransferData
from spektron_jax.transfer.label_process import SIGNALS, Rows, solved
from spektron_jax.transfer.methods.preprocessing import preprocess
from spektron_jax.transfer.priors import difference_terms

EXTRA_NOISE_GRID = (0.0, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 1e3)  # f


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
UNLABELLED_GRID_SIZE = 12  # of g without target labels, which could rule out more
DIFFERENCE_SIZES = np.array([0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0]) ** 2  # s
# Added to C_A, share of its trace: a derivative leaves more of it to noise.
COVARIANCE_RIDGE = {"raw": 5e-5, "sg1": 3e-4, "sg2": 3e-4}
MIN_SIGNAL_SHARE = 0.02  # of Z, share of C_A in a direction
SAMPLE_DIFFERENCE = 0.01  # of J'J added to F: differences vary from sample to sample
PRIOR_PAIRS = 2.0  # pairs that are worth as much as that
THIRD_DIFFERENCE = np.array([1.0, -3.0, 3.0, -1.0])
MIN_LOO_MSE = 1e-6  # of the labels' variance: smaller errors are those of rounding

FeatureMap = Callable[[np.ndarray], np.ndarray]  # (n, L) -> (n, F), linear


@dataclass(frozen=True, eq=False)
class Fit:
    """The posterior mean on one feature map of spectra, with one of NOISE_SPLITS.

    Attributes:
      vector: coefficients of the features                             (F,)
      intercept: in the unit of the property
      evidence: log of the marginal likelihood of the standardised labels, up to a
        constant of the data
      split: the noise split
      n_labelled: number of known target labels
      loo_mse: mean squared error of these, standardised, each left out in turn and
        predicted from its target spectrum; NaN without any
    """

    vector: np.ndarray
    intercept: float
    evidence: float
    split: NoiseSplit
    n_labelled: int
    loo_mse: float


def fit_preprocessed(
    data: TransferData, pretreatment: str, noise: tuple[float, float] | None = None
) -> tuple[Fit, ...]:
    """Fits on preprocessed spectra; `noise` as in `fit_features`."""
    ridge = COVARIANCE_RIDGE[pretreatment]
    features = functools.partial(preprocess, pretreatment=pretreatment)
    return fit_features(data, features, ridge, noise=noise)


def fit_features(
    data: TransferData,
    feature_map: FeatureMap,
    ridge: float,
    centre: np.ndarray | None = None,
    white: np.ndarray | None = None,
    noise: tuple[float, float] | None = None,
) -> tuple[Fit, ...]:
    """Fits on any linear features, one for each of NOISE_SPLITS that can be told.

    Args:
      data: both instruments
      feature_map: (n, L) -> (n, F)
      ridge: see COVARIANCE_RIDGE
      centre: spectrum whose differences between instruments are the prior; None: the
        mean of the source                                             (L,)
      white: rows whose squares sum up to unit white noise; None: the identity (., L)
      noise: `instrument_noise` of the data, if it is known already
    """
    A, B = feature_map(data.X_source), feature_map(data.X_target)
    if centre is None:
        centre = data.X_source.mean(axis=0)
    J = feature_map(difference_terms(centre))
    origin, unit = A.mean(axis=0), float(A.std(axis=0).mean()) or 1.0
    A, B, J = (A - origin) / unit, (B - origin) / unit, J / unit
    _, s, V = np.linalg.svd(np.vstack([A, B, J]), full_matrices=False)
    span = V[s > 1e-9 * s[0]].T
    A, B, J = A @ span, B @ span, J @ span
    if white is None:
        white = np.eye(centre.size)
    T = feature_map(white) @ span / unit
    source, target = instrument_noise(data) if noise is None else noise
    unit_noise = T.T @ T
    both = source * unit_noise, target * unit_noise
    mean, spread = data.y_source.mean(), data.y_source.std()
    fits = []
    for fit in _posteriors(data, A, B, J, both, (mean, spread), ridge):
        vector = span @ fit.vector * (spread / unit)
        intercept = float(mean + spread * fit.intercept - origin @ vector)
        fits.append(replace(fit, vector=vector, intercept=intercept))
    return tuple(fits)


def instrument_noise(data: TransferData) -> tuple[float, float]:
    """Variance of white noise of source and target spectra."""
    return white_noise(data.X_source), white_noise(data.X_target)


def white_noise(X: np.ndarray) -> float:
    """Variance of noise that differs from point to point and spectrum to spectrum.

    (m, L) -> (). The lesser of two, which signals make larger: of third differences,
    and of the lesser half of the principal components.
    """
    m, L = X.shape
    if m < 2:
        return 0.0
    X = X - X.mean(axis=0)
    rest = min(m - 1, L)
    kept = rest // 2
    values = np.linalg.svd(X, compute_uv=False)[kept:rest] ** 2
    variance = values.sum() / ((m - 1 - kept) * (L - kept))
    if L > THIRD_DIFFERENCE.size:
        fine = np.sum(np.diff(X, 3, axis=1) ** 2, axis=0) / (m - 1)
        variance = min(variance, np.median(fine) / np.sum(THIRD_DIFFERENCE**2))
    return float(variance)


def scores(fits: Sequence[Fit]) -> np.ndarray:
    """Log weights of fits of the same data: alike without target labels, else

    prior x loo_mse^(-3 n / 8), the likelihood that n errors profile, to the power of
    3/4: 10 labels tell members apart only roughly.
    """
    n = fits[0].n_labelled
    if not n:
        return np.zeros(len(fits))
    loo_mse = np.array([fit.loo_mse for fit in fits])
    prior = np.log([fit.split.prior for fit in fits])
    return prior - 0.375 * n * np.log(np.maximum(loo_mse, MIN_LOO_MSE))


def evidence(fits: Sequence[Fit]) -> float:
    """Log mean evidence of a group of fits."""
    return float(logsumexp([fit.evidence for fit in fits]) - np.log(len(fits)))


def _posteriors(
    data: TransferData,
    A: np.ndarray,
    B: np.ndarray,
    J: np.ndarray,
    white: tuple[np.ndarray, np.ndarray],
    label_scale: tuple[float, float],
    ridge: float,
) -> list[Fit]:
    """Fits in coordinates (S, r), (k, r) and (R, r) about the mean of the source."""
    pair = data.paired != UNPAIRED
    partner, n, S = data.paired[pair], int(pair.sum()), len(A)
    own = ~pair & np.isfinite(data.y_target)
    left = np.setdiff1d(np.arange(S), partner)
    known = data.y_source[left], data.y_source[partner], data.y_target[own]
    y = (np.concatenate(known) - label_scale[0]) / label_scale[1]
    kind = np.repeat([0, 1, 2], [left.size, n, own.sum()])
    C_A = A.T @ A / S
    C_A += ridge * (np.trace(C_A) or 1.0) * np.eye(A.shape[1])
    F, D, V = _instrument_difference(A, B, pair, partner, J.T @ J, C_A, ridge)
    half, inverse = _roots(C_A)
    labelled = n + int(own.sum())
    signals = SIGNALS if labelled else SIGNALS[:UNLABELLED_GRID_SIZE]

    @functools.cache  # two of the splits differ in the extra noise alone
    def estimated(a: float) -> tuple[Rows, np.ndarray]:
        share, Q = np.linalg.eigh(inverse @ (a * F + white[0]) @ inverse)
        back = half @ Q
        Z = (back * np.maximum(1 - share, MIN_SIGNAL_SHARE)) @ back.T
        # With a = 1 target labels see the error of D, which then is a constant.
        toward = _estimate(Z, (1 - a) * (F + V) + white[1])
        middle = (1 - a) * A[partner] + a * (B[pair] - D)
        both = (1 - a) ** 2 * white[0] + a**2 * white[1]
        X = [
            A[left] @ _estimate(Z, a * F + white[0]),
            middle @ _estimate(Z, a * (1 - a) * F + both),
            (B[own] - D) @ toward,
        ]
        X_target = (np.vstack([B[pair], B[own]]) - D) @ toward
        return Rows(np.vstack(X), y, kind, X_target), toward

    fits = []
    for split in NOISE_SPLITS if n > 1 else NOISE_SPLITS[:1]:
        rows, toward = estimated(split.a)
        extra = split.extra if labelled and (split.a or own.any()) else split.extra[:1]
        fit = _averaged(rows, split, extra, 1 / n if n else 1.0, signals)
        vector = toward @ fit.vector
        intercept = float(fit.intercept - D @ vector)
        fits.append(replace(fit, vector=vector, intercept=intercept))
    return fits


def _instrument_difference(
    A: np.ndarray,
    B: np.ndarray,
    pair: np.ndarray,
    partner: np.ndarray,
    prior: np.ndarray,
    C_A: np.ndarray,
    ridge: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """F, and mean D and covariance V of d; see the header."""
    n = partner.size
    F = SAMPLE_DIFFERENCE / (1 + max(n - 1, 0) / PRIOR_PAIRS) * prior
    if not len(B):
        return F, np.zeros(len(prior)), prior
    if n > 1:
        F = F + np.cov(B[pair] - A[partner], rowvar=False)
    if n:
        difference = (B[pair] - A[partner]).mean(axis=0)
        C = (F if n > 1 else prior) / n + ridge * C_A / n
    else:
        difference, C = B.mean(axis=0), C_A * (1 / len(B) + 1 / len(A))
    return F, *_difference(difference, C, prior)


def _averaged(
    rows: Rows,
    split: NoiseSplit,
    extra: Sequence[float],
    common: float,
    signals: np.ndarray,
) -> Fit:
    """The fit to z^, averaged over f and g by their evidence."""
    parts = [solved(rows, split.a, f, common, signals) for f in extra]
    logs, vectors, constants, left_out = (
        np.concatenate(each, axis=-1) for each in zip(*parts, strict=True)
    )
    weights = np.exp(logs - logs.max())
    whole = float(np.log(weights.mean()) + logs.max())
    weights /= weights.sum()
    labelled = len(rows.X_target)
    error = left_out @ weights - rows.y[rows.y.size - labelled :]
    return Fit(
        vectors @ weights,
        float(constants @ weights),
        whole,
        split,
        labelled,
        float(np.mean(error**2)) if labelled else np.nan,
    )


def _difference(
    observed: np.ndarray, C: np.ndarray, prior: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Posterior mean (r,) and covariance (r, r) of d; its size s by evidence."""
    half, inverse = _roots(C)
    values, Q = np.linalg.eigh(inverse @ prior @ inverse)
    values, u = np.maximum(values, 0.0), Q.T @ inverse @ observed
    total = 1 + DIFFERENCE_SIZES[:, None] * values
    evidence = -0.5 * np.sum(np.log(total) + u**2 / total, axis=1)
    weights = np.exp(evidence - evidence.max())
    size = DIFFERENCE_SIZES @ weights / weights.sum()
    kept = size * values / (1 + size * values)
    back = half @ Q
    return back @ (kept * u), (back * kept) @ back.T


def _estimate(Z: np.ndarray, N: np.ndarray) -> np.ndarray:
    return np.linalg.solve(Z + N, Z)


def _roots(C: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """C^(1/2) and C^(-1/2)."""
    values, U = np.linalg.eigh(C)
    root = np.sqrt(np.maximum(values, 1e-12 * values[-1]))
    return (U * root) @ U.T, (U / root) @ U.T
