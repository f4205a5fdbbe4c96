"""The applicability domain of a calibration: Hotelling's T2 and Q of a PCA model.

T2 is the distance inside the space of the calibration spectra, Q the squared distance
from it (Jackson & Mudholkar, Technometrics 21 (1979) 341). Limits:

    T2: a (n^2 - 1) / (n (n - a)) F(a, n - a), for new observations
    Q:  g chi2(h), g = var / (2 mean), h = 2 mean^2 / var (Box, Annals of Mathematical
        Statistics 25 (1954) 290), from cross-validated Q, since Q of the very spectra
        that made the model is far too small with more points than spectra

n = calibration spectra, a = components, m = new spectra, L = points.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from spektron_jax.errors import SpektronError
from spektron_jax.transfer.directions import spanned
from spektron_jax.transfer.methods.pls import folds_of
from spektron_jax.transfer.row_blocks import row_blocks
from spektron_jax.transfer.threads import one_blas_thread

IN_DOMAIN, EXTRAPOLATING, UNLIKE = "in domain", "extrapolating", "unlike anything"
LEVEL = 0.99
EXPLAINED_VARIANCE, MAX_COMPONENTS = 0.999, 10
CV_FOLDS = 10
UNLIKE_FACTOR = 9.0  # on Q: a residual three times as long is no known variation
OUTLIER_SDS = 6.0


@dataclass(frozen=True, eq=False)
class Applicability:
    """A PCA model of the spectra a calibration rests on, with limits of T2 and Q.

    Attributes:
      mean, loadings, variances: of the model                (L,), (a, L), (a,)
      t2_limit, q_limit: exceeded by 1 % of spectra of the same kind
    """

    mean: np.ndarray
    loadings: np.ndarray
    variances: np.ndarray
    t2_limit: float
    q_limit: float

    def distances(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """T2 and Q of spectra (m, L), both (m,)."""
        X = np.asarray(X, dtype=np.float64)
        if X.ndim != 2 or X.shape[1:] != self.mean.shape or not np.isfinite(X).all():
            raise SpektronError(
                f"spectra: must be finite and (spectra, {self.mean.size})"
            )
        t2, q = np.empty(len(X)), np.empty(len(X))
        for rows in row_blocks(X):
            centred = X[rows] - self.mean
            t2[rows], q[rows] = _distances(centred, self.loadings, self.variances)
        return t2, q

    def flags(self, X: np.ndarray) -> np.ndarray:
        """IN_DOMAIN, EXTRAPOLATING or UNLIKE for each spectrum of (m, L)."""
        t2, q = self.distances(X)
        inside = (t2 <= self.t2_limit) & (q <= self.q_limit)
        flags = np.where(inside, IN_DOMAIN, EXTRAPOLATING)
        return np.where(q > UNLIKE_FACTOR * self.q_limit, UNLIKE, flags)


def fit_applicability(
    X: np.ndarray, components: int | None = None, level: float = LEVEL
) -> Applicability:
    """Model the spectra of a calibration.

    Args:
      X: spectra in the space in which they are predicted from         (n, L)
      components: a; None: 99.9 % of the variance, at most 10
      level: share of like spectra inside each limit

    Returns:
      The model with its limits.
    """
    X = np.asarray(X, dtype=np.float64)
    if X.ndim != 2 or len(X) < 5 or not np.isfinite(X).all():
        raise SpektronError(
            f"applicability: needs at least 5 finite spectra, got {X.shape}"
        )
    centre = X.mean(axis=0)
    span = spanned(X - centre)
    C = (X - centre) @ span
    outside = np.maximum(np.sum((X - centre) ** 2, axis=1) - np.sum(C**2, axis=1), 0.0)
    mean, loadings, variances = _pca(C, len(X) - 3)
    if variances.size == 0:
        raise SpektronError("applicability: all spectra are equal")
    if components is None:
        total = X.var(axis=0, ddof=1).sum()
        reached = np.cumsum(variances) / total
        components = int(np.searchsorted(reached, EXPLAINED_VARIANCE)) + 1
        components = min(components, MAX_COMPONENTS)
    a, n = min(components, variances.size), len(X)
    t2_limit = a * (n**2 - 1) / (n * (n - a)) * stats.f.ppf(level, a, n - a)
    fold = folds_of(C, np.zeros(n), CV_FOLDS)
    q = np.empty(n)
    for held in np.unique(fold):
        part, rows, own = _pca(C[fold != held], a)
        q[fold == held] = _distances(C[fold == held] - part, rows, own)[1]
    q += outside
    average, spread = q.mean(), q.var(ddof=1)
    q_limit = average
    if spread > 0:
        g, h = spread / (2 * average), 2 * average**2 / spread
        q_limit = g * stats.chi2.ppf(level, h)
    loadings = loadings[:a] @ span.T
    return Applicability(centre, loadings, variances[:a], float(t2_limit), q_limit)


@one_blas_thread
def outliers(X: np.ndarray) -> np.ndarray:
    """Rows of X (n, L) that are unlike the others; none with fewer than 10 spectra.

    Q of each spectrum by a PCA model without its fold, since in its own model an
    unusual spectrum makes a component and lies inside. On a logarithmic scale more
    than 6 robust SDs (by the median absolute deviation) above the median.
    """
    if len(X) < CV_FOLDS:
        return np.empty(0, dtype=int)
    X = X - X.mean(axis=0)
    C, q = X @ spanned(X), np.empty(len(X))
    fold = folds_of(X, np.zeros(len(X)), CV_FOLDS)
    for held in np.unique(fold):
        mean, rows, variances = _pca(C[fold != held], MAX_COMPONENTS)
        q[fold == held] = _distances(C[fold == held] - mean, rows, variances)[1]
    q += np.maximum(np.sum(X**2, axis=1) - np.sum(C**2, axis=1), 0.0)
    log = np.log(np.maximum(q, np.finfo(float).tiny))
    spread = stats.median_abs_deviation(log, scale="normal")
    return np.flatnonzero(log - np.median(log) > OUTLIER_SDS * spread)


def _pca(X: np.ndarray, components: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    mean = X.mean(axis=0)
    _, s, V = np.linalg.svd(X - mean, full_matrices=False)
    held = s[:components] > 1e-10 * s.max(initial=np.finfo(float).tiny)
    return mean, V[:components][held], s[:components][held] ** 2 / (len(X) - 1)


def _distances(
    centred: np.ndarray, loadings: np.ndarray, variances: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    scores = centred @ loadings.T
    squares = scores**2
    # The loadings are orthonormal: of the residual only its length is needed.
    q = np.einsum("ij,ij->i", centred, centred) - squares.sum(axis=1)
    return np.sum(squares / variances, axis=1), np.maximum(q, 0.0)
