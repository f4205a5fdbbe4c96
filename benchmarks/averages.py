"""Several methods together: equal weights, weights from left-out samples, stacking.

No single method is best on every instrument and property, and choosing one on a few
samples mostly chooses by chance; averaging does not (Breiman, Machine Learning 24
(1996) 49, on stacking). Weights come from the labelled target samples only:

    inverse:  w_i ~ 1 / MSE_i of left-out samples
    shrunk:   w_i ~ MSE_i ^ -(n / (n + 10)): the MSE of n errors is itself uncertain by
              a share sqrt(2 / n), so fewer samples keep the weights nearer to equal
    stacked:  w >= 0, sum w = 1, least squares on left-out predictions plus
              s |w - 1/M|^2, where s is the squared error of the plain average, so
              that few samples leave the weights nearly equal

n = labelled target samples, M = methods, m = spectra.

    average  average12  average_umc  average_u  weighted  weighted20  shrunk20  stacked
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from scipy.optimize import nnls

from spektron_jax.errors import SpektronError
from spektron_jax.transfer import methods
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.methods.pls_transfer import PLSTransfer
from spektron_jax.transfer.methods.preprocessing import preprocess
from spektron_jax.transfer.methods.workspace import Workspace

TWELVE_HEADS = ("glsw0.01", "pooled@t", "pooled_mc_w1@t", "mc@t", "prior_ridge@t")
TWELVE_HEADS += ("ds_res@t",)
TWELVE = tuple(f"{head}/{each}" for head in TWELVE_HEADS for each in ("raw", "sg1"))
TWENTY_HEADS = ("glsw0.01", "glsw0.0001", "glsw0.01+bias", "mc@t", "prior_ridge@t")
TWENTY_HEADS += ("ds_res@t", "pooled@t", "pooled_w1@t", "pooled_mc@t", "pooled_mc_w1@t")
TWENTY = tuple(f"{head}/{each}" for head in TWENTY_HEADS for each in ("raw", "sg1"))
UNLABELLED = ("umc/raw", "umc/sg1", "coral_u/raw", "coral_u/sg1")
# Name -> (names of the methods, how they are weighted).
AVERAGES = {
    "average": (TWENTY, "equal"),
    "average12": (TWELVE, "equal"),
    "average_umc": (UNLABELLED[:2], "equal"),
    "average_u": (UNLABELLED, "equal"),
    "weighted": (TWELVE, "inverse"),
    "weighted20": (TWENTY, "inverse"),
    "shrunk20": (TWENTY, "shrunk"),
    "stacked": (TWELVE, "stacked"),
}
WEIGHTINGS = ("equal", "inverse", "shrunk", "stacked")
PRIOR_SAMPLES = 10.0  # of the shrunk weights
SUM_TO_ONE = 1e3  # weight of the equation sum w = 1, against errors of order 1


@cache
def make(name: str) -> Any:
    """Build the average or the single method of that name."""
    if name not in AVERAGES:
        return methods.make(name)
    names, weighting = AVERAGES[name]
    return Average(tuple(methods.make(each) for each in names), weighting)


@dataclass(frozen=True)
class Average:
    """A weighted mean of the predictions of several methods.

    Attributes:
      methods: the members
      weighting: one of WEIGHTINGS
    """

    methods: tuple[PLSTransfer, ...]
    weighting: str = "equal"

    def fit(self, data: TransferData | Workspace) -> Callable[[np.ndarray], np.ndarray]:
        """Fit all members; returns a function from spectra (m, L) to (m,)."""
        if self.weighting not in WEIGHTINGS:
            raise SpektronError(
                f"weighting {self.weighting!r}: use one of {', '.join(WEIGHTINGS)}"
            )
        space = Workspace.of(data)
        members, held_out = [], []
        for method in self.methods:
            ready, scale = space.preprocessed(method.pretreatment)
            k = method.choose(ready)
            members.append((method.pretreatment, scale, method.path(ready), k))
            if self.weighting != "equal":
                held_out.append(method.left_out(ready)[:, k - 1])
        if self.weighting == "equal":
            weights = np.full(len(members), 1.0 / len(members))
        else:
            known = space.data.y_target[space.data.labelled]
            errors = np.stack(held_out, axis=1) - known[:, None]
            weights = weights_of(errors, self.weighting)

        def predict(X: np.ndarray) -> np.ndarray:
            each = [
                path(preprocess(X, pretreatment) / scale)[:, k - 1]
                for pretreatment, scale, path, k in members
            ]
            return np.stack(each, axis=1) @ weights

        return predict


def weights_of(errors: np.ndarray, weighting: str) -> np.ndarray:
    """Weights from the errors of left-out samples.

    Args:
      errors: of each method on each left-out sample                   (n, M)
      weighting: "inverse", "shrunk" or "stacked"

    Returns:
      Weights, not negative, that sum to 1                             (M,)
    """
    n, count = errors.shape
    if weighting in ("inverse", "shrunk"):
        mse = np.mean(errors**2, axis=0)
        mse = np.maximum(mse, 1e-6 * mse.mean() + np.finfo(float).tiny)
        trust = 1.0 if weighting == "inverse" else n / (n + PRIOR_SAMPLES)
        weights = (mse / mse.min()) ** -trust
        return weights / weights.sum()
    equal = np.full(count, 1.0 / count)
    scale = np.sqrt(np.mean(errors**2)) or 1.0
    errors = errors / scale
    # With sum w = 1 the error of the mixture is errors @ w.
    strength = np.sqrt(np.sum((errors @ equal) ** 2) + 1e-12)
    rows = [errors, strength * np.eye(count), np.full((1, count), SUM_TO_ONE)]
    right = [np.zeros(len(errors)), strength * equal, [SUM_TO_ONE]]
    weights = nnls(np.vstack(rows), np.concatenate(right))[0]
    return weights / weights.sum()
