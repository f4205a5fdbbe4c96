"""Linear calibration of two instruments by evidence, with a prior of their difference.

Spectra about the mean of the source spectra, after one pretreatment:

    x_A = z + e_A                 z ~ N(0, Z)        the sample
    x_B = z + d + e_B             d ~ N(0, s J'J)    the instruments' mean difference
    y = z b + e_y                 b ~ N(0, I)        spherical prior, as in ridge
    e_A ~ N(0, a F + W_A), e_B ~ N(0, (1 - a) F + W_B)

W is white noise as the pretreatment leaves it, of a variance read from each
instrument's spectra (`white_noise`): a few pairs would show it in few directions. F is
the covariance of x_A - x_B - d over the pairs, plus a hundredth of J'J or, with pairs,
less: differences also vary from sample to sample. J comes from `instrument_prior.py`,
and d has a normal posterior with mean D and covariance V: from the pairs, or else from
the means of both sets, whose samples differ,

    (mean of B - mean of A) ~ N(0, s J'J + C),  C = F / n  or  C_A (1 / k + 1 / S)

Then each spectrum stands for its sample by the best linear estimate,

    z^ = x (Z + N)^-1 Z,   N = a F + W_A (source),
         a (1 - a) F + (1 - a)^2 W_A + a^2 W_B (pair: (1 - a) x_A + a (x_B - D)),
         (1 - a) F + V + W_B (target: x_B - D)

(regression calibration: Carroll, Ruppert, Stefanski & Crainiceanu, Measurement Error in
Nonlinear Models, 2006, ch. 4), and y given z^ is a Gaussian process with linear kernel,
noise of its own for source, pair and target, and a common error of all target spectra:

    y ~ N(0, v (g z^ z^' + diag(noise) + o o' + broad)),  v ~ inverse gamma

    noise = 1 + a f, 1 + a (1 - a) f, 1 + (1 - a) f;   o = sqrt(f c) (0, a, 1)

with c = 1 / n (pairs) or 1. f and g are averaged over a grid by their marginal
likelihood (MacKay, Neural Computation 4 (1992) 415). a, which instrument is the noisy
one, gives a fit each: the likelihood is mostly that of source labels, and tells little
of how the target is predicted, which leaving out its labels in turn does (`misfit`).
Prediction is affine in x.

S = source spectra, k = target spectra, n = pairs, T = labelled target spectra,
L = points, G = signal strengths.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import logsumexp

from spektron_jax.transfer.data import UNPAIRED, TransferData
from spektron_jax.transfer.instrument_prior import difference_terms
from spektron_jax.transfer.methods.preprocessing import preprocess

EXTRA = (0.0, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 1e3)  # f
# a, f and prior weight of each fit; by the last, the target speaks all but alone.
SUPPOSED = ((0.0, EXTRA, 1.0), (0.5, EXTRA, 1.0), (1.0, EXTRA, 1.0), (1.0, (1e4,), 0.2))
SIGNALS = np.exp(np.linspace(-2.0, 15.0, 18))  # g
MODEST = 12  # of these without target labels, which could speak against more
SIZES = np.array([0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0]) ** 2  # s
# Added to C_A, share of its trace: a derivative leaves more of it to noise.
RIDGE = {"raw": 5e-5, "sg1": 3e-4, "sg2": 3e-4}
LEAST = 0.02  # of Z, share of C_A in a direction
SPREAD = 0.01  # of J'J added to F: differences that vary from sample to sample
WORTH = 2.0  # pairs that are worth as much as that
THIRD = np.array([1.0, -3.0, 3.0, -1.0])  # difference
BROAD = 1e3  # variance of the intercept
LEAST_MISFIT = 1e-6  # of the labels' variance: smaller errors are those of rounding
GAMMA = (1.0, 0.2)  # inverse gamma of v: shape, scale


@dataclass(frozen=True, eq=False)
class Rows:
    """What y is known of: spectra as estimates of samples, and their noise.

    Attributes:
      X: z^                                                            (m, r)
      y: standardised labels                                           (m,)
      kind: 0 source, 1 pair, 2 target                                 (m,)
      X_target: z^ of the last T rows from their target spectra alone  (T, r)
    """

    X: np.ndarray
    y: np.ndarray
    kind: np.ndarray
    X_target: np.ndarray


@dataclass(frozen=True, eq=False)
class Fit:
    """The posterior mean on one view of spectra, with one of SUPPOSED.

    Attributes:
      vector: coefficients of the view                                 (F,)
      constant: intercept, in the unit of the property
      evidence: log of the marginal likelihood of the standardised labels, up to a
        constant of the data
      prior: weight before the data
      asked: number of known target labels
      misfit: mean squared error of these, standardised, each left out in turn and
        predicted from its target spectrum; NaN without any
    """

    vector: np.ndarray
    constant: float
    evidence: float
    prior: float
    asked: int
    misfit: float


def fit_preprocessed(data: TransferData, pretreatment: str) -> tuple[Fit, ...]:
    """Fits on preprocessed spectra."""
    return fit_view(data, lambda X: preprocess(X, pretreatment), RIDGE[pretreatment])


def fit_view(
    data: TransferData, view, ridge: float, centre=None, white=None
) -> tuple[Fit, ...]:
    """Fits on any linear view of spectra, one for each of SUPPOSED that can be told.

    Args:
      data: both instruments
      view: (n, L) -> (n, F)
      ridge: see RIDGE
      centre: spectrum whose differences between instruments are the prior; None: the
        mean of the source                                             (L,)
      white: rows whose squares sum up to unit white noise; None: the identity (., L)
    """
    A, B = view(data.X_source), view(data.X_target)
    if centre is None:
        centre = data.X_source.mean(axis=0)
    J = view(difference_terms(centre))
    origin, unit = A.mean(axis=0), float(A.std(axis=0).mean()) or 1.0
    A, B, J = (A - origin) / unit, (B - origin) / unit, J / unit
    _, s, V = np.linalg.svd(np.vstack([A, B, J]), full_matrices=False)
    span = V[s > 1e-9 * s[0]].T
    A, B, J = A @ span, B @ span, J @ span
    if white is None:
        white = np.eye(centre.size)
    T = view(white) @ span / unit
    noise = white_noise(data.X_source) * T.T @ T, white_noise(data.X_target) * T.T @ T
    mean, spread = data.y_source.mean(), data.y_source.std()
    fits = []
    for fit in _posteriors(data, A, B, J, noise, (mean, spread), ridge):
        vector = span @ fit.vector * (spread / unit)
        constant = float(mean + spread * fit.constant - origin @ vector)
        fits.append(replace(fit, vector=vector, constant=constant))
    return tuple(fits)


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
    found = values.sum() / ((m - 1 - kept) * (L - kept))
    if L > THIRD.size:
        fine = np.sum(np.diff(X, 3, axis=1) ** 2, axis=0) / (m - 1)
        found = min(found, np.median(fine) / np.sum(THIRD**2))
    return float(found)


def scores(fits: Sequence[Fit]) -> np.ndarray:
    """Log weights of fits of the same data: alike without target labels, else

    prior x misfit^(-3 n / 8), the likelihood that n errors profile, to the power of
    3/4: 10 labels tell members apart only roughly.
    """
    if not fits[0].asked:
        return np.zeros(len(fits))
    misfit = np.array([fit.misfit for fit in fits])
    prior = np.log([fit.prior for fit in fits])
    return prior - 0.375 * fits[0].asked * np.log(np.maximum(misfit, LEAST_MISFIT))


def evidence(fits: Sequence[Fit]) -> float:
    """Log mean evidence of a group of fits."""
    return float(logsumexp([fit.evidence for fit in fits]) - np.log(len(fits)))


def _posteriors(data, A, B, J, white, label_scale, ridge) -> list[Fit]:
    pair = data.paired != UNPAIRED
    partner, n, S = data.paired[pair], int(pair.sum()), len(A)
    y_source = (data.y_source - label_scale[0]) / label_scale[1]
    own = ~pair & np.isfinite(data.y_target)
    y_own = (data.y_target[own] - label_scale[0]) / label_scale[1]
    r, prior = A.shape[1], J.T @ J
    C_A = A.T @ A / S
    C_A += ridge * (np.trace(C_A) or 1.0) * np.eye(r)
    F = SPREAD / (1 + max(n - 1, 0) / WORTH) * prior
    if n > 1:
        F = F + np.cov(B[pair] - A[partner], rowvar=False)
    if n:
        seen = (B[pair] - A[partner]).mean(axis=0)
        C = (F if n > 1 else prior) / n + ridge * C_A / n
    elif len(B):
        seen, C = B.mean(axis=0), C_A * (1 / len(B) + 1 / S)
    if len(B):
        D, V = _difference(seen, C, prior)
    else:
        D, V = np.zeros(r), prior
    half, inverse = _roots(C_A)
    left = np.setdiff1d(np.arange(S), partner)
    labelled = n + int(own.sum())
    signals = SIGNALS if labelled else SIGNALS[:MODEST]
    fits = []
    for a, extra, before in SUPPOSED if n > 1 else SUPPOSED[:1]:
        share, Q = np.linalg.eigh(inverse @ (a * F + white[0]) @ inverse)
        back = half @ Q
        Z = (back * np.maximum(1 - share, LEAST)) @ back.T
        # With a = 1 target labels see the error of D, which then is a constant.
        toward = _estimate(Z, (1 - a) * (F + V) + white[1])
        middle = (1 - a) * A[partner] + a * (B[pair] - D)
        both = (1 - a) ** 2 * white[0] + a**2 * white[1]
        rows = Rows(
            np.vstack(
                [
                    A[left] @ _estimate(Z, a * F + white[0]),
                    middle @ _estimate(Z, a * (1 - a) * F + both),
                    (B[own] - D) @ toward,
                ]
            ),
            np.concatenate([y_source[left], y_source[partner], y_own]),
            np.repeat([0, 1, 2], [left.size, n, own.sum()]),
            (np.vstack([B[pair], B[own]]) - D) @ toward,
        )
        extra = extra if labelled and (a or own.any()) else extra[:1]
        parts = [_grid(rows, a, f, 1 / n if n else 1.0, signals) for f in extra]
        logs, vectors, constants, left_out = (
            np.concatenate(each, axis=-1) for each in zip(*parts, strict=True)
        )
        weights = np.exp(logs - logs.max())
        whole = float(np.log(weights.mean()) + logs.max())
        weights /= weights.sum()
        error = left_out @ weights - rows.y[rows.y.size - labelled :]
        vector = toward @ (vectors @ weights)
        fits.append(
            Fit(
                vector,
                float(constants @ weights - D @ vector),
                whole,
                before,
                labelled,
                float(np.mean(error**2)) if labelled else np.nan,
            )
        )
    return fits


def _grid(rows: Rows, a: float, f: float, common: float, signals=SIGNALS) -> tuple:
    """Log evidence (G,), coefficients of z^ (r, G), constants (G,), left-out (T, G).

    Left-out are predictions of target labels from the others: with K the covariance of
    labels and k that of the asked one, k' K^-1 y without row i (Rasmussen & Williams,
    Gaussian Processes for Machine Learning, 2006, 5.4.2).
    """
    m = rows.y.size
    noise = (1 + f * np.array([a, a * (1 - a), 1 - a]))[rows.kind]
    o = np.sqrt(f * common) * np.array([0.0, a, 1.0])
    base = np.diag(noise) + np.outer(o[rows.kind], o[rows.kind]) + BROAD
    L = np.linalg.cholesky(base)
    inverse = np.linalg.inv(L)
    unit = np.sum(rows.X**2) / m or 1.0
    values, U = np.linalg.eigh(inverse @ (rows.X @ rows.X.T / unit) @ inverse.T)
    rotated = U.T @ (inverse @ rows.y)
    total = 1 + signals[:, None] * np.maximum(values, 0.0)  # (G, m)
    shape, scale = GAMMA
    evidence = -0.5 * np.log(total).sum(axis=1) - np.log(np.diag(L)).sum()
    misfit = np.sum(rotated**2 / total, axis=1)
    evidence -= (shape + m / 2) * np.log(scale + misfit / 2)
    dual = inverse.T @ U @ (rotated / total).T  # (m, G)
    vectors = rows.X.T @ dual * (signals / unit)
    constants = BROAD * dual.sum(axis=0) + o[2] * (o[rows.kind] @ dual)
    T = len(rows.X_target)
    asked = np.arange(m - T, m)
    left_out = rows.X_target @ vectors + constants
    own = inverse.T @ U  # K^-1 = own diag(1 / total) own'
    fixed = BROAD + o[2] * o[rows.kind]
    # k' K^-1 e_i = g (X_target X' / unit) K^-1 e_i + fixed' K^-1 e_i
    near = (rows.X_target @ rows.X.T / unit) @ own * own[asked]
    far = (fixed @ own) * own[asked]
    diagonal = own[asked] ** 2 @ (1 / total).T
    through = (near @ (1 / total).T) * signals + far @ (1 / total).T
    left_out -= through * dual[asked] / diagonal
    return evidence, vectors, constants, left_out


def _difference(seen, C, prior) -> tuple[np.ndarray, np.ndarray]:
    """Posterior mean (r,) and covariance (r, r) of d; its size s by evidence."""
    half, inverse = _roots(C)
    values, Q = np.linalg.eigh(inverse @ prior @ inverse)
    values, u = np.maximum(values, 0.0), Q.T @ inverse @ seen
    total = 1 + SIZES[:, None] * values
    evidence = -0.5 * np.sum(np.log(total) + u**2 / total, axis=1)
    weights = np.exp(evidence - evidence.max())
    size = SIZES @ weights / weights.sum()
    kept = size * values / (1 + size * values)
    back = half @ Q
    return back @ (kept * u), (back * kept) @ back.T


def _estimate(Z, N) -> np.ndarray:
    return np.linalg.solve(Z + N, Z)


def _roots(C) -> tuple[np.ndarray, np.ndarray]:
    """C^(1/2) and C^(-1/2)."""
    values, U = np.linalg.eigh(C)
    root = np.sqrt(np.maximum(values, 1e-12 * values[-1]))
    return (U * root) @ U.T, (U / root) @ U.T
