"""A calibration taken from one spectrometer to another: `CalibrationTransfer`.

    ct = CalibrationTransfer(weights="nano").fit(
        X_source, y_source, axis_source, X_target, axis_target, y_target, paired
    )
    y = ct.predict(X_new)
    low, high = ct.predict_interval(X_new, coverage=0.9)
    flags = ct.applicability(X_new)
    ct.save("model"); ct = CalibrationTransfer.load("model")

S = source spectra, T = target spectra, p, q = their points, m = new spectra.
"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, clone

import spektron_jax
from spektron_jax.errors import SpektronError
from spektron_jax.transfer import persistence, transformers
from spektron_jax.transfer.applicability import Applicability
from spektron_jax.transfer.comparison import Comparison, inside
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.domain import fit_domain
from spektron_jax.transfer.ensemble import Ensemble, FittedEnsemble
from spektron_jax.transfer.inputs import AlignedInputs, on_axis, prepare, spectra
from spektron_jax.transfer.intervals import Intervals, intervals_of
from spektron_jax.transfer.members import Affine, FeatureMap
from spektron_jax.transfer.threads import one_blas_thread

if TYPE_CHECKING:
    from spektron_jax.encoder.adaptation import Adaptation

PROBE_ROWS = 3  # source spectra on which restored preprocessing is compared


class CalibrationTransfer(BaseEstimator):
    """One automatic procedure for all regimes; follows the scikit-learn API.

    Args:
      weights: of the encoder: a name, a folder, an Encoder, or an object like
        `members.FeatureMap`; None: no encoder. It is loaded, and JAX with it, only
        where it has weight (without target labels) or is asked for (`neighbours`,
        `rerender`, `latent_map`)
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
      members_: weights of the models in the prediction, by name; sum 1
      network_share_: of these, the encoder's
      prior_share_: of these, those with the learned prior of coefficients
      comparison_: a Comparison, or None
      axis_, unit_: points that the model uses, before preprocessing
      preprocessing_: the fitted transformer, or None
      features_: an encoder's Features, or an object of the user's; None: neither
      domain_: PCA model with limits, or None with fewer than 5 source spectra
      provenance_: what the model was made of: regime, n, checksums of source and
        target data, weights and their checksum; instrument and date for an adapter
      about_: whatever is to be kept with a saved model, text by name
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
        axis_source: Any,
        X_target: Any = None,
        axis_target: Any = None,
        y_target: Any = None,
        paired: Any = None,
        unit: str = "nm",
        modality: str = "NIR",
    ) -> "CalibrationTransfer":
        """Fit on everything that is known of both instruments.

        Args:
          X_source: spectra of the source instrument                     (S, p)
          y_source: their labels                                         (S,)
          axis_source: positions                                         (p,)
          X_target: spectra of the target instrument; None: none         (T, q)
          axis_target: positions; None: those of the source              (q,)
          y_target: labels, NaN: unknown; None: all unknown              (T,)
          paired: row of X_source with the same sample, -1: none. A paired spectrum
            without a label has the label of its source spectrum         (T,) int
          unit: of both axes, "nm", "um" or "cm-1"
          modality: "NIR", "IR", "Raman" or "unknown"

        Returns:
          The object itself.

        Raises:
          SpektronError: names the argument and what to change.
        """
        target = X_target, axis_target, y_target, paired
        inputs = prepare(X_source, y_source, axis_source, *target, unit, modality)
        self.unit_, self._modality = unit, modality
        self.axis_, self._axis_target = inputs.axis, inputs.axis_target
        self.regime_, self.warnings_ = inputs.regime, list(inputs.warnings)
        self.about_: dict[str, Any] = {}
        data = inputs.data
        self._probe: np.ndarray | None = data.X_source[:PROBE_ROWS]
        self.preprocessing_ = None
        if self.preprocessing is not None:
            self.preprocessing_, data = transformers.applied(self.preprocessing, data)
        self._data: TransferData | None = data
        self.features_: Any = self._feature_map()
        self._intervals: Intervals | None = None
        fitted = self._ensemble().fit(data)
        self._model: Affine = fitted
        self.members_ = {part.name: part.weight for part in fitted.members}
        self.network_share_ = fitted.share("encoder")
        self.prior_share_ = fitted.share("prior")
        self.domain_ = fit_domain(data)
        source = (np.asarray(x, np.float64) for x in (X_source, y_source, axis_source))
        self.provenance_ = self._provenance(persistence.sha256_of(*source), inputs)
        self.comparison_: Comparison | None = None
        if self.compare:
            self.comparison_ = inside(data, self.features_, modality, self.random_state)
        return self

    def _feature_map(self) -> FeatureMap | None:
        """The encoder, not loaded yet; errors where there is none of that name."""
        own = hasattr(self.weights, "linearised")
        if self.adaptation is not None and (own or self.weights is None):
            raise SpektronError(
                "adaptation: there is no network to adapt; give weights"
            )
        if own or self.weights is None:
            return self.weights
        from spektron_jax.encoder.features import Features

        axis, unit, modality = self.axis_, self.unit_, self._modality
        return Features(self.weights, axis, unit, modality, self.adaptation)

    def _ensemble(self) -> Ensemble:
        return Ensemble("combination", self._modality, self.features_)

    def _provenance(self, source_sha256: str, inputs: AlignedInputs) -> dict[str, Any]:
        data, encoder = inputs.data, self.features_
        return {
            "package": f"spektron_jax {spektron_jax.__version__}",
            "weights": None if encoder is None else encoder.name,
            "weights_sha256": None if encoder is None else encoder.checksum,
            "source_sha256": source_sha256,
            "target_sha256": persistence.sha256_of(data.X_target, data.y_target),
            "n": int(len(data.y_target)),
            "regime": inputs.regime,
        }

    def predict(self, X: Any, axis: Any = None) -> np.ndarray:
        """Predict the property of target spectra, (m,).

        Args:
          X: spectra of the target instrument                            (m, q)
          axis: their positions; None: those of the target at `fit`      (q,)
        """
        X = self._aligned(X, axis)
        return self._model(X)

    def predict_interval(
        self, X: Any, coverage: float = 0.9, axis: Any = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends of prediction intervals, both (m,).

        From the fits without some labelled target samples each. Whether the coverage
        holds on the target is what `interval_mark` says.
        """
        X = self._aligned(X, axis)
        return self._calibrated().interval(X, coverage)

    def interval_mark(self, coverage: float = 0.9) -> str:
        """Whether intervals are calibrated and of use; see `Intervals.mark`."""
        return self._calibrated().mark(coverage)

    def left_out_errors(self) -> np.ndarray:
        """|Error| of each labelled target sample by a fit without it, (n,)."""
        return self._calibrated().errors

    def applicability(self, X: Any, axis: Any = None) -> np.ndarray:
        """Flag spectra: in domain, extrapolating, or unlike anything, (m,)."""
        X = self._aligned(X, axis)
        return self._known_domain().flags(X)

    def distances(self, X: Any, axis: Any = None) -> tuple[np.ndarray, np.ndarray]:
        """T2 and Q of target spectra, each divided by its limit, both (m,)."""
        X, domain = self._aligned(X, axis), self._known_domain()
        t2, q = domain.distances(X)
        return t2 / domain.t2_limit, q / domain.q_limit

    def _known_domain(self) -> Applicability:
        if self.domain_ is None:
            raise SpektronError("applicability: needs 5 source spectra or more")
        return self.domain_

    def _check_fitted(self) -> None:
        if not hasattr(self, "_model"):
            raise SpektronError("CalibrationTransfer: call fit or load first")

    def _aligned(self, X: Any, axis: Any) -> np.ndarray:
        """Target spectra on the model's axis and preprocessed, (m, L)."""
        self._check_fitted()
        X = spectra(X, "X")
        measured = self._axis_target if axis is None else np.asarray(axis, np.float64)
        if X.shape[1] != measured.size:
            raise SpektronError(
                f"X: has {X.shape[1]} points, {measured.size} expected; give the axis "
                "of these spectra as axis=..."
            )
        X = on_axis(X, measured, self.axis_, self.unit_)[0]
        if self.preprocessing_ is None:
            return X
        return transformers.transformed(self.preprocessing_, X)

    @one_blas_thread
    def _calibrated(self) -> Intervals:
        self._check_fitted()
        if self._intervals is None:  # not of a loaded model
            data, fitted = self._data, self._model
            assert data is not None and isinstance(fitted, FittedEnsemble)
            left_out = fitted.groups, fitted.without
            self._intervals = intervals_of(data, fitted, *left_out)
        return self._intervals

    def rerender(self, X: Any, axis: Any = None) -> np.ndarray:
        """Target spectra as the source instrument would have measured them.

        From z_chem of the spectra and the mean z_inst of the source, through the
        transfer head (`encoder/rerender.py`); what the latents do not carry is lost.

        Args:
          X, axis: as in `predict`                                       (m, q), (q,)

        Returns:
          Spectra on `axis_`                                             (m, L)
        """
        from spektron_jax.encoder.rerender import instrument_code, rerender

        X, (features, data) = self._aligned(X, axis), self._encoder("rerender")
        return rerender(features, X, instrument_code(features, data.X_source))

    def neighbours(
        self, X: Any, k: int = 5, axis: Any = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The k source spectra nearest to target spectra in z_chem.

        Codes of the target are moved by the mean difference of the instruments.

        Args:
          X, axis: as in `predict`                                       (m, q), (q,)
          k: how many

        Returns:
          Rows of X_source, best first, and cosines about their mean, both (m, k).
        """
        from spektron_jax.encoder.neighbours import nearest_source

        X, (features, data) = self._aligned(X, axis), self._encoder("neighbours")
        return nearest_source(features, data, X, k)

    def latent_map(self, X: Any, axis: Any = None) -> dict[str, np.ndarray]:
        """Both instruments in z_chem before and after; see `neighbours.latent_map`."""
        from spektron_jax.encoder.neighbours import latent_map

        X, (features, data) = self._aligned(X, axis), self._encoder("latent_map")
        return latent_map(self.features_, features, data, X)

    def _encoder(self, name: str) -> tuple[Any, TransferData]:
        """The encoder in use, adapted if it is to be, and the data it was fitted on."""
        if self._data is None or not hasattr(self.features_, "adapted"):
            raise SpektronError(
                f"{name}: needs an object that was fitted with weights of an encoder; "
                "a loaded model keeps no spectra"
            )
        return self.features_.adapted(self._data.X_target), self._data

    def save(self, path: str | Path) -> Path:
        """Write a model folder, as a whole or not at all; returns its path.

        The folder holds coefficients, limits and settings; of the spectra it holds
        means and principal components only.
        """
        return persistence.write(Path(path), *self._state())

    def save_adapter(self, path: str | Path, instrument: str, date: str) -> Path:
        """Write what belongs to this target instrument into one small file (npz).

        Args:
          path: of the file
          instrument: its name
          date: of the transfer, as text

        Returns:
          The path. `switch` puts the adapter on a model of the same calibration.
        """
        settings, arrays = self._state()
        named = {"instrument": str(instrument), "date": str(date)}
        settings["provenance"] = self.provenance_ | named
        return persistence.write_adapter(Path(path), settings, arrays)

    def switch(self, path: str | Path) -> "CalibrationTransfer":
        """Change to another target instrument, from the file of `save_adapter`.

        The object may have been fitted or loaded. Afterwards it is as after `load`.

        Raises:
          SpektronError: no adapter, a damaged one, or one of another calibration.
        """
        self._check_fitted()
        settings, arrays = persistence.read_adapter(Path(path))
        if settings["provenance"]["source_sha256"] != self.provenance_["source_sha256"]:
            raise SpektronError(
                f"{path}: was made with another source; use an adapter of the same "
                "calibration, or load its model"
            )
        self._restore(settings, arrays)
        return self

    @classmethod
    def load(cls, path: str | Path) -> "CalibrationTransfer":
        """Read a model folder; its predictions are those of the object saved.

        Raises:
          SpektronError: no model, a damaged one, or a newer format.
        """
        settings, arrays = persistence.read(Path(path))
        self = cls(settings["trained_with"], random_state=settings["random_state"])
        self._restore(settings, arrays)
        if self.preprocessing_ is not None:
            self.preprocessing = clone(self.preprocessing_)
        if settings["adaptation"] is not None:
            from spektron_jax.encoder.adaptation import Adaptation

            self.adaptation = Adaptation(**settings["adaptation"])
        return self

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Settings and arrays of what was fitted."""
        intervals = self._calibrated()
        how, transformer, more = self.adaptation, None, dict[str, np.ndarray]()
        if self.preprocessing_ is not None:
            transformer, more = transformers.packed(self.preprocessing_, self._probe)
        settings = {
            "unit": self.unit_,
            "modality": self._modality,
            "trained_with": self.provenance_["weights"],
            "random_state": self.random_state,
            "adaptation": None if how is None else asdict(how),
            "preprocessing": transformer,
            "regime": self.regime_,
            "warnings": self.warnings_,
            "members": self.members_,
            "network_share": self.network_share_,
            "prior_share": self.prior_share_,
            "provenance": self.provenance_,
            "about": self.about_,
        }
        arrays = {"axis": self.axis_, "axis_target": self._axis_target} | more
        arrays |= persistence.packed(self._model, intervals, self.domain_)
        return settings, arrays

    def _restore(self, settings: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """The inverse of `_state`."""
        self.unit_, self._modality = settings["unit"], settings["modality"]
        self.axis_, self._axis_target = arrays["axis"], arrays["axis_target"]
        self.regime_, self.warnings_ = settings["regime"], settings["warnings"]
        self.provenance_, self.about_ = settings["provenance"], settings["about"]
        self.members_ = settings.get("members", {})
        shares = settings["network_share"], settings.get("prior_share", 0.0)
        if "prior_share" not in settings and " labelled" in self.regime_:
            shares = 0.0, shares[0]  # format 4: with labels all of it was the prior's
        self.network_share_, self.prior_share_ = shares
        described = settings.get("preprocessing")
        self.preprocessing_ = transformers.unpacked(described, arrays)
        self.comparison_ = self._data = self.features_ = self._probe = None
        fitted = persistence.unpacked(arrays)
        self._model, self._intervals, self.domain_ = fitted
