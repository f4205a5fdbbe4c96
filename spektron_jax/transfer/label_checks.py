"""Labels that contradict their spectra: codes, slips of the pen, another sample's.

n = labels, L = points, r = directions.
"""

import numpy as np
from scipy import stats
from scipy.linalg import eigh

from spektron_jax.transfer.directions import spanned
from spektron_jax.transfer.spectrum_checks import middle

CODES = (-99999, -9999, -999, -99, -9, -1, 999, 9999, 99999, 999999)
ISOLATED = 1.0  # ranges of the other labels between a code and the nearest of them
SLIP, ROUNDS = 10.0, 6  # robust SDs of left-out errors
BEYOND, BEYOND_TARGET = 14.0, 6.0  # times the error that a fifth exceed: long tails
LEAST = 1.0  # robust SD of the labels: nothing smaller is called a slip
USUAL = 0.8
LEAST_LABELS, LEAST_TARGET = 8, 5
RIDGES = np.logspace(-8, 0, 9)  # of the mean eigenvalue times n


def coded(y: np.ndarray) -> np.ndarray:
    """Labels (n,) that are codes for "missing", far from all others; rows."""
    known = np.isfinite(y)
    code = known & np.isin(y, CODES)
    rest = y[known & ~code]
    if rest.size < 3 or not code.any():
        return np.empty(0, dtype=int)
    far = ISOLATED * np.ptp(rest)
    away = np.maximum(rest.min() - y, y - rest.max())
    return np.flatnonzero(code & (away > far))


def left_out(
    X: np.ndarray, y: np.ndarray, kept: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Errors of ridge regression on the kept spectra, each left out; and predictions.

    Args:
      X: spectra in the directions that they span                      (n, r)
      y: labels                                                        (n,)
      kept: which of them calibrate; the others are predicted          (n,) bool
    """
    mean, middle = X[kept].mean(axis=0), y[kept].mean()
    U = X - mean
    values, Q = eigh(U[kept].T @ U[kept], check_finite=False)
    values = np.maximum(values, 0.0)
    scores = U @ Q
    target = scores[kept].T @ (y[kept] - middle)
    best, errors = np.inf, y - middle
    for ridge in RIDGES * max(values.sum(), np.finfo(float).tiny):
        fitted = scores @ (target / (values + ridge))
        leverage = np.sum(scores**2 / (values + ridge), axis=1) + 1 / kept.sum()
        off = y - middle - fitted
        off[kept] /= np.maximum(1 - leverage[kept], 1e-3)
        size = np.median(np.abs(off[kept]))
        if size < best:
            best, errors = size, off
    return errors, y - errors


_NONE = np.empty(0, dtype=int)
Found = tuple[np.ndarray, np.ndarray]


def slips(X: np.ndarray, y: np.ndarray) -> Found:
    """Labels far from what the other samples say, and what they say.

    A bad label draws the model towards it; so fits leave out what was found before.

    Args:
      X, y: as for `left_out`

    Returns:
      Rows, and predictions of all labels                              (n,)
    """
    kept = np.ones(y.size, dtype=bool)
    predicted = y
    if y.size < LEAST_LABELS:
        return np.empty(0, dtype=int), predicted
    for _ in range(ROUNDS):
        errors, predicted = left_out(X, y, kept)
        found = beyond(errors, stats.median_abs_deviation(y, scale="normal"))
        if np.array_equal(found, ~kept) or (~found).sum() < LEAST_LABELS // 2:
            break
        kept = ~found
    return np.flatnonzero(~kept), predicted


def slips_of_both(
    X_source: np.ndarray, y_source: np.ndarray, X_target: np.ndarray, y_target
) -> tuple[Found, Found]:
    """`slips` of both instruments: (S, L), (S,), (T, L), (T,).

    The target's labels are compared with a model of the source, after the median
    differences of spectra and of labels are taken away.
    """
    S, T = y_source.size, y_target.size
    if S < LEAST_LABELS:
        return (_NONE, y_source), (_NONE, y_target)
    centre, shift = middle(X_source), 0.0
    if T:
        shift = middle(X_target) - centre
    X = np.vstack([X_source, X_target - shift]) - centre
    X = X @ spanned(X[:S])
    own = slips(X[:S], y_source)
    if T < LEAST_TARGET:
        return own, (_NONE, y_target)
    kept = np.ones(S + T, dtype=bool)
    kept[own[0]] = kept[S:] = False
    errors, _ = left_out(X, np.concatenate([y_source, y_target]), kept)
    off = errors[S:] - np.median(errors[S:])
    floor = stats.median_abs_deviation(errors[:S][kept[:S]], scale="normal")
    spread = stats.median_abs_deviation(y_source, scale="normal")
    found = np.flatnonzero(beyond(off, spread, BEYOND_TARGET, floor))
    return own, (found, y_target - off)


def beyond(
    errors: np.ndarray, spread: float, factor: float = BEYOND, floor: float = 0.0
) -> np.ndarray:
    """Which errors are no error of measurement, (n,) bool.

    Args:
      errors: of labels left out                                       (n,)
      spread: of the labels
      factor: times the error that a fifth of them exceed
      floor: robust SD of errors of measurement, at least
    """
    size = np.abs(errors - np.median(errors))
    robust = max(stats.median_abs_deviation(errors, scale="normal"), floor)
    most = np.sort(size)[max(int(USUAL * size.size) - 1, 0)]
    return size > max(SLIP * robust, factor * most, LEAST * spread)
