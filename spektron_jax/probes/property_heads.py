"""A property predicted from features: closed-form heads, and how good they are.

    ridge   on standardised features, penalty by efficient leave-one-out (scikit-learn)
    PLS     on centred spectra, components by 5-fold cross-validation

Groups (present or not) are regressed as 0 and 1 and judged by the area under the ROC
curve, the others by R2 and MAE. Intervals: 95 %, test samples resampled, the same
resamples for every method.

n = spectra, F = features, k = properties.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from spektron_jax.metrics import interval, resampled_scores
from spektron_jax.transfer.methods.pls import (
    cross_validated,
    pls_path,
    rmse_by_components,
    smallest_good,
)

PENALTIES = tuple(np.logspace(-2, 6, 17).tolist())
PLS_FOLDS = 5


@dataclass(frozen=True)
class Score:
    """How good the predictions of one method are.

    Attributes:
      r2, mae: of values; None: a group
      auc: of a group; None: values
      low, high: of r2 or auc, 95 %
      minus_rival: difference, low and high of r2 or auc minus the baseline's
    """

    low: float
    high: float
    minus_rival: Mapping[str, float]
    r2: float | None = None
    mae: float | None = None
    auc: float | None = None

    @property
    def value(self) -> float:
        """R2 or AUC."""
        return next(value for value in (self.r2, self.auc) if value is not None)


def ridge(X: np.ndarray, Y: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Predictions (n, k) of k properties Y by ridge on standardised features."""
    model = make_pipeline(
        StandardScaler(), RidgeCV(alphas=PENALTIES, alpha_per_target=True)
    )
    return model.fit(X, Y).predict(test).reshape(len(test), -1)


def pls(X: np.ndarray, Y: np.ndarray, test: np.ndarray, seed: int = 0) -> np.ndarray:
    """Predictions (n, k), PLS1 for each property, components by cross-validation."""
    columns = []
    for y in np.reshape(Y, (len(X), -1)).T:
        fold = np.random.default_rng(seed).permutation(np.arange(len(X)) % PLS_FOLDS)
        errors = rmse_by_components(cross_validated(X, y, fold), y)
        best = smallest_good(errors)
        columns.append(pls_path(X, y, best)(test)[:, -1])
    return np.stack(columns, axis=1)


def scores(
    measured: np.ndarray,
    predicted: Mapping[str, np.ndarray],
    baseline: str,
    group: bool = False,
    seed: int = 0,
) -> dict[str, Score]:
    """The score of every method on one property.

    Args:
      measured: labels, 0 or 1 for a group                              (n,)
      predicted: by method                                              (n,) each
      baseline: the method that the others are compared with
      group: whether to judge by AUC, not R2 and MAE
      seed: of the resampling
    """
    judge = auc if group else r2_score
    resampled = resampled_scores(judge, measured, list(predicted.values()), seed)
    drawn = dict(zip(predicted, resampled.T, strict=True))
    value = {name: float(judge(measured, p)) for name, p in predicted.items()}
    found = {}
    for name, each in drawn.items():
        change = {
            "difference": value[name] - value[baseline],
            **interval(each - drawn[baseline]),
        }
        if group:
            own = {"auc": value[name]}
        else:
            mae = float(np.mean(np.abs(predicted[name] - measured)))
            own = {"r2": value[name], "mae": mae}
        found[name] = Score(**interval(each), minus_rival=change, **own)
    return found


def auc(measured: np.ndarray, predicted: np.ndarray) -> float:
    """Area under the ROC curve of 0/1 labels (n,), by ranks; ties count half.

    A twentieth of the time of scikit-learn's, which counts over all resamples.
    """
    positive = measured > 0.5
    many, few = positive.sum(), (~positive).sum()
    above = rankdata(predicted)[positive].sum() - many * (many + 1) / 2
    return float(above / (many * few))
