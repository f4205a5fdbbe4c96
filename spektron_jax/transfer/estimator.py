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
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

import spektron_jax
from spektron_jax.encoder import neighbours as retrieval
from spektron_jax.encoder import pipeline
from spektron_jax.encoder.adaptation import Adaptation, adapted
from spektron_jax.encoder.features import Features
from spektron_jax.errors import SpektronError
from spektron_jax.transfer import persistence as store
from spektron_jax.transfer.comparison import Comparison, inside
from spektron_jax.transfer.domain import fit_domain
from spektron_jax.transfer.ensemble import TransferRecipe
from spektron_jax.transfer.inputs import on_axis, prepare, spectra
from spektron_jax.transfer.intervals import Intervals, calibrate


class CalibrationTransfer(BaseEstimator):
    """One automatic procedure for all regimes, in the habit of scikit-learn.

    Args:
      weights: name or folder of encoder weights; None: without the network
      compare: also fit the rival methods, on repeated splits of the labelled target
        samples (`comparison_`)
      random_state: seed of those splits
      adaptation: an `Adaptation` for test-time training of the encoder on the target
        spectra; None: the encoder as it is. Predictions change only where the target
        has no labels, otherwise `neighbours` and `rerender` alone

    Attributes:
      regime_: what was known of the target, in words
      warnings_: everything that weakens the result, a sentence each
      network_share_: weight of the network's predictions, 0 to 1: see `recipe.py`
      comparison_: a Comparison, or None
      axis_, unit_: points that the model uses
      domain_: PCA model with limits, or None with fewer than 5 source spectra
      provenance_: what the model was made of: regime, n, checksums of source and
        target data, weights and their checksum; instrument and date for an adapter
      about_: whatever is to be kept with a saved model, text by name
    """

    def __init__(self, weights="nano", compare=False, random_state=0, adaptation=None):
        self.weights, self.compare, self.random_state = weights, compare, random_state
        self.adaptation = adaptation

    def fit(
        self,
        X_source,
        y_source,
        axis_source,
        X_target=None,
        axis_target=None,
        y_target=None,
        paired=None,
        unit="nm",
        modality="NIR",
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
        found = prepare(
            X_source,
            y_source,
            axis_source,
            X_target,
            axis_target,
            y_target,
            paired,
            unit,
            modality,
        )
        self.unit_, self._modality = unit, modality
        self.axis_, self._axis_target = found.axis, found.axis_target
        self._data = found.data
        self.regime_, self.warnings_ = found.regime, list(found.warnings)
        self.about_ = {}
        self._features, self._pretrained, self._intervals = None, None, None
        if self.weights is not None:
            self._features = Features(self.weights, found.axis, unit, modality)
            self._pretrained = self._features
            if self.adaptation is not None:
                X = found.data.X_target
                self._features = adapted(self._features, X, self.adaptation)
        elif self.adaptation is not None:
            raise SpektronError(
                "adaptation: there is no network to adapt; give weights"
            )
        recipe = self._recipe()
        self.network_share_ = recipe.network_share(found.data)
        self._model = recipe.fit(found.data)
        self.domain_ = fit_domain(found.data)
        source = (np.asarray(x, np.float64) for x in (X_source, y_source, axis_source))
        self.provenance_ = {
            "package": f"spektron_jax {spektron_jax.__version__}",
            "weights": None if self._features is None else self._features.name,
            "weights_sha256": getattr(self._features, "checksum", None),
            "source_sha256": store.sha256_of(*source),
            "target_sha256": store.sha256_of(found.data.X_target, found.data.y_target),
            "n": int(len(found.data.y_target)),
            "regime": found.regime,
        }
        self.comparison_: Comparison | None = None
        if self.compare:
            self.comparison_ = inside(
                found.data, self._pretrained, self.random_state, self.adaptation
            )
        return self

    def _recipe(self) -> TransferRecipe:
        kind = "classical" if self._features is None else "combination"
        centre = self._data.X_source.mean(axis=0)
        return TransferRecipe(kind, self._features, centre)

    def predict(self, X, axis=None) -> np.ndarray:
        """Predict the property of target spectra.

        Args:
          X: spectra of the target instrument                            (m, q)
          axis: their positions; None: those of the target at `fit`      (q,)

        Returns:
          Predictions                                                    (m,)
        """
        X = self._aligned(X, axis)
        return self._model(X)

    def predict_interval(self, X, coverage=0.9, axis=None):
        """Lower and upper ends of prediction intervals, both (m,).

        The first call fits once more without each labelled target sample. Whether the
        coverage holds on the target is what `interval_mark` says.
        """
        X = self._aligned(X, axis)
        return self._calibrated().interval(X, coverage)

    def interval_mark(self, coverage=0.9) -> str:
        """Say whether intervals are "calibrated" or "not calibrated"."""
        return self._calibrated().mark(coverage)

    def applicability(self, X, axis=None) -> np.ndarray:
        """Flag spectra: in domain, extrapolating, or unlike anything, (m,)."""
        X = self._aligned(X, axis)
        if self.domain_ is None:
            raise SpektronError("applicability: needs 5 source spectra or more")
        return self.domain_.flags(X)

    def distances(self, X, axis=None) -> tuple[np.ndarray, np.ndarray]:
        """T2 and Q of target spectra, each divided by its limit, both (m,)."""
        X = self._aligned(X, axis)
        if self.domain_ is None:
            raise SpektronError("applicability: needs 5 source spectra or more")
        t2, q = self.domain_.distances(X)
        return t2 / self.domain_.t2_limit, q / self.domain_.q_limit

    def _check_fitted(self) -> None:
        if not hasattr(self, "_model"):
            raise SpektronError("CalibrationTransfer: call fit or load first")

    def _aligned(self, X, axis) -> np.ndarray:
        self._check_fitted()
        X = spectra(X, "X")
        measured = self._axis_target
        if axis is not None:
            measured = np.asarray(axis, np.float64)
        if X.shape[1] != measured.size:
            raise SpektronError(
                f"X: has {X.shape[1]} points, {measured.size} expected; give the axis "
                "of these spectra as axis=..."
            )
        return on_axis(X, measured, self.axis_, self.unit_)[0]

    def _calibrated(self) -> Intervals:
        self._check_fitted()
        if self._intervals is None:
            self._intervals = calibrate(self._recipe(), self._data)
        return self._intervals

    def rerender(self, X, axis=None) -> np.ndarray:
        """Target spectra as the source instrument would have measured them.

        From z_chem of the spectra and the mean z_inst of the source, through the
        transfer head (`pipeline.rerender`); what the latents do not carry is lost.

        Args:
          X, axis: as in `predict`                                       (m, q), (q,)

        Returns:
          Spectra on `axis_`                                             (m, L)
        """
        X, data = self._aligned(X, axis), self._encoded("rerender")
        code = pipeline.instrument_code(self._features, data.X_source)
        return pipeline.rerender(self._features, X, code)

    def neighbours(self, X, k=5, axis=None) -> tuple[np.ndarray, np.ndarray]:
        """The k source spectra nearest to target spectra in z_chem.

        Codes of the target are moved by the mean difference of the instruments.

        Args:
          X, axis: as in `predict`                                       (m, q), (q,)
          k: how many

        Returns:
          Rows of X_source, best first, and cosines about their mean, both (m, k).
        """
        X, data = self._aligned(X, axis), self._encoded("neighbours")
        codes = [self._features(x)["chem"] for x in (X, data.X_source, data.X_target)]
        query, source, target = codes
        shift = pipeline.code_shift(data, source, target) - source.mean(axis=0)
        return retrieval.nearest(query + shift, source - source.mean(axis=0), k)

    def latent_map(self, X, axis=None) -> dict[str, np.ndarray]:
        """Both instruments in z_chem before and after; see `pipeline.latent_map`."""
        X, data = self._aligned(X, axis), self._encoded("latent_map")
        return pipeline.latent_map(self._pretrained, self._features, data, X)

    def _encoded(self, name: str):
        if self._data is None or self._features is None:
            raise SpektronError(
                f"{name}: needs an object that was fitted with weights; a loaded model "
                "keeps no spectra"
            )
        return self._data

    def save(self, path) -> Path:
        """Write a model folder, as a whole or not at all; returns its path.

        The folder holds coefficients, limits and settings; of the spectra it holds
        means and principal components only.
        """
        settings, arrays = self._state()
        return store.write(Path(path), settings, arrays)

    def save_adapter(self, path, instrument, date) -> Path:
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
        return store.write_adapter(Path(path), settings, arrays)

    def switch(self, path) -> "CalibrationTransfer":
        """Change to another target instrument, from the file of `save_adapter`.

        The object may have been fitted or loaded. Afterwards it is as after `load`.

        Raises:
          SpektronError: no adapter, a damaged one, or one of another calibration.
        """
        self._check_fitted()
        settings, arrays = store.read_adapter(Path(path))
        if settings["provenance"]["source_sha256"] != self.provenance_["source_sha256"]:
            raise SpektronError(
                f"{path}: was made with another source; use an adapter of the same "
                "calibration, or load its model"
            )
        self._restore(settings, arrays, path)
        return self

    @classmethod
    def load(cls, path) -> "CalibrationTransfer":
        """Read a model folder; its predictions are those of the object saved.

        Raises:
          SpektronError: no model, a damaged one, or a newer format.
        """
        settings, arrays = store.read(Path(path))
        how = settings["adaptation"]
        self = cls(
            settings["trained_with"],
            random_state=settings["random_state"],
            adaptation=None if how is None else Adaptation(**how),
        )
        self._restore(settings, arrays, path)
        return self

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Settings and arrays of what was fitted."""
        intervals = self._calibrated()
        how = self.adaptation
        settings = {
            "unit": self.unit_,
            "modality": self._modality,
            "trained_with": self.weights,
            "random_state": self.random_state,
            "adaptation": None if how is None else asdict(how),
            "regime": self.regime_,
            "warnings": self.warnings_,
            "network_share": self.network_share_,
            "provenance": self.provenance_,
            "about": self.about_,
        }
        arrays = {"axis": self.axis_, "axis_target": self._axis_target}
        arrays |= store.packed(self._model, intervals, self.domain_)
        return settings, arrays

    def _restore(self, settings, arrays, path) -> None:
        """The inverse of `_state`; `path` names the origin in errors."""
        self.unit_, self._modality = settings["unit"], settings["modality"]
        self.axis_, self._axis_target = arrays["axis"], arrays["axis_target"]
        self.regime_, self.warnings_ = settings["regime"], settings["warnings"]
        self.network_share_, self.about_ = settings["network_share"], settings["about"]
        self.provenance_ = settings["provenance"]
        self.comparison_, self._data, self._features = None, None, None
        found = store.unpacked(arrays)
        self._model, self._intervals, self.domain_ = found
