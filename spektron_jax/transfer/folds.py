"""Cross-validation of a transfer: whole samples of the target are held out.

    X, y = np.vstack([X_source, X_target]), np.concatenate([y_source, y_target])
    instrument = ["source"] * S + ["target"] * T;  ids = [*ids_source, *ids_target]
    cross_val_score(ct, X, y, cv=TargetFolds(instrument), params={...})

A held-out sample is held out on both instruments, and only its target spectra are
predicted. Folds by rows would score the source's own spectra.

n = spectra of both instruments.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.model_selection import GroupKFold

from spektron_jax.transfer.arguments import on_target


class TargetFolds(GroupKFold):
    """Folds of labelled target samples, for `cross_val_score` and `GridSearchCV`.

    Args:
      instrument: "source" or "target" (0 or 1) for each row of X          (n,)
      n_splits: folds

    Examples:
      >>> import sklearn
      >>> from sklearn.model_selection import cross_val_score
      >>> from spektron_jax import CalibrationTransfer, TargetFolds, demo
      >>> sklearn.set_config(enable_metadata_routing=True)
      >>> old, X, y = demo.transferred()  # here X stands for both instruments
      >>> side = ["source"] * 20 + ["target"] * 10
      >>> ct = CalibrationTransfer(None)
      >>> ct = ct.set_fit_request(instrument=True, axis_source=True)
      >>> params = {"instrument": side, "axis_source": old.axis_}
      >>> folds = TargetFolds(side, n_splits=3)
      >>> cross_val_score(ct, X, y, cv=folds, params=params).shape
      (3,)
      >>> sklearn.set_config(enable_metadata_routing=False)
    """

    def __init__(self, instrument: Any, n_splits: int = 5):
        super().__init__(n_splits)
        self.instrument = instrument

    def split(
        self, X: Any, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield rows to fit on and rows to predict.

        Args:
          X: spectra of both instruments                                 (n, p)
          y: labels, NaN: unknown; None: all known               (n,) or (n, k)
          groups: sample ids; None: every row is a sample of its own     (n,)

        Examples:
          >>> import numpy as np
          >>> from spektron_jax import TargetFolds
          >>> folds = TargetFolds(["source"] * 4 + ["target"] * 4, n_splits=2)
          >>> [test.tolist() for _, test in folds.split(np.zeros((8, 3)))]
          [[5, 7], [4, 6]]
        """
        count = len(X)
        on = on_target(self.instrument, count)
        if y is not None:
            on &= np.isfinite(np.asarray(y, np.float64).reshape(count, -1)).all(axis=1)
        ids = np.arange(count)
        if groups is not None:
            ids = np.unique(np.asarray(groups).astype(str), return_inverse=True)[1]
        rows = np.flatnonzero(on)
        for _, test in super().split(rows, groups=ids[rows]):
            held = np.isin(ids, ids[rows[test]])
            yield np.flatnonzero(~held), rows[test]
