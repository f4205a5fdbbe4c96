"""The Gaussian process of labels, given estimates z^ of the samples' spectra.

A linear kernel, noise of its own for source, pair and target, and a common error o of
all target spectra:

    y ~ N(0, v (g z^ z^' + diag(noise) + o o' + b)),  v ~ inverse gamma

    noise = 1 + a f, 1 + a (1 - a) f, 1 + (1 - a) f;   o = sqrt(f c) (0, a, 1)

with a the source's share of the noise that differs between samples (`bayes.py`), c = 1
over the number of pairs, or 1, and b the variance of the intercept.

m = rows, T = labelled target spectra, r = coordinates, G = signal strengths.
"""

from dataclasses import dataclass

import numpy as np

SIGNALS = np.exp(np.linspace(-2.0, 15.0, 18))  # g
INTERCEPT_VARIANCE = 1e3  # b
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


def solved(
    rows: Rows, a: float, f: float, common: float, signals: np.ndarray = SIGNALS
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Log evidence (G,), coefficients of z^ (r, G), constants (G,), left-out (T, G).

    Left-out are predictions of target labels from the others: with K the covariance of
    labels and k that of the predicted one, k' K^-1 y without row i (Rasmussen &
    Williams, Gaussian Processes for Machine Learning, 2006, 5.4.2).
    """
    m = rows.y.size
    noise = (1 + f * np.array([a, a * (1 - a), 1 - a]))[rows.kind]
    o = np.sqrt(f * common) * np.array([0.0, a, 1.0])
    base = np.diag(noise) + np.outer(o[rows.kind], o[rows.kind]) + INTERCEPT_VARIANCE
    L = np.linalg.cholesky(base)
    inverse = np.linalg.inv(L)
    unit = np.sum(rows.X**2) / m or 1.0
    values, U = np.linalg.eigh(inverse @ (rows.X @ rows.X.T / unit) @ inverse.T)
    rotated = U.T @ (inverse @ rows.y)
    total = 1 + signals[:, None] * np.maximum(values, 0.0)  # (G, m)
    shape, scale = GAMMA
    evidence = -0.5 * np.log(total).sum(axis=1) - np.log(np.diag(L)).sum()
    quadratic = np.sum(rotated**2 / total, axis=1)
    evidence -= (shape + m / 2) * np.log(scale + quadratic / 2)
    dual = inverse.T @ U @ (rotated / total).T  # (m, G)
    vectors = rows.X.T @ dual * (signals / unit)
    constants = INTERCEPT_VARIANCE * dual.sum(axis=0) + o[2] * (o[rows.kind] @ dual)
    T = len(rows.X_target)
    last = np.arange(m - T, m)
    left_out = rows.X_target @ vectors + constants
    own = inverse.T @ U  # K^-1 = own diag(1 / total) own'
    fixed = INTERCEPT_VARIANCE + o[2] * o[rows.kind]
    # k' K^-1 e_i = g (X_target X' / unit) K^-1 e_i + fixed' K^-1 e_i
    near = (rows.X_target @ rows.X.T / unit) @ own * own[last]
    far = (fixed @ own) * own[last]
    diagonal = own[last] ** 2 @ (1 / total).T
    through = (near @ (1 / total).T) * signals + far @ (1 / total).T
    left_out -= through * dual[last] / diagonal
    return evidence, vectors, constants, left_out
