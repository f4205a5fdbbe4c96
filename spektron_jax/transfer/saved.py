"""A fitted transfer to files and back: model folders, adapters, settings.

See `persistence` for the files themselves.
"""

import contextlib
import copy
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import clone

from spektron_jax.errors import SpektronError
from spektron_jax.spectra.axis import check
from spektron_jax.transfer import persistence, together, transformers
from spektron_jax.transfer.applicability import Applicability
from spektron_jax.transfer.arguments import POINTS
from spektron_jax.transfer.comparison import Comparison
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.inputs import on_axis, same
from spektron_jax.transfer.intervals import Intervals
from spektron_jax.transfer.members import Affine
from spektron_jax.transfer.new_spectra import Known
from spektron_jax.transfer.several import each, join
from spektron_jax.transfer.usefulness import Verdict

# What settings raise that are not those of a model, though whole and signed.
_UNLIKE = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError)


@contextlib.contextmanager
def _usable(path: str | Path) -> Iterator[None]:
    try:
        yield
    except SpektronError as error:
        raise SpektronError(f"{path}: {error}") from error
    except _UNLIKE as error:
        raise SpektronError(
            f"{path}: holds no transfer model that can be used "
            f"({type(error).__name__}: {error}); save it again"
        ) from error


def _each(model: Any) -> dict[str, Any]:
    """Objects by property; of one property, by an empty name."""
    model._check_fitted()
    return getattr(model, "models_", None) or {"": model}


class Saved:
    """Methods of `CalibrationTransfer` that write and read files."""

    weights: Any
    adaptation: Any
    preprocessing: Any
    random_state: Any
    unit_: str
    axis_: np.ndarray
    regime_: str
    warnings_: list[str]
    failed_checks_: list[str]
    poor_probability_: float | None
    members_: dict[str, float]
    network_share_: float
    prior_share_: float
    provenance_: dict[str, Any]
    about_: dict[str, Any]
    domain_: Applicability | None
    n_features_in_: int
    repeatability_: float | None
    _modality: str
    _axis_target: np.ndarray
    _known: Known
    _model: Affine
    _intervals: Intervals | None
    _verdict: Verdict | None
    _label: str | None
    _probe: np.ndarray | None
    _data: TransferData | None
    comparison_: Comparison | None
    features_: Any

    def _check_fitted(self) -> None:
        raise NotImplementedError

    def _calibrated(self) -> Intervals:
        raise NotImplementedError

    def interval_mark(self, coverage: float = 0.9) -> str:
        raise NotImplementedError

    def verdict(self) -> Verdict:
        raise NotImplementedError

    def save(self, path: str | Path) -> Path:
        """Write a model folder, as a whole or not at all; returns its path.

        The folder holds coefficients, limits and settings; of the spectra it holds
        means and principal components only.

        Examples:
          >>> from spektron_jax import demo
          >>> ct, X, y = demo.transferred()
          >>> ct.save("model").name
          'model'
        """
        return persistence.write(Path(path), *self._states())

    def save_adapter(self, path: str | Path, instrument: str, date: str) -> Path:
        """Write what belongs to this target instrument into one small file (npz).

        Args:
          path: of the file
          instrument: its name
          date: of the transfer, as text

        Returns:
          The path. `switch` puts the adapter on a model of the same calibration.

        Examples:
          >>> from spektron_jax import demo
          >>> ct, X, y = demo.transferred()
          >>> ct.save_adapter("line3.npz", "line 3", date="2026-11-29").name
          'line3.npz'
        """
        named = {"instrument": str(instrument), "date": str(date)}
        settings, arrays = self._states()
        for one in settings.get("each", [settings]):
            one["provenance"] = one["provenance"] | named
        return persistence.write_adapter(Path(path), settings, arrays)

    def switch(self, path: str | Path) -> Self:
        """Change to another target instrument, from the file of `save_adapter`.

        The object may have been fitted or loaded. Afterwards it is as after `load`.

        Raises:
          SpektronError: no adapter, a damaged one, or one of another calibration.

        Examples:
          >>> from spektron_jax import demo
          >>> ct, X, y = demo.transferred()
          >>> path = ct.save_adapter("line3.npz", "line 3", date="2026-11-29")
          >>> ct.switch(path).provenance_["instrument"]
          'line 3'
        """
        self._check_fitted()
        state = persistence.read_adapter(Path(path))
        models, others = _each(self), dict[str, Self]()
        with _usable(path):
            parts = together.parted(*state)
            if set(parts) != set(models):
                raise SpektronError(
                    f"is for {together.named(parts)}, the model for "
                    f"{together.named(models)}; use an adapter of the same properties"
                )
            for name, model in models.items():
                others[name] = copy.copy(model)
                others[name]._restore(*parts[name])
            made = {
                name: one.provenance_["source_sha256"] for name, one in others.items()
            }
        for name, model in models.items():
            if made[name] != model.provenance_["source_sha256"]:
                raise SpektronError(
                    f"{path}: was made with another source; use an adapter of the same "
                    "calibration, or load its model"
                )
        if "" in others:
            vars(self).update(vars(others[""]))
        else:
            join(self, others)
        return self

    def export(
        self, path: str | Path, format: str | None = None, coverage: float = 0.9
    ) -> Path:
        """Write one file that predicts without Python, with the same numbers.

        Value, interval, T2, Q and flag for a spectrum on the target's own axis; any
        other axis is refused. Several properties stand in one file. `docs/export.md`
        describes the forms.

        Args:
          path: of the file
          format: "csv", "excel", "json", "onnx", "c", "javascript" or "page", an HTML
            page for dropped files; None: by the ending of `path`
          coverage: of the intervals

        Returns:
          The absolute path.

        Raises:
          SpektronError: not fitted, a preprocessing that a file cannot hold, another
            format, or the file cannot be written.

        Examples:
          >>> from spektron_jax import demo
          >>> ct, X, y = demo.transferred()
          >>> ct.export("moisture.csv").name
          'moisture.csv'
        """
        from spektron_jax.transfer.export import writing

        models = _each(self)
        kind = writing.format_of(Path(path), format)
        found = [one._exported(name, coverage) for name, one in models.items()]
        return writing.write(Path(path), kind, found)

    def _exported(self, name: str, coverage: float) -> dict[str, Any]:
        """The definition of one property; name: in an object of several, else empty."""
        known = ("property", "property_unit", "quantity", "target")
        named = {name: str(self.about_.get(name) or "") for name in known}
        named["property"] = name or named["property"] or self._label or ""
        named |= {"unit": named.pop("property_unit"), "instrument": named.pop("target")}
        about = named | {
            "made from": self.regime_,
            "intervals": self.interval_mark(coverage),
            "verdict": str(self.verdict()),
            "source_sha256": str(self.provenance_["source_sha256"]),
        }
        return self._definition(coverage, about)

    @each(dict)
    def coefficients(self) -> tuple[float, np.ndarray, np.ndarray | None]:
        """The calibration as vectors on the target's own axis.

        Returns:
          intercept, raw and snv, (q,) each: a spectrum x is predicted as intercept +
          raw . x + (snv . x + a constant) / SD(x); snv None: no such part.

        Raises:
          SpektronError: not fitted, or a preprocessing that is no weighted sum.

        Examples:
          >>> from spektron_jax import demo
          >>> ct, X, y = demo.transferred()
          >>> intercept, raw, snv = ct.coefficients()
          >>> raw.shape
          (700,)
        """
        self._check_fitted()
        found = self._definition(0.9, {})
        snv = None if found["snv"] is None else np.array(found["snv"])
        return found["intercept"], np.array(found["raw"]), snv

    def _definition(self, coverage: float, about: dict[str, str]) -> dict[str, Any]:
        """What is exported; see `transfer/export/definition.py`."""
        from spektron_jax.transfer.export import folding
        from spektron_jax.transfer.export.definition import definition

        measured = self._axis_target

        def aligned(X: np.ndarray) -> np.ndarray:
            return on_axis(X, measured, self.axis_, self.unit_)[0]

        between = None if same(measured, self.axis_) else aligned
        points = folding.points(between, self.preprocessing_, measured.size)
        parts = self._model, self._calibrated(), self.domain_, self._known
        return definition(measured, self.unit_, points, *parts, coverage, about)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a model folder; its predictions are those of the object saved.

        Raises:
          SpektronError: no model, a damaged one, or of another format.

        Examples:
          >>> from spektron_jax import demo
          >>> from spektron_jax import CalibrationTransfer
          >>> ct, X, y = demo.transferred()
          >>> again = CalibrationTransfer.load(ct.save("model"))
          >>> bool(abs(again.predict(X) - ct.predict(X)).max() < 1e-9)
          True
        """
        state = persistence.read(Path(path))
        with _usable(path):
            models = {
                name: cls._loaded(*part)
                for name, part in together.parted(*state).items()
            }
            if "" in models:
                return models[""]
            self, first = cls(), next(iter(models.values()))
            for name in ("weights", "random_state", "adaptation", "preprocessing"):
                setattr(self, name, getattr(first, name))
            join(self, models)
            self.about_ = dict(state[0]["about"])
        return self

    @classmethod
    def _loaded(cls, settings: dict[str, Any], arrays: dict[str, np.ndarray]) -> Self:
        """The object of one property."""
        self = cls()
        self._restore(settings, arrays)
        self.weights = settings["trained_with"]
        self.random_state = settings["random_state"]
        if settings["adaptation"] is not None:
            from spektron_jax.encoder.adaptation import Adaptation

            self.adaptation = Adaptation(**settings["adaptation"])
        if self.preprocessing_ is not None:
            self.preprocessing = clone(self.preprocessing_)
        return self

    def _states(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Settings and arrays of one property or of several."""
        self._check_fitted()
        parts = {name: one._state() for name, one in _each(self).items()}
        if "" in parts:
            return parts[""]
        settings, arrays = together.joined(parts)
        return settings | {"about": self.about_}, arrays

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
            "failed_checks": self.failed_checks_,
            "poor_probability": self.poor_probability_,
            "verdict": list(self.verdict()),
            "repeatability": self.repeatability_,
            "label": self._label,
            "n_features": self.n_features_in_,
            "known": asdict(self._known),
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
        self.regime_ = settings["regime"]
        self.warnings_ = [str(text) for text in settings["warnings"]]
        self.failed_checks_ = settings["failed_checks"]
        self.poor_probability_ = settings["poor_probability"]
        label, text = settings["verdict"]
        self._verdict = Verdict(str(label), str(text))
        self.repeatability_, self._label = settings["repeatability"], settings["label"]
        known = settings["known"].items()
        self._known = Known(**{k: type(getattr(Known, k))(v) for k, v in known})
        self.n_features_in_ = settings["n_features"]
        self.provenance_, self.about_ = settings["provenance"], settings["about"]
        self.members_ = settings["members"]
        self.network_share_ = settings["network_share"]
        self.prior_share_ = settings["prior_share"]
        described = settings["preprocessing"]
        self.preprocessing_ = transformers.unpacked(described, arrays)
        self.comparison_ = self._data = self.features_ = self._probe = None
        fitted = persistence.unpacked(arrays)
        self._model, self._intervals, self.domain_ = fitted
        if self.unit_ != POINTS:
            for name in ("axis", "axis_target"):
                check(arrays[name], self.unit_, self._modality, name)
        points = self._intervals.spread.centre.size
        if self.preprocessing_ is None and self.axis_.shape != (points,):
            raise ValueError(f"an axis of {self.axis_.shape} for {points} points")
