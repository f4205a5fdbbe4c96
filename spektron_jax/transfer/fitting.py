"""The fit of one property, in steps that several properties can share.

L = points.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from spektron_jax.errors import NetworkMissing, SpektronError, has_network
from spektron_jax.transfer import checks, persistence, transformers
from spektron_jax.transfer.applicability import Applicability
from spektron_jax.transfer.arguments import Arguments
from spektron_jax.transfer.comparison import Comparison, inside
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.domain import fit_domain
from spektron_jax.transfer.encoder_tools import WITHOUT_ENCODER
from spektron_jax.transfer.ensemble import Ensemble, FittedEnsemble
from spektron_jax.transfer.inputs import POINTS
from spektron_jax.transfer.intervals import Intervals
from spektron_jax.transfer.members import Affine, FeatureMap
from spektron_jax.transfer.new_spectra import Known
from spektron_jax.transfer.spectrum_checks import stuck
from spektron_jax.transfer.transfer_network import TransferNetwork, load_network
from spektron_jax.transfer.usefulness import Verdict

if TYPE_CHECKING:
    from spektron_jax.encoder.adaptation import Adaptation

PROBE_ROWS = 3  # source spectra on which restored preprocessing is compared


class Fits:
    """Methods of `CalibrationTransfer` that fit it to one property."""

    weights: Any
    adaptation: "Adaptation | None"
    preprocessing: Any
    compare: bool
    random_state: int
    domain_: Applicability | None
    _data: TransferData | None
    _intervals: Intervals | None
    _verdict: Verdict | None
    _modality: str

    def _aligned(self, X: Any, axis: Any) -> np.ndarray:
        raise NotImplementedError

    def _begin(self, given: Arguments, like: Any = None) -> TransferData:
        """Everything before the models are fitted; returns what they are fitted on.

        `like`: an object that was begun on the same spectra; None: there is none.
        """
        inputs, data = given.inputs, given.inputs.data
        self.unit_ = given.unit
        self.axis_, self._axis_target = inputs.axis, inputs.axis_target
        self._known_features(given)
        self._spectral = checks.of_spectra(given) if like is None else like._spectral
        failed = [*self._spectral, *checks.of_labels(given, self._spectral)]
        self.failed_checks_ = list(dict.fromkeys(one.name for one in failed))
        self.regime_ = inputs.regime
        self.warnings_ = [*inputs.warnings, *(one.text for one in failed)]
        self.about_: dict[str, Any] = {}
        self._probe: np.ndarray | None = data.X_source[:PROBE_ROWS]
        self.preprocessing_ = None
        if like is not None:  # one copy of the spectra for all
            self.preprocessing_, self._probe = like.preprocessing_, like._probe
            data = data.on(like._data.X_source, like._data.X_target)
        elif self.preprocessing is not None:
            self.preprocessing_, data = transformers.applied(self.preprocessing, data)
        self._data = data
        self.features_: Any = self._feature_map(data)
        if like is not None and self.features_ is not None:
            self.features_ = like.features_
        self._intervals = self._verdict = None
        self.ensemble_ = Ensemble("combination", self._modality, self.features_)
        return data

    def _end(self, given: Arguments, fitted: FittedEnsemble, like: Any = None) -> None:
        """Everything after the models were fitted; `like`: see `_begin`."""
        assert self._data is not None
        self._model: Affine = fitted
        self.members_ = {part.name: part.weight for part in fitted.members}
        self.network_share_ = fitted.share("encoder") + fitted.moved
        self.prior_share_ = fitted.share("prior")
        self.poor_probability_ = fitted.poor
        self.warnings_ += fitted.warnings
        if like is None:
            bad = checks.unusable(self._spectral)
            self.domain_ = fit_domain(self._data, *bad)
        else:
            self.domain_ = like.domain_
        self.provenance_ = persistence.provenance_of(given, self.features_)
        self.repeatability_ = None
        if given.target.repeated:
            scans = self._model(self._aligned(given.target.X, None))
            self.repeatability_ = given.target.sd(scans)
        self.comparison_: Comparison | None = None
        if self.compare:
            drawn = self.ensemble_, self.random_state
            self.comparison_ = inside(self._data, *drawn)

    def _known_features(self, given: Arguments) -> None:
        """What is asked of new spectra, and what is usual among the old ones."""
        self.n_features_in_ = given.source.X.shape[1]
        if given.features is not None:
            self.feature_names_in_ = given.features
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        self._label = None if given.label is None else str(given.label)
        usual = float(np.median(stuck(given.source.X)))
        self._known = Known.of(given.inputs.data, usual)

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
