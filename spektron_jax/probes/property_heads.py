"""A property predicted from features: closed-form heads, and how good they are.

    ridge   on standardised features, penalty by efficient leave-one-out (scikit-learn)
    PLS     on centred spectra, components by 5-fold cross-validation

Groups (present or not) are regressed as 0 and 1 and judged by the area under the ROC
curve, the others by R2 and MAE. Intervals: 95 %, test samples resampled; two methods on
the same resamples.

n = spectra, F = features.
"""

import numpy as np
from scipy.stats import rankdata
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from spektron_jax.metrics import INTERVAL
from spektron_jax.transfer.methods.pls import (
    cross_validated,
    folds_of,
    pls_path,
    rmse_by_components,
    smallest_good,
)

PENALTIES = tuple(np.logspace(-2, 6, 17).tolist())
FOLDS = 5
RESAMPLES = 300


def ridge(X, Y, test):
    """Predictions (n, k) of k properties Y by ridge on standardised features."""
    model = make_pipeline(
        StandardScaler(), RidgeCV(alphas=PENALTIES, alpha_per_target=True)
    )
    return model.fit(X, Y).predict(test).reshape(len(test), -1)


def pls(X, Y, test, seed=0):
    """Predictions (n, k), PLS1 for each property, components by cross-validation."""
    columns = []
    for y in np.reshape(Y, (len(X), -1)).T:
        fold = folds_of(np.arange(len(X)), FOLDS, seed)
        errors = rmse_by_components(cross_validated(X, y, fold), y)
        best = smallest_good(errors)
        columns.append(pls_path(X, y, best)(test)[:, -1])
    return np.stack(columns, axis=1)


def judged(measured, predicted, rival, binary=False, seed=0):
    """Figures of one property and method, and the difference to a rival's.

    Args:
      measured, predicted: (n,); rival: (n,), predictions of the method to beat.
      binary: measured is 0 or 1: "auc" in place of "r2" and "mae".
      seed: of the resampling.

    Returns:
      {"r2" or "auc": value, "low", "high", "minus_rival": {difference, low, high}},
      and "mae" for values.
    """
    rng = np.random.default_rng(seed)
    score = auc if binary else _r2
    drawn = []
    while len(drawn) < RESAMPLES:
        rows = rng.integers(len(measured), size=len(measured))
        if np.ptp(measured[rows]) > 0:
            drawn.append([score(measured[rows], p[rows]) for p in (predicted, rival)])
    drawn = np.array(drawn)
    low, high = np.percentile(drawn[:, 0], INTERVAL)
    change = np.percentile(drawn[:, 0] - drawn[:, 1], INTERVAL)
    value = score(measured, predicted)
    found = {"auc" if binary else "r2": float(value)}
    if not binary:
        found["mae"] = float(np.mean(np.abs(predicted - measured)))
    return found | {
        "low": float(low),
        "high": float(high),
        "minus_rival": {
            "difference": float(value - score(measured, rival)),
            "low": float(change[0]),
            "high": float(change[1]),
        },
    }


def auc(measured, predicted):
    """Area under the ROC curve of 0/1 labels, by ranks (ties count half)."""
    positive = measured > 0.5
    ranks = rankdata(predicted)
    many, few = positive.sum(), (~positive).sum()
    return (ranks[positive].sum() - many * (many + 1) / 2) / (many * few)


def _r2(measured, predicted):
    about = np.sum((measured - measured.mean()) ** 2)
    return 1 - np.sum((measured - predicted) ** 2) / about
