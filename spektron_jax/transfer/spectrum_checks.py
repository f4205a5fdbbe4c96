"""Spectra that no instrument measures so: codes, flat, clipped, unlike their set.

n, m = spectra, p, L = points.
"""

import numpy as np

from spektron_jax.transfer.row_blocks import row_blocks

CODES = (-9999.0, -999.0, -99.0, 999.0, 9999.0, 99999.0, -32768.0)
LEAST_CODE = 99.0
ENOUGH = 256  # spectra for a median
CODE_FACTOR = 5.0  # times the largest other value: what is nearer can be measured
LEAST_EQUAL, EQUAL_SHARE = 4, 0.02  # neighbours that hold the very same value
ROUNDED = 3.0  # as many equal neighbours elsewhere: values are rounded, not clipped
USUAL, MOST = 0.8, 0.9  # quantiles
GAP, OTHERS_GAP = 1.9, 1.0  # of the logarithm of distances
LEAST_SPECTRA = 5  # of either instrument, for a spread
LEAST_OWN = 3


def unsuspicious(X: np.ndarray) -> bool:
    """Whether spectra (n, p) can be neither coded nor flat nor clipped, at a glance."""
    most = min(LEAST_EQUAL, X.shape[1] - 1)
    for rows in row_blocks(X):
        some = X[rows]
        if some.min() <= -LEAST_CODE or some.max() >= LEAST_CODE:
            return False
        equal = some[:, 1:] == some[:, :-1]
        if equal.any() and equal.sum(axis=1).max() >= most:
            return False
    return most > 0


def middle(X: np.ndarray) -> np.ndarray:
    """Median spectrum of (n, L), of 256 of them at most."""
    return np.median(X[:: max(1, len(X) // ENOUGH)], axis=0)


def coded(X: np.ndarray) -> np.ndarray:
    """Rows of X (n, p) with a code for "missing" at single points."""
    low, high = X.min(initial=0.0), X.max(initial=0.0)
    found = np.zeros(len(X), dtype=bool)
    for code in CODES:
        if not low <= code <= high:
            continue
        at = X == code
        for row in np.flatnonzero(at.any(axis=1) & ~at.all(axis=1)):
            rest = np.abs(X[row][~np.isin(X[row], CODES)])
            found[row] |= abs(code) > CODE_FACTOR * rest.max(initial=0.0)
    return np.flatnonzero(found)


def flat(X: np.ndarray) -> np.ndarray:
    """Rows of X (n, p) with one value at every point."""
    return np.flatnonzero(np.ptp(X, axis=1) == 0) if X.shape[1] > 1 else _none()


def stuck(X: np.ndarray) -> np.ndarray:
    """Neighbours with the same value that a spectrum has too many of, (n,).

    Those at its most frequent value, where others are few: 0 for rounded spectra.
    """
    same = X[:, 1:] == X[:, :-1]
    count = np.zeros(len(X), dtype=np.int64)
    for row in np.flatnonzero(same.sum(axis=1) >= LEAST_EQUAL):
        values = X[row, 1:][same[row]]
        most = np.unique(values, return_counts=True)[1].max()
        if ROUNDED * (values.size - most) <= most:
            count[row] = most
    return count


def clipped(X: np.ndarray, usual: float) -> np.ndarray:
    """Rows of X (n, p) that stay at one value over many points, but are not flat.

    Args:
      usual: neighbours of the same value in a spectrum of the source, see `stuck`
    """
    least = max(LEAST_EQUAL, EQUAL_SHARE * X.shape[1], ROUNDED * usual)
    return np.flatnonzero((stuck(X) >= least) & (np.ptp(X, axis=1) > 0))


def unlike(X: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Rows of X (n, L) far from the median spectrum of X: size, shape or roughness.

    7 times as far as all but a fifth of X, and further than most of `others` are from
    theirs, in units of the median distance.

    Args:
      X: spectra of one instrument
      others: spectra of the other one                                 (m, L)
    """
    if len(X) < LEAST_OWN or max(len(X), len(others)) < LEAST_SPECTRA:
        return _none()
    found = np.zeros(len(X), dtype=bool)
    for view in (np.asarray, _shapes, differences):
        above = _above_median(view(X))
        usual = np.sort(above)[max(int(USUAL * len(X)) - 1, 0)] + GAP
        if len(others) >= LEAST_SPECTRA:
            apart = np.quantile(_above_median(view(others)), MOST)
            usual = max(usual, apart + OTHERS_GAP)
        found |= above > usual
    return np.flatnonzero(found)


def differences(X: np.ndarray) -> np.ndarray:
    """Differences over a fiftieth of the points of (n, L)."""
    step = max(1, X.shape[1] // 50)
    return X[:, step:] - X[:, :-step]


def _above_median(X: np.ndarray) -> np.ndarray:
    """Logarithm of distances from the median spectrum over their median, (n,)."""
    log = _log_distances(X)
    return log - np.median(log)


def _log_distances(X: np.ndarray) -> np.ndarray:
    distances = np.linalg.norm(X - middle(X), axis=1)
    floor = np.sqrt(np.finfo(float).eps) * np.linalg.norm(X, axis=1).max(initial=1e-300)
    return np.log(np.maximum(distances, floor))


def _shapes(X: np.ndarray) -> np.ndarray:
    """Spectra with mean 0 and length 1; a flat one is 0 everywhere."""
    X = X - X.mean(axis=1, keepdims=True)
    length = np.linalg.norm(X, axis=1, keepdims=True)
    return np.divide(X, length, out=np.zeros_like(X), where=length > 0)


def _none() -> np.ndarray:
    return np.empty(0, dtype=int)
