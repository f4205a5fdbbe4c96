"""The Gaussian process of labels, given estimates z^ of the samples' spectra.

A linear kernel, noise of its own for source, pair and target, and a common error o of
all target spectra:

    y ~ N(0, v (g z^ z^' + diag(noise) + o o' + b)),  v ~ inverse gamma

    noise = 1 + a f, 1 + a (1 - a) f, 1 + (1 - a) f;   o = sqrt(f c) (0, a, 1)

with a the source's share of the noise that differs between samples (`bayes.py`), c = 1
over the number of pairs, or 1, and b the variance of the intercept.

What the labels have no part in is found once for all properties of the same samples.

m = rows, S = those of the source alone, T = the others, P = properties, r =
coordinates, e = principal axes of the rows, G, N = signal strengths, pairs of noise and
signal strengths.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh

SIGNALS = np.exp(np.linspace(-2.0, 14.0, 9))  # g
INTERCEPT_VARIANCE = 1e3  # b
GAMMA = (1.0, 0.2)  # inverse gamma of v: shape, scale
MAX_ELEMENTS = 1_000_000  # of all covariances that are solved at once
EXHAUSTED = 1e-9  # relative length below which a row adds no direction


class Basis(NamedTuple):
    """The rows in coordinates in which the source spectra are uncorrelated.

    Attributes:
      axes: of these coordinates                                       (r, e)
      values: sums of squares of the source rows along them            (e,)
      label, one: sums over source rows of coordinates times y and 1   (P, e), (e,)
      rest: the last T rows                                            (T, e)
    """

    axes: np.ndarray
    values: np.ndarray
    label: np.ndarray
    one: np.ndarray
    rest: np.ndarray


class Posterior(NamedTuple):
    """Coefficients (r,), constant, and log evidence up to a constant of the data."""

    vector: np.ndarray
    constant: float
    evidence: float


@dataclass(frozen=True, eq=False)
class Rows:
    """What y is known of: spectra as estimates of samples, and their noise.

    Attributes:
      source: z^ of samples on the source alone                        (S, r)
      rest: of pairs, then of samples on the target alone              (T, r)
      y: standardised labels                                           (P, m)
      kind: 0 source, 1 pair, 2 target                                 (m,)
    """

    source: np.ndarray
    rest: np.ndarray
    y: np.ndarray
    kind: np.ndarray

    @functools.cached_property
    def mean_square(self) -> float:
        """Mean squared length of a row; 1 where all are zero."""
        return (
            float((np.sum(self.source**2) + np.sum(self.rest**2)) / self.kind.size)
            or 1.0
        )

    @functools.cached_property
    def basis(self) -> Basis:
        """Found once for all strengths of noise and signal."""
        X, rest = self.source, self.rest
        if len(X) < X.shape[1]:
            _, s, V = np.linalg.svd(X, full_matrices=False)
            outside = rest - (rest @ V.T) @ V
            outside -= (outside @ V.T) @ V
            _, size, more = np.linalg.svd(outside, full_matrices=False)
            kept = size > EXHAUSTED * (max(s.max(initial=0.0), size.max(initial=0.0)))
            axes = np.vstack([V, more[kept]]).T
            values = np.append(s**2, np.zeros(kept.sum()))
        else:
            values, axes = eigh(X.T @ X, check_finite=False)
        sums = self.y[:, : len(X)] @ X, X.sum(axis=0), rest
        return Basis(axes, np.maximum(values, 0.0), *(each @ axes for each in sums))


def averaged(
    rows: Rows, a: float, extra: Sequence[float], common: float, signals: np.ndarray
) -> list[Posterior]:
    """The posterior mean of each property, averaged over f and g by their evidence.

    Args:
      rows: estimates and labels
      a: see the header
      extra: f
      common: c
      signals: g                                                       (G,)
    """
    f, g = (each.ravel() for each in np.meshgrid(extra, signals, indexing="ij"))
    # All at once for few other rows; else a matrix of (T, T) for each takes memory.
    size = max(1, MAX_ELEMENTS // max(len(rows.rest), 1) ** 2)
    parts = [
        _solved(rows, a, f[first : first + size], common, g[first : first + size])
        for first in range(0, f.size, size)
    ]
    each = (np.concatenate(part, axis=1) for part in zip(*parts, strict=True))
    return [_mean(rows, *one) for one in zip(*each, strict=True)]


def _mean(
    rows: Rows, logs: np.ndarray, inside: np.ndarray, constants: np.ndarray
) -> Posterior:
    """Of one property: log evidence (N,), coefficients (N, e), constants (N,)."""
    weights = np.exp(logs - logs.max())
    whole = float(np.log(weights.mean()) + logs.max())
    weights /= weights.sum()
    vector = rows.basis.axes @ (weights @ inside)
    return Posterior(vector, float(weights @ constants), whole)


def _solved(
    rows: Rows, a: float, f: np.ndarray, common: float, g: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log evidence (P, N), coefficients along the axes (P, N, e), constants (P, N).

    Of N pairs of f and g. In the basis of the source spectra their part of the
    posterior precision of the coefficients is diagonal, d = g^-1 + values / noise. What
    else is known, T rows and the two numbers that o and the intercept are multiples of,
    is added by block elimination, so that no matrix has more than T rows.
    """
    (P, m), basis, sources = rows.y.shape, rows.basis, len(rows.source)
    y, y_rest, kind = rows.y[:, :sources], rows.y[:, sources:], rows.kind[sources:]
    noise = 1 + f[:, None] * np.array([a, a * (1 - a), 1 - a])  # (N, 3)
    o = np.sqrt(f * common)[:, None] * np.array([0.0, a, 1.0])
    b, unit, own = np.sqrt(INTERCEPT_VARIANCE), rows.mean_square, noise[:, :1]
    inverse = 1 / (unit / g[:, None] + basis.values / own)  # 1 / d, (N, e)

    # Products of each y, o and the intercept's column b over K without the last two.
    sums = np.vstack([basis.label, np.zeros_like(basis.one), b * basis.one])
    known = np.vstack([y, np.zeros(sources), np.full(sources, b)])
    others = np.empty((f.size, P + 2, kind.size))
    others[:, :P], others[:, P], others[:, P + 1] = y_rest, o[:, kind], b
    spread = basis.rest * inverse[:, None]  # (N, T, e)
    covariance = spread @ basis.rest.T
    diagonal = np.arange(kind.size)
    covariance[:, diagonal, diagonal] += noise[:, kind]
    news = others - sums / own[..., None] @ np.swapaxes(spread, 1, 2)  # (N, P + 2, T)
    dual = np.linalg.solve(covariance, np.swapaxes(news, 1, 2))  # (N, T, P + 2)
    from_source = known @ known.T - sums * inverse[:, None] @ sums.T / own[..., None]
    products = from_source / own[..., None] + news @ dual  # (N, P + 2, P + 2)
    inner = np.eye(2) + products[:, P:, P:]
    c = np.linalg.solve(inner, products[:, P:, :P])  # multiples of o and b, (N, 2, P)

    shape, scale = GAMMA
    squares = np.diagonal(products, axis1=1, axis2=2)[:, :P]
    quadratic = squares - np.sum(products[:, P:, :P] * c, axis=1)
    ratio = g[:, None] * basis.values / (unit * own)
    determinant = sources * np.log(own[:, 0]) + np.log1p(ratio).sum(axis=1)
    determinant += np.linalg.slogdet(covariance)[1] + np.linalg.slogdet(inner)[1]
    evidence = -determinant / 2 - (shape + m / 2) * np.log(scale + quadratic.T / 2)
    of_rest = np.moveaxis(dual[..., :P] - dual[..., P:] @ c, 2, 0)  # K^-1 y, (P, N, T)
    of_o, of_b = c[:, 0].T, c[:, 1].T  # (P, N)
    left = basis.label[:, None] - b * of_b[..., None] * basis.one
    inside = inverse * left / own + (of_rest[..., None, :] @ spread)[..., 0, :]
    return evidence, inside, b * of_b + o[:, 2] * of_o
