"""The Gaussian process of labels, given estimates z^ of the samples' spectra.

A linear kernel, noise of its own for source, pair and target, and a common error o of
all target spectra:

    y ~ N(0, v (g z^ z^' + diag(noise) + o o' + b)),  v ~ inverse gamma

    noise = 1 + a f, 1 + a (1 - a) f, 1 + (1 - a) f;   o = sqrt(f c) (0, a, 1)

with a the source's share of the noise that differs between samples (`bayes.py`), c = 1
over the number of pairs, or 1, and b the variance of the intercept.

m = rows, T = labelled target spectra, r = coordinates, G = signal strengths.
"""

import functools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

SIGNALS = np.exp(np.linspace(-2.0, 15.0, 18))  # g
INTERCEPT_VARIANCE = 1e3  # b
GAMMA = (1.0, 0.2)  # inverse gamma of v: shape, scale


class Basis(NamedTuple):
    """The rows in coordinates in which the source spectra are uncorrelated.

    Attributes:
      axes: of these coordinates                                       (r, r)
      values: sums of squares of the source rows along them            (r,)
      label, one: sums over source rows of coordinates times y and 1   (r,)
      rest, target: the last T rows, from all and from their target spectra  (T, r)
    """

    axes: np.ndarray
    values: np.ndarray
    label: np.ndarray
    one: np.ndarray
    rest: np.ndarray
    target: np.ndarray


@dataclass(frozen=True, eq=False)
class Rows:
    """What y is known of: spectra as estimates of samples, and their noise.

    Attributes:
      X: z^                                                            (m, r)
      y: standardised labels                                           (m,)
      kind: 0 source, 1 pair, 2 target; source rows come first         (m,)
      X_target: z^ of the last T rows, which are the pairs and the target's, from their
        target spectra alone                                           (T, r)
    """

    X: np.ndarray
    y: np.ndarray
    kind: np.ndarray
    X_target: np.ndarray

    @functools.cached_property
    def basis(self) -> Basis:
        """Found once for all strengths of noise and signal."""
        sources = self.y.size - len(self.X_target)
        X, rest = self.X[:sources], self.X[sources:]
        values, axes = np.linalg.eigh(X.T @ X)
        sums = self.y[:sources] @ X, X.sum(axis=0), rest, self.X_target
        return Basis(axes, np.maximum(values, 0.0), *(each @ axes for each in sums))


def solved(
    rows: Rows, a: float, f: float, common: float, signals: np.ndarray = SIGNALS
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Log evidence (G,), coefficients of z^ (r, G), constants (G,), left-out (T, G).

    In the basis of the source spectra their part of the posterior precision of the
    coefficients is diagonal, d = g^-1 + values / noise. What else is known, T rows and
    the two numbers that o and the intercept are multiples of, is added by block
    elimination, so that no matrix has more than T rows.

    Left-out are predictions of target labels from the others: with K the covariance of
    labels and k that of the predicted one, k' K^-1 y without row i (Rasmussen &
    Williams, Gaussian Processes for Machine Learning, 2006, 5.4.2).
    """
    m, basis = rows.y.size, rows.basis
    sources = m - len(rows.X_target)
    y, y_rest = rows.y[:sources], rows.y[sources:]
    noise = 1 + f * np.array([a, a * (1 - a), 1 - a])
    o = np.sqrt(f * common) * np.array([0.0, a, 1.0])
    b, unit = np.sqrt(INTERCEPT_VARIANCE), np.sum(rows.X**2) / m or 1.0
    inverse = 1 / (unit / signals[:, None] + basis.values / noise[0])  # 1 / d, (G, r)

    # Products of y, o and the intercept's column b over K without the last two, (3, 3).
    sums = np.stack([basis.label, np.zeros_like(basis.one), b * basis.one])
    known = np.stack([y, np.zeros_like(y), np.full_like(y, b)])
    others = np.stack([y_rest, o[rows.kind[sources:]], np.full_like(y_rest, b)])
    spread = basis.rest * inverse[:, None]  # (G, T, r)
    covariance = spread @ basis.rest.T + np.diag(noise[rows.kind[sources:]])
    news = others - sums / noise[0] @ np.swapaxes(spread, 1, 2)  # (G, 3, T)
    dual = np.linalg.solve(covariance, np.swapaxes(news, 1, 2))  # (G, T, 3)
    from_source = known @ known.T - sums * inverse[:, None] @ sums.T / noise[0]
    products = from_source / noise[0] + news @ dual
    inner = np.eye(2) + products[:, 1:, 1:]
    c = np.linalg.solve(inner, products[:, 1:, :1])  # multiples of o and b, (G, 2, 1)

    shape, scale = GAMMA
    quadratic = products[:, 0, 0] - np.sum(products[:, 1:, 0] * c[..., 0], axis=1)
    ratio = signals[:, None] * basis.values / (unit * noise[0])
    determinant = sources * np.log(noise[0]) + np.log1p(ratio).sum(axis=1)
    determinant += np.linalg.slogdet(covariance)[1] + np.linalg.slogdet(inner)[1]
    evidence = -determinant / 2 - (shape + m / 2) * np.log(scale + quadratic / 2)
    of_rest = dual[..., 0] - (dual[..., 1:] @ c)[..., 0]  # K^-1 y there, (G, T)
    known_part = inverse * (basis.label - b * c[:, 1] * basis.one) / noise[0]
    inside = known_part + (of_rest[:, None] @ spread)[:, 0]  # (G, r)
    vectors = basis.axes @ inside.T
    constants = b * c[:, 1, 0] + o[2] * c[:, 0, 0]

    # The same for the labels e_i: what row i itself adds to its prediction.
    c_of = np.linalg.solve(inner, np.swapaxes(dual[..., 1:], 1, 2))  # (G, 2, T)
    own = np.linalg.inv(covariance) - dual[..., 1:] @ c_of  # K^-1 there, (G, T, T)
    toward = basis.target * inverse[:, None]
    through = np.einsum("giq,gqi->gi", toward @ basis.rest.T, own)
    through += b * c_of[:, 1] * (1 - toward @ basis.one / noise[0])
    through += o[2] * c_of[:, 0]
    diagonal = np.diagonal(own, axis1=1, axis2=2)
    left_out = rows.X_target @ vectors + constants - (through * of_rest / diagonal).T
    return evidence, vectors, constants, left_out
