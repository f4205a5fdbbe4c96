"""The frame of every classical method: training set, map, PLS, correction, choice of k.

A family says what PLS is trained on, how target spectra are brought there, and perhaps
how its predictions are corrected. Everything else is the same for all of them:

- spectra are preprocessed and divided by one constant;
- k "by the source": cross-validation on the training set, up to 22 components;
- k "@t": by leaving labelled target samples out, each with its source spectrum;
- in both cases the smallest k within 2 % of the least error.

n = labelled target samples, L = points, K = largest number of components, m = spectra.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from spektron_jax.errors import SpektronError
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.methods.pls import (
    K_MAX,
    Path,
    cross_validated,
    folds_of,
    pls_path,
    rmse_by_components,
    smallest_good,
)
from spektron_jax.transfer.methods.preprocessing import preprocess
from spektron_jax.transfer.methods.workspace import Workspace

FOLDS = 10  # of the cross-validation that chooses k
FEW_FOLDS = 5  # where the training set is made anew for each set of pairs

Map = Callable[[np.ndarray], np.ndarray]
Correction = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Prepared:
    """What PLS is trained on, and the way from target spectra to it.

    Attributes:
      X, y: training set                                     (n, L), (n,)
      bring: target spectra to the training set's space      (m, L) -> (m, L)
      weights: of the training spectra                       (n,)
      groups: physical samples, kept together in a fold      (n,)
      folds, k_max: of the cross-validation
      key: names a training set that other methods share; None: nobody else's
    """

    X: np.ndarray
    y: np.ndarray
    bring: Map
    weights: np.ndarray | None = None
    groups: np.ndarray | None = None
    folds: int = FOLDS
    k_max: int = K_MAX
    key: str | None = None


Family = Callable[[TransferData], Prepared]
Corrector = Callable[[TransferData, np.ndarray], Correction]


@dataclass(frozen=True)
class PLSTransfer:
    """One classical method: `fit(data)` returns `predict(X)`.

    Attributes:
      prepare: the family
      pretreatment: of single spectra
      components: "source" or "target" (@t)
      correct: from the predictions of labelled target spectra (n, K) to a function
        that corrects (spectra, predictions (m, K)); None: no correction
      choose_with: the correction while k is chosen, where `correct` would hide what k
        does; None: `correct` itself
    """

    prepare: Family
    pretreatment: str = "raw"
    components: str = "source"
    correct: Corrector | None = None
    choose_with: Corrector | None = None

    def fit(self, data: TransferData | Workspace) -> Callable[[np.ndarray], np.ndarray]:
        """Fit on what the regime allows.

        Args:
          data: source and target spectra, unprocessed

        Returns:
          A function from target spectra (m, L), unprocessed, to predictions (m,).
        """
        ready, scale = Workspace.of(data).preprocessed(self.pretreatment)
        k = self.choose(ready)
        path = self.path(ready)
        return lambda X: path(preprocess(X, self.pretreatment) / scale)[:, k - 1]

    def choose(self, ready: Workspace) -> int:
        """Return the number of components for preprocessed data."""
        return ready.once(("choose", self), lambda: self._choose(ready))

    def _choose(self, ready: Workspace) -> int:
        if self.components == "source":
            return source_components(ready, self.prepare(ready.data))
        chooser = replace(self, correct=self.choose_with or self.correct)
        data = ready.data
        errors = chooser.left_out(ready) - data.y_target[data.labelled][:, None]
        return smallest_good(np.sqrt(np.mean(errors**2, axis=0)))

    def path(self, ready: Workspace) -> Path:
        """Fit every number of components on preprocessed data; (m, L) -> (m, K)."""
        return ready.once(("path", self), lambda: self._path(ready))

    def _path(self, ready: Workspace) -> Path:
        data = ready.data
        prepared = self.prepare(data)
        model = _model(ready, prepared)
        if self.correct is None:
            return lambda X: model(prepared.bring(X))
        seen = model(prepared.bring(data.X_target[data.labelled]))
        corrected = self.correct(data, seen)
        return lambda X: corrected(X, model(prepared.bring(X)))

    def left_out(self, ready: Workspace) -> np.ndarray:
        """Predictions of labelled target samples by fits without them, (n, K)."""
        return ready.once(("left_out", self), lambda: self._left_out(ready))

    def _left_out(self, ready: Workspace) -> np.ndarray:
        parts = [
            (rows, self._path(rest)(ready.data.X_target[rows]))  # asked for once
            for rows, rest in ready.leave_out()
        ]
        predicted = np.empty((ready.data.y_target.size, parts[0][1].shape[1]))
        for rows, part in parts:
            predicted[rows] = part
        return predicted[ready.data.labelled]


def _model(ready: Workspace, prepared: Prepared) -> Path:
    def fit() -> Path:
        return pls_path(prepared.X, prepared.y, prepared.k_max, prepared.weights)

    if prepared.key is None:
        return fit()
    return ready.once(("model", prepared.key), fit)


def source_components(ready: Workspace, prepared: Prepared) -> int:
    """Choose k by cross-validation on the training set."""

    def choose() -> int:
        fold = folds_of(prepared.X, prepared.y, prepared.folds, prepared.groups)
        predicted = cross_validated(
            prepared.X, prepared.y, fold, prepared.k_max, prepared.weights
        )
        errors = rmse_by_components(predicted, prepared.y, prepared.weights)
        return smallest_good(errors)

    if prepared.key is None:
        return choose()
    return ready.once(("components", prepared.key), choose)


def source_model(data: TransferData, bring: Map) -> Prepared:
    """PLS on the source spectra as they are, target spectra brought to them."""
    return Prepared(data.X_source, data.y_source, bring, key="source")


def pairs_needed(
    data: TransferData, least: int, method: str
) -> tuple[np.ndarray, np.ndarray]:
    """The paired spectra (A', B'), or an error that says how many are missing."""
    A, B = data.pairs()
    if len(A) < least:
        raise SpektronError(
            f"{method}: needs {least} samples measured on both instruments, "
            f"got {len(A)}"
        )
    return A, B


def labels_needed(data: TransferData, least: int, method: str) -> np.ndarray:
    """Rows of labelled target spectra, or an error that says how many are missing."""
    rows = data.labelled
    if rows.size < least:
        raise SpektronError(
            f"{method}: needs {least} labelled target spectra, got {rows.size}"
        )
    return rows
