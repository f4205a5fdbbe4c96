"""Which target samples to measure by the reference method next.

Kennard & Stone's rule on the target's own spectra (`selection.py`), which goes on from
the samples that have labels: always the spectrum farthest from those taken. Spread over
what the model predicts, variance of a linear model or a Gaussian process, disagreement
of the members and clusters were tried and are not better
(`benchmarks/next_samples.py`).

P = spectra of the pool, q = their points, k = samples to choose, L = points in common.
"""

from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from spektron_jax.errors import InputError
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.methods.preprocessing import WINDOW
from spektron_jax.transfer.selection import compressed, farthest, kennard_stone


class Chooses:
    """The method of `CalibrationTransfer` that chooses samples to label."""

    _data: TransferData | None

    def _aligned(self, X: Any, axis: Any) -> np.ndarray:
        raise NotImplementedError

    def next_samples(self, X_pool: Any, k: int, axis: Any = None) -> np.ndarray:
        """Rows of a pool whose labels are to be measured next, first ones first.

        An object that was fitted knows which target samples have labels, and chooses
        others; one that was loaded does not.

        Args:
          X_pool: unlabelled spectra of the target instrument            (P, q)
          k: how many
          axis: as in `predict`                                          (q,)

        Returns:
          Different rows of X_pool                                       (k,)

        Raises:
          SpektronError: not fitted, spectra that do not fit, or no such k.

        Examples:
          >>> from spektron_jax import demo
          >>> ct, X, y = demo.transferred()
          >>> ct.next_samples(X, 3).tolist()  # measure these
          [26, 11, 18]
        """
        X, known = self._spectra_and_known(X_pool, axis)
        if not 1 <= k <= len(X):
            raise InputError(
                f"k = {k}: choose 1 to {len(X)}, as many as X_pool has spectra"
            )
        whole = np.vstack([known, X])
        scores = compressed(whole) if whole.shape[1] >= WINDOW else whole
        if not len(known):
            return kennard_stone(scores, k)
        taken = range(len(known))
        rows = farthest(cdist(scores, scores), taken, len(known) + k)
        return rows[len(known) :] - len(known)

    def _spectra_and_known(self, X: Any, axis: Any) -> tuple[np.ndarray, np.ndarray]:
        """The pool, and target spectra with a label of a property; (P, L), (., L)."""
        models = list(getattr(self, "models_", {"": self}).values())
        X, data = models[0]._aligned(X, axis), [one._data for one in models]
        if data[0] is None:
            return X, X[:0]
        known = np.unique(np.concatenate([one.labelled for one in data]))
        return X, data[0].X_target[known]
