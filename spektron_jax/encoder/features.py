"""Encoder features of spectra at several depths, each spectrum encoded once.

    chem    mean of z_chem
    cls     summary token
    mean    mean of the spectral tokens
    tokens  the spectral tokens one after the other: where in the spectrum still shows

F = features of a depth, L = points, n = spectra.
"""

import copy
import functools
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Union

import numpy as np

from spektron_jax.encoder.adaptation import Adaptation
from spektron_jax.encoder.linearised import LinearisedEncoder, linearised
from spektron_jax.encoder.weights import checksum, locate
from spektron_jax.errors import SpektronError, network_for
from spektron_jax.spectra.grid import to_tokens

if TYPE_CHECKING:
    from spektron_jax.encoder.load import Encoder

DEPTHS = ("chem", "cls", "mean", "tokens")
MAX_KEPT = 4096  # encoded spectra; about 35 kB each for the nano weights


class Features:
    """Encode spectra on one axis; what was encoded before is looked up.

    The encoder is loaded, and JAX with it, when something is encoded. An ensemble uses
    the features as its `members.FeatureMap`.

    Attributes:
      name: of the weights
      checksum: of the weights' manifest; None: an Encoder of no such folder
      adaptation: test-time training before use on target spectra; None: none
    """

    def __init__(
        self,
        weights: Union[str, Path, "Encoder"],
        axis: np.ndarray,
        unit: str,
        modality: str,
        adaptation: Adaptation | None = None,
    ):
        self.name: str
        self.checksum: str | None
        if isinstance(weights, str | Path):
            folder = locate(weights)
            self.name, self.checksum = str(weights), checksum(folder)
            self._load = functools.partial(_loaded, folder, checksum(folder))
        elif hasattr(weights, "encode"):
            self.name, self.checksum = weights.name, weights.checksum
            self.encoder = weights
        else:
            raise SpektronError(
                f"weights: is a {type(weights).__name__}; give a name, a folder or an "
                "Encoder"
            )
        self.axis = np.asarray(axis, np.float64)
        self.unit, self.modality, self.adaptation = unit, modality, adaptation
        self._kept: dict[bytes, dict[str, np.ndarray]] = {}

    @functools.cached_property
    def encoder(self) -> "Encoder":
        """The Encoder in use."""
        return self._load()

    def __call__(self, X: np.ndarray) -> dict[str, np.ndarray]:
        """Features of spectra (n, L), for each depth (n, F) float64."""
        X = np.ascontiguousarray(X, np.float64)
        keys = [hashlib.sha256(row.tobytes()).digest() for row in X]
        new = list({k: i for i, k in enumerate(keys) if k not in self._kept}.values())
        if new:
            if len(self._kept) + len(new) > MAX_KEPT:
                self._kept = {k: self._kept[k] for k in keys if k in self._kept}
            encoded = self.encoded(X[new])
            for number, row in enumerate(new):
                self._kept[keys[row]] = {d: v[number] for d, v in encoded.items()}
        if not keys:
            some = self.encoded(np.zeros((1, self.axis.size)))
            return {
                depth: values[:0].astype(np.float64) for depth, values in some.items()
            }
        return {
            depth: np.stack([self._kept[key][depth] for key in keys]).astype(np.float64)
            for depth in DEPTHS
        }

    def using(self, encoder: "Encoder") -> "Features":
        """The same for another encoder, such as an adapted one."""
        other = copy.copy(self)
        other.encoder, other._kept, other.adaptation = encoder, {}, None
        return other

    def adapted(self, X_target: np.ndarray) -> "Features":
        """After test-time training on target spectra (T, L), if there is to be any."""
        if self.adaptation is None or not len(X_target):
            return self
        X = np.ascontiguousarray(X_target[: self.adaptation.spectra], np.float64)
        return _adapted(self, X.tobytes(), len(X), self.adaptation)

    def linearised(self, centre: np.ndarray, X_target: np.ndarray) -> LinearisedEncoder:
        """The linear map at a spectrum (L,), after `adapted`."""
        return linearised(self.adapted(X_target), centre)

    def encode(
        self, X: np.ndarray, routing: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Everything that `Encoder.encode` says of spectra (n, L)."""
        if X.shape[1] != self.axis.size:
            raise SpektronError(
                f"encoder: needs spectra on its {self.axis.size} points, got "
                f"{X.shape[1]}; with preprocessing that changes the number of points "
                "use weights=None"
            )
        how = self.axis, self.unit, self.modality
        return self.encoder.encode(X, *how, routing=routing)

    def valid_tokens(self, X: np.ndarray) -> np.ndarray:
        """Which of the model's tokens hold points of the first of these spectra."""
        points = self.encoder.config.data.points
        valid = to_tokens(X[:1], self.axis, self.unit, points).valid[0]
        return valid.reshape(-1, self.encoder.config.model.stride).any(axis=1)

    def encoded(
        self, X: np.ndarray, routing: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """As a call, without looking anything up; `routing` as in `Encoder.encode`."""
        out = self.encode(X, routing)
        tokens = out["tokens"][:, self.valid_tokens(X)]
        return {
            "chem": out["chem_mean"],
            "cls": out["cls"],
            "mean": tokens.mean(axis=1),
            "tokens": tokens.reshape(len(X), -1),
        }


@functools.lru_cache(maxsize=1)
def _loaded(folder: Path, checksum: str) -> "Encoder":
    """The encoder, compiled once for all axes; `checksum`: of its manifest."""
    with network_for("encoder"):
        from spektron_jax.encoder.load import load_encoder

    return load_encoder(folder)


# The properties of one sample set follow each other: they share their adaptation.
@functools.lru_cache(maxsize=16)
def _adapted(features: Features, X: bytes, n: int, how: Adaptation) -> Features:
    from spektron_jax.encoder.test_time import adapt

    spectra = np.frombuffer(X).reshape(n, -1)
    where = features.axis, features.unit, features.modality
    return features.using(adapt(features.encoder, spectra, *where, how)[0])
