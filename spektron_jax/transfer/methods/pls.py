"""PLS regression of one property, all numbers of components in one pass.

PLS1 finds directions of largest covariance with y (Wold, Sjostrom & Eriksson,
Chemometrics and Intelligent Laboratory Systems 58 (2001) 109). Instead of deflating X
the scores are orthogonalised against the earlier ones, which spans the same space:

    w = X' e      e: residual of y after the components so far
    t = X w - T T' X w,  then t / |t|
    q = t' y,     b_k = sum over j <= k of r_j q_j,   X r_j = t_j

n = spectra, L = points, K = largest number of components, m = spectra to predict.
"""

from collections.abc import Callable

import numpy as np

from spektron_jax.errors import SpektronError

K_MAX = 22
ERROR_TOLERANCE = 1.02  # the smallest k within 2 % of the least error is chosen
EXHAUSTED = 1e-12  # relative size of a score below which X holds nothing more

Path = Callable[[np.ndarray], np.ndarray]


def pls_path(
    X: np.ndarray, y: np.ndarray, k_max: int = K_MAX, weights: np.ndarray | None = None
) -> Path:
    """Fit PLS1 with 1..k_max components.

    Args:
      X: spectra                                                       (n, L)
      y: property                                                      (n,)
      k_max: largest number of components; where the rank of X is smaller, the last
        possible model stands for the rest
      weights: of the spectra in all sums; None: all alike              (n,)

    Returns:
      A function from spectra (m, L) to predictions (m, k_max), column k - 1 with k
      components.
    """
    if weights is None:
        x_mean, y_mean = X.mean(axis=0), y.mean()
        Xc, yc = X - x_mean, y - y_mean
    else:
        share = weights / weights.sum()
        x_mean, y_mean = share @ X, share @ y
        root = np.sqrt(share * share.size)
        Xc, yc = (X - x_mean) * root[:, None], (y - y_mean) * root
    coefficients = _coefficients(Xc, yc, k_max)
    return lambda new: (new - x_mean) @ coefficients + y_mean


def _coefficients(X: np.ndarray, y: np.ndarray, k_max: int) -> np.ndarray:
    """Regression vectors of centred data, (L, k_max)."""
    n, points = X.shape
    scores = np.zeros((k_max, n))
    rotations = np.zeros((k_max, points))
    coefficients = np.zeros((k_max, points))
    residual, b, largest = y.copy(), np.zeros(points), 0.0
    for k in range(k_max):
        w = residual @ X
        norm = np.sqrt(w @ w)
        if norm > 0:
            w /= norm
        t = X @ w
        before = scores[:k]
        along = before @ t
        t -= along @ before
        again = before @ t  # once more: rounding leaves some of the first scores
        t -= again @ before
        norm = np.sqrt(t @ t)
        largest = max(largest, norm)
        if norm <= EXHAUSTED * largest or norm == 0:
            coefficients[k:] = b
            break
        t /= norm
        r = (w - (along + again) @ rotations[:k]) / norm
        q = t @ residual
        residual -= q * t
        b = b + q * r
        scores[k], rotations[k], coefficients[k] = t, r, b
    return coefficients.T


def smallest_good(errors: np.ndarray) -> int:
    """Smallest number of components within 2 % of the least RMSE, (K,) -> 1..K."""
    return int(np.argmax(errors <= ERROR_TOLERANCE * errors.min())) + 1


def folds_of(
    X: np.ndarray, y: np.ndarray, folds: int, groups: np.ndarray | None = None
) -> np.ndarray:
    """Deal samples out to folds in turn, from the lowest label to the highest.

    So every fold spans the labels, and the order of rows changes nothing.

    Args:
      X: spectra, whose lengths order equal labels                     (n, L)
      y: labels                                                        (n,)
      folds: number of folds at most
      groups: samples, kept together in a fold; None: each row is one  (n,)

    Returns:
      Number of the fold of each row, (n,).
    """
    groups = np.arange(y.size) if groups is None else groups
    names, index, count = np.unique(groups, return_inverse=True, return_counts=True)
    if names.size < 2:
        raise SpektronError("cross-validation needs at least 2 samples")
    length, label = (
        np.bincount(index, values) / count for values in (np.sum(X**2, axis=1), y)
    )
    fold = np.empty(names.size, dtype=int)
    fold[np.lexsort((length, label))] = np.arange(names.size) % folds
    return fold[index]


def cross_validated(
    X: np.ndarray,
    y: np.ndarray,
    fold: np.ndarray,
    k_max: int = K_MAX,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Predictions of spectra by models that have not seen their fold, (n, k_max)."""
    predicted = np.empty((y.size, k_max))
    for held in np.unique(fold):
        inside = fold != held
        path = pls_path(
            X[inside], y[inside], k_max, None if weights is None else weights[inside]
        )
        predicted[~inside] = path(X[~inside])
    return predicted


def rmse_by_components(
    predicted: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """Root mean squared error for each number of components, (K,)."""
    return np.sqrt(np.average((predicted - y[:, None]) ** 2, axis=0, weights=weights))
