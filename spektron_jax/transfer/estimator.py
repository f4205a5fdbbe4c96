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
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import NotFittedError

from spektron_jax.errors import (
    InputError,
    NetworkMissing,
    SpektronError,
    SpektronWarning,
    has_network,
)
from spektron_jax.transfer import checks, frames, new_spectra, persistence, transformers
from spektron_jax.transfer.arguments import Arguments, read
from spektron_jax.transfer.before_after import (
    LeftOutPredictions,
    left_out_predictions,
)
from spektron_jax.transfer.comparison import Comparison, inside
from spektron_jax.transfer.data import UNPAIRED, TransferData
from spektron_jax.transfer.domain import fit_domain
from spektron_jax.transfer.encoder_tools import WITHOUT_ENCODER, EncoderTools
from spektron_jax.transfer.ensemble import Ensemble, FittedEnsemble
from spektron_jax.transfer.inputs import POINTS, on_axis, same, spectra
from spektron_jax.transfer.intervals import Intervals, intervals_of
from spektron_jax.transfer.judged import Judged
from spektron_jax.transfer.members import Affine, FeatureMap
from spektron_jax.transfer.monitor import Monitored
from spektron_jax.transfer.new_spectra import Known
from spektron_jax.transfer.next_samples import Chooses
from spektron_jax.transfer.saved import Saved
from spektron_jax.transfer.spectrum_checks import stuck
from spektron_jax.transfer.threads import one_blas_thread
from spektron_jax.transfer.transfer_network import TransferNetwork, load_network
from spektron_jax.transfer.usefulness import Verdict

if TYPE_CHECKING:
    from spektron_jax.encoder.adaptation import Adaptation

PROBE_ROWS = 3  # source spectra on which restored preprocessing is compared


class NotFitted(SpektronError, NotFittedError):
    """A method was called before `fit` or `load`."""


class CalibrationTransfer(
    Judged, Saved, EncoderTools, Monitored, Chooses, RegressorMixin, BaseEstimator
):
    """One automatic procedure for all regimes; a scikit-learn regressor.

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
        disagree; None with labels, which tell, or with fewer than 5 target spectra
      repeatability_: SD of the predictions of repeated target scans, or None
      n_features_in_: points of X_source; feature_names_in_: its columns, if named
      members_: weights of the models in the prediction, by name; sum 1
      network_share_: of these, the encoder's, or what a transfer network moved
      prior_share_: of these, those with the learned prior of coefficients
      comparison_: a Comparison, or None
      axis_, unit_: points that the model uses, before preprocessing
      preprocessing_: the fitted transformer, or None
      features_: an encoder's Features, a TransferNetwork, or an object of the user's
      domain_: PCA model with limits, or None with fewer than 5 source spectra
      provenance_: what the model was made of: regime, n, checksums of source and
        target data, weights and their checksum; instrument and date for an adapter
      about_: whatever is to be kept with a saved model, text by name

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
    ) -> "CalibrationTransfer":
        """Fit on everything that is known of both instruments.

        Args:
          X_source: spectra of the source instrument                     (S, p)
          y_source: their labels                                         (S,)
          axis_source: positions; None: the names of X_source's columns where it is a
            table of wavelengths, else points are numbered               (p,)
          X_target: spectra of the target instrument; None: none         (T, q)
          axis_target: positions; None: as axis_source                   (q,)
          y_target: labels, NaN: unknown; None: all unknown              (T,)
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
            y_source hold both instruments, as for cross-validation      (S,)

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
        """
        target = X_target, axis_target, y_target, paired
        sides = axis, groups, groups_target, instrument
        given = read(X_source, y_source, axis_source, *target, unit, modality, *sides)
        inputs, data = given.inputs, given.inputs.data
        self.unit_, self._modality = given.unit, modality
        self.axis_, self._axis_target = inputs.axis, inputs.axis_target
        self._known_features(given)
        failed = checks.findings(given)
        self.failed_checks_ = list(dict.fromkeys(one.name for one in failed))
        self.regime_ = inputs.regime
        self.warnings_ = [*inputs.warnings, *(one.text for one in failed)]
        self.about_: dict[str, Any] = {}
        self._probe: np.ndarray | None = data.X_source[:PROBE_ROWS]
        self.preprocessing_ = None
        if self.preprocessing is not None:
            self.preprocessing_, data = transformers.applied(self.preprocessing, data)
        self._data: TransferData | None = data
        self.features_: Any = self._feature_map(data)
        self._intervals: Intervals | None = None
        self._verdict: Verdict | None = None
        self.ensemble_ = Ensemble("combination", modality, self.features_)
        fitted = self.ensemble_.fit(data)
        self._model: Affine = fitted
        self.members_ = {part.name: part.weight for part in fitted.members}
        self.network_share_ = fitted.share("encoder") + fitted.moved
        self.prior_share_ = fitted.share("prior")
        self.poor_probability_ = fitted.poor
        self.warnings_ += fitted.warnings
        self.domain_ = fit_domain(data, *checks.unusable(failed))
        self.provenance_ = persistence.provenance_of(given, self.features_)
        self.repeatability_ = None
        if given.target.repeated:
            scans = self._model(self._aligned(given.target.X, None))
            self.repeatability_ = given.target.sd(scans)
        self.comparison_: Comparison | None = None
        if self.compare:
            self.comparison_ = inside(data, self.ensemble_, self.random_state)
        return self

    def _known_features(self, given: Arguments) -> None:
        """What is asked of new spectra, and what is usual among the old ones."""
        self.n_features_in_ = given.source.X.shape[1]
        if given.features is not None:
            self.feature_names_in_ = given.features
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        self._label = None if given.label is None else str(given.label)
        y = given.inputs.data.y_source
        usual = float(np.median(stuck(given.source.X)))
        pairs = int((given.inputs.data.paired != UNPAIRED).sum())
        count = pairs or len(given.inputs.data.X_target)
        self._known = Known(float(y.min()), float(y.max()), count, usual)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True  # on columns that are no spectrum
        return tags

    def _feature_map(self, data: TransferData) -> FeatureMap | TransferNetwork | None:
        """The network; an encoder is not loaded yet."""
        own = hasattr(self.weights, "linearised")
        network = load_network(self.weights)
        if network or own or self.weights is None:
            if self.adaptation is not None:
                raise SpektronError(
                    "adaptation: there is no network to adapt; give an encoder"
                )
            return network or self.weights
        if self.unit_ == POINTS:
            return None
        from spektron_jax.encoder.features import Features
        from spektron_jax.encoder.weights import left_out

        if self.adaptation is not None and not has_network():
            raise NetworkMissing("adaptation")
        if isinstance(self.weights, str) and left_out(self.weights):
            if not data.labelled.size:
                self.warnings_.append(WITHOUT_ENCODER)
            return None

        axis, unit, modality = self.axis_, self.unit_, self._modality
        return Features(self.weights, axis, unit, modality, self.adaptation)

    def predict(self, X: Any, axis: Any = None) -> Any:
        """Predict the property of target spectra, (m,).

        A `SpektronWarning` names rows that should not be relied on. With
        `sklearn.set_config(transform_output="pandas")` and a table of pandas the result
        is a Series with its index.

        Args:
          X: spectra of the target instrument                            (m, q)
          axis: their positions; None: those of the target at `fit`, or those that the
            columns of a table name                                      (q,)

        Raises:
          SpektronError: not fitted, spectra that do not fit, or no finite prediction.

        Examples:
          >>> from spektron_jax import demo
          >>> ct, X, y = demo.transferred()
          >>> ct.predict(X).shape
          (30,)
        """
        aligned, measured = self._measured(X, axis)
        predicted = new_spectra.finite(self._model(aligned))
        self._warn(measured, aligned, predicted)
        return frames.labelled_like(predicted, X, self._label)

    def _warn(self, X: np.ndarray, aligned: np.ndarray, predicted: np.ndarray) -> None:
        about = self._known, self.domain_
        for text in new_spectra.sentences(X, aligned, predicted, *about):
            warnings.warn(text, SpektronWarning, stacklevel=3)

    def predict_interval(
        self, X: Any, coverage: float = 0.9, axis: Any = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends of prediction intervals, both (m,).

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
        return new_spectra.finite(low), new_spectra.finite(high)

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
        data, fitted = self._data, self._model
        if data is None or not isinstance(fitted, FittedEnsemble):
            raise SpektronError(
                "left_out_predictions: fit again; a file has no samples"
            )
        return left_out_predictions(data, fitted.groups, fitted.without)

    def _check_fitted(self) -> None:
        if not hasattr(self, "_model"):
            raise NotFitted("CalibrationTransfer: call fit or load first")

    def _aligned(self, X: Any, axis: Any) -> np.ndarray:
        """Target spectra on the model's axis and preprocessed, (m, L)."""
        return self._measured(X, axis)[0]

    def _measured(self, X: Any, axis: Any) -> tuple[np.ndarray, np.ndarray]:
        """The same, and the spectra as they were measured, (m, L) and (m, q)."""
        self._check_fitted()
        if axis is None and (named := frames.axis_of(X, self.unit_, self._modality)):
            X, axis = frames.in_order(X, named[0])
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
        aligned = on_axis(X, measured, self.axis_, self.unit_)[0]
        if self.preprocessing_ is not None:
            aligned = transformers.transformed(self.preprocessing_, aligned)
        return aligned, X

    @one_blas_thread
    def _calibrated(self) -> Intervals:
        self._check_fitted()
        if self._intervals is None:  # not of a loaded model
            data, fitted = self._data, self._model
            assert data is not None and isinstance(fitted, FittedEnsemble)
            left_out = fitted.groups, fitted.without
            self._intervals = intervals_of(data, fitted, *left_out)
        return self._intervals
