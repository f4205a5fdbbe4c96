"""A calibration taken from one spectrometer to another: `CalibrationTransfer`.

    ct = CalibrationTransfer(weights="nano").fit(
        X_source, y_source, axis_source, X_target, axis_target, y_target, paired
    )
    y = ct.predict(X_new)
    low, high = ct.predict_interval(X_new, coverage=0.9)
    flags = ct.applicability(X_new)
    ct.save("model"); ct = CalibrationTransfer.load("model")

With several scans of a sample give `groups` and `groups_target`, its sample ids.

S = source spectra, T = target spectra, p, q = their points, m = new spectra.
"""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import NotFittedError

from spektron_jax.errors import InputError, SpektronError, SpektronWarning
from spektron_jax.transfer import frames, new_axis, new_spectra, several, transformers
from spektron_jax.transfer.arguments import read
from spektron_jax.transfer.before_after import (
    LeftOutPredictions,
    left_out_predictions,
)
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.encoder_tools import EncoderTools
from spektron_jax.transfer.ensemble import FittedEnsemble
from spektron_jax.transfer.fitting import Fits
from spektron_jax.transfer.inputs import POINTS, same, spectra
from spektron_jax.transfer.intervals import Intervals, all_equal, intervals_of
from spektron_jax.transfer.judged import Judged
from spektron_jax.transfer.monitor import Monitored
from spektron_jax.transfer.next_samples import Chooses
from spektron_jax.transfer.saved import Saved
from spektron_jax.transfer.several import Several, each, stacked
from spektron_jax.transfer.threads import one_blas_thread

if TYPE_CHECKING:
    from spektron_jax.encoder.adaptation import Adaptation


class NotFitted(SpektronError, NotFittedError):
    """A method was called before `fit` or `load`."""


class CalibrationTransfer(
    Fits,
    Several,
    Judged,
    Saved,
    EncoderTools,
    Monitored,
    Chooses,
    RegressorMixin,
    BaseEstimator,
):
    """One automatic procedure for all regimes; a scikit-learn regressor.

    With labels as columns, one for each property, it holds a model of each, as if it
    were fitted alone: methods that return a number for each spectrum return a column
    for each property, others a dict by its name, as attributes that differ between
    properties are; `only` takes one out.

    Args:
      weights: "transfer" or a folder of a transfer network, which weighs the models;
        or those of the encoder: a name, a folder, an Encoder, or an object like
        `members.FeatureMap`; None: neither. The encoder is loaded, and JAX with it,
        only where it has weight (without target labels) or is asked for
        (`neighbours`, `rerender`, `latent_map`). Where JAX is not installed, shipped
        weights of it are left out
      compare: also fit the other methods, on repeated splits of the labelled target
        samples (`comparison_`)
      random_state: seed of those splits
      adaptation: an `Adaptation` for test-time training of the encoder on the target
        spectra; None: the encoder as it is. Predictions change only where the target
        has no labels, otherwise `neighbours` and `rerender` alone
      preprocessing: a scikit-learn transformer or Pipeline that treats each spectrum by
        itself; fitted on the source spectra, applied to both instruments before all
        else. With one that changes the number of points the encoder cannot be used

    Attributes:
      regime_: what was known of the target, in words
      warnings_: everything that weakens the result, a sentence each
      failed_checks_: names of the checks of the data that failed (`checks.NAMES`); with
        any of them intervals are not called calibrated
      poor_probability_: that R2 on the target stays below 0.5, from how far the models
        disagree; None with 2 labels, which tell, or with fewer than 5 target spectra
      repeatability_: SD of the predictions of repeated target scans, or None
      n_features_in_: points of X_source; feature_names_in_: its columns, if named
      members_: weights of the models in the prediction, by name; sum 1
      network_share_: of these, the encoder's, or what a transfer network moved
      prior_share_: of these, those with the learned prior of coefficients
      comparison_: a Comparison, or None
      axis_, unit_: points that the model uses, rising, before preprocessing
      preprocessing_: the fitted transformer, or None
      features_: an encoder's Features, a TransferNetwork, or an object of the user's
      domain_: PCA model with limits, or None with fewer than 5 source spectra
      provenance_: what the model was made of: regime, n, checksums of source and
        target data, weights and their checksum; instrument and date for an adapter
      about_: whatever is to be kept with a saved model, text by name
      properties_, models_: of several properties: their names, and the object of each

    Examples:
      >>> from spektron_jax import demo
      >>> import spektron_jax
      >>> old = spektron_jax.read(demo.path_of("old_instrument.csv"))
      >>> new = spektron_jax.read(demo.path_of("new_instrument.csv"))
      >>> (a,), (b,) = old.instruments.values(), new.instruments.values()
      >>> ct = spektron_jax.CalibrationTransfer().fit(
      ...     a.spectra, old.target("Moisture"), a.axis, b.spectra, b.axis,
      ...     groups=old.sample_ids, groups_target=new.sample_ids,
      ... )
      >>> ct.regime_
      '10 labelled paired target spectra'
    """

    def __init__(
        self,
        weights: Any = "nano",
        compare: bool = False,
        random_state: int = 0,
        adaptation: "Adaptation | None" = None,
        preprocessing: Any = None,
    ):
        self.weights, self.compare, self.random_state = weights, compare, random_state
        self.adaptation, self.preprocessing = adaptation, preprocessing

    @one_blas_thread
    def fit(
        self,
        X_source: Any,
        y_source: Any,
        axis_source: Any = None,
        X_target: Any = None,
        axis_target: Any = None,
        y_target: Any = None,
        paired: Any = None,
        unit: str = "nm",
        modality: str = "NIR",
        *,
        axis: Any = None,
        groups: Any = None,
        groups_target: Any = None,
        instrument: Any = None,
        properties: Any = None,
    ) -> "CalibrationTransfer":
        """Fit on everything that is known of both instruments.

        Args:
          X_source: spectra of the source instrument                     (S, p)
          y_source: their labels; of several properties a column for each, or a table
            or dict with names. In columns NaN says that a sample has no label and takes
            no part; of one property, (S,), it is allowed where another scan of the
            sample has a label                                   (S,) or (S, k)
          axis_source: positions, rising or falling (the model is the same); None: the
            names of X_source's columns where it is a table of wavelengths, else points
            are numbered. Columns that are counted (0, 1, 2, ...; f0, f1, ...) name no
            positions                                                    (p,)
          X_target: spectra of the target instrument; None: none         (T, q)
          axis_target: positions; None: the names of X_target's columns as for the
            source, else as axis_source                                  (q,)
          y_target: labels, NaN: unknown; None: all unknown      (T,) or (T, k)
          paired: row of X_source with the same sample, -1: none; None: by groups, if
            both sides have them. A paired spectrum without a label has the label of its
            source spectrum                                              (T,) int
          unit: of both axes, "nm", "um" or "cm-1"
          modality: "NIR", "IR", "Raman" or "unknown"
          axis: another name for axis_source                             (p,)
          groups: sample ids of X_source; spectra and labels of a sample's scans are
            averaged, and it counts once                                 (S,)
          groups_target: sample ids of X_target                          (T,)
          instrument: "source" or "target" (0 or 1) for each row where X_source and
            y_source hold both instruments, as for cross-validation; rows in messages
            are those of X_source, of either side                        (S,)
          properties: names of the columns of y_source; None: those of a table, or of
            y_target in the same order, else "property 1", ...           (k,)

        Returns:
          The object itself.

        Raises:
          SpektronError: names the argument and what to change.

        Examples:
          >>> import numpy as np
          >>> from spektron_jax import CalibrationTransfer
          >>> axis, fat = np.linspace(1100, 2498, 200), np.linspace(1, 3, 30)
          >>> X = fat[:, None] * np.sin(axis / 90) + np.linspace(0.2, 0.4, 200)
          >>> new = 0.9 * X + 0.1  # the same samples on another instrument
          >>> ct = CalibrationTransfer(None)
          >>> ct.fit(X, fat, axis, new[:9], paired=range(9)).predict(new[3:5]).shape
          (2,)
          >>> both = np.column_stack([fat, 80 - 2 * fat])
          >>> ct.fit(X, both, axis, new[:9], paired=range(9),
          ...        properties=["fat", "water"]).predict(new[3:5]).shape
          (2, 2)
        """
        asked = {"X_source": X_source, "axis_source": axis_source, "axis": axis}
        asked |= {"X_target": X_target, "axis_target": axis_target, "paired": paired}
        asked |= {"unit": unit, "modality": modality, "instrument": instrument}
        asked |= {"groups": groups, "groups_target": groups_target}
        table = several.columns(y_source, y_target, properties)
        self._modality = modality
        self.__dict__.pop("models_", None)
        if table is not None:
            several.fit(self, table, asked)
            return self
        given = read(y_source=y_source, y_target=y_target, **asked)
        data = self._begin(given)
        self._end(given, self.ensemble_.fit(data))
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True  # on columns that are no spectrum
        tags.target_tags.multi_output = True
        return tags

    def predict(self, X: Any, axis: Any = None) -> Any:
        """Predict the property of target spectra, (m,); of several, (m, k).

        A `SpektronWarning` names rows that should not be relied on. With
        `sklearn.set_config(transform_output="pandas")` and a table of pandas the result
        is a Series with its index.

        Args:
          X: spectra of the target instrument                            (m, q)
          axis: their positions; None: those of the target at `fit`, or those that the
            columns of a table name, in any unit. Spectra in finer steps than the
            target's at `fit` are put on its points first                (q,)

        Raises:
          SpektronError: not fitted, spectra that do not fit, or no finite prediction.

        Examples:
          >>> from spektron_jax import demo
          >>> ct, X, y = demo.transferred()
          >>> ct.predict(X).shape
          (30,)
        """
        self._check_fitted()
        models = getattr(self, "models_", None)
        if models is None:
            predicted, told = self._predicted(X, axis)
            labels: Any = self._label
        else:
            found = {name: one._predicted(X, axis) for name, one in models.items()}
            predicted = np.stack([each for each, _ in found.values()], axis=-1)
            told = several.common({name: texts for name, (_, texts) in found.items()})
            labels = list(models)
        for text in told:
            warnings.warn(text, SpektronWarning, stacklevel=2)
        return frames.labelled_like(predicted, X, labels)

    def _predicted(self, X: Any, axis: Any) -> tuple[np.ndarray, list[str]]:
        """Predictions of one property (m,), and what is strange about the spectra."""
        aligned, measured, told = self._measured(X, axis)
        predicted = new_spectra.finite(self._model(aligned))
        kept, about = self._limited(aligned, predicted), (self._known, self.domain_)
        told += new_spectra.sentences(measured, aligned, predicted, kept, *about)
        return kept, told

    def _limited(self, aligned: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        return new_spectra.limited(predicted, aligned, self._known, self.domain_)

    @each(stacked)
    def predict_interval(
        self, X: Any, coverage: float = 0.9, axis: Any = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends of prediction intervals, both (m,) or (m, k).

        From the fits without some labelled target samples each. Whether the coverage
        holds on the target is what `interval_mark` says.

        Examples:
          >>> from spektron_jax import demo
          >>> ct, X, y = demo.transferred()
          >>> low, high = ct.predict_interval(X, coverage=0.9)
          >>> bool((low < ct.predict(X)).all())
          True
        """
        X = self._aligned(X, axis)
        low, high = self._calibrated().interval(X, coverage)
        middle = (low + high) / 2
        moved = self._limited(X, middle) - middle
        return new_spectra.finite(low + moved), new_spectra.finite(high + moved)

    @each(dict)
    @one_blas_thread
    def left_out_predictions(self) -> LeftOutPredictions:
        """Labelled target samples before and after the transfer; see there.

        Raises:
          SpektronError: the model was loaded; it holds no samples.

        Examples:
          >>> from spektron_jax import demo
          >>> ct, X, y = demo.transferred()
          >>> ct.left_out_predictions()[0].shape
          (10,)
        """
        self._check_fitted()
        if self._data is None:
            raise SpektronError(
                "left_out_predictions: fit again; a file has no samples"
            )
        return left_out_predictions(self._data, *self._left_out(self._data))

    def _left_out(self, data: TransferData) -> tuple[Sequence, Sequence]:
        """Rows left out together, and the fits without them, where these can tell."""
        fitted = self._model
        assert isinstance(fitted, FittedEnsemble)
        return ([], []) if all_equal(data) else (fitted.groups, fitted.without)

    def _check_fitted(self) -> None:
        if not (hasattr(self, "_model") or hasattr(self, "models_")):
            raise NotFitted("CalibrationTransfer: call fit or load first")

    def _aligned(self, X: Any, axis: Any) -> np.ndarray:
        """Target spectra on the model's axis and preprocessed, (m, L)."""
        return self._measured(X, axis)[0]

    def _measured(self, X: Any, axis: Any) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """The same, the spectra as they were measured (m, q), and warnings of these."""
        self._check_fitted()
        if axis is None and (named := frames.axis_of(X, self.unit_, self._modality)):
            X, axis = frames.in_order(X, named[0])
            if self.unit_ != POINTS:
                known = self._axis_target
                axis = frames.converted(axis, named[1], self.unit_, known)
        else:
            frames.check_names(X, getattr(self, "feature_names_in_", None))
        X = spectra(X, "X")
        measured = self._axis_target if axis is None else np.asarray(axis, np.float64)
        if X.shape[1] != measured.size:
            raise InputError(
                f"X has {X.shape[1]} features, but CalibrationTransfer is expecting "
                f"{measured.size} features as input: one for each point of the axis; "
                "give that of these spectra as axis=..."
            )
        if self.unit_ == POINTS and not same(measured, self._axis_target):
            raise InputError("axis: the model was fitted without one; fit it with axis")
        axes = self._axis_target, self.axis_
        aligned, told = new_axis.as_fitted(X, measured, *axes, self.unit_)
        if self.preprocessing_ is not None:
            aligned = transformers.transformed(self.preprocessing_, aligned)
        return aligned, X, told

    @one_blas_thread
    def _calibrated(self) -> Intervals:
        self._check_fitted()
        if self._intervals is None:  # not of a loaded model
            data = self._data
            assert data is not None
            self._intervals = intervals_of(data, self._model, *self._left_out(data))
        return self._intervals
