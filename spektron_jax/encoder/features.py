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

import numpy as np

from spektron_jax.archive import MANIFEST, checksum
from spektron_jax.errors import SpektronError
from spektron_jax.spectra.grid import to_tokens

DEPTHS = ("chem", "cls", "mean", "tokens")
MOST_KEPT = 4096  # encoded spectra; about 35 kB each for the nano weights


class Features:
    """Encode spectra on one axis; what was encoded before is looked up.

    Attributes:
      name: of the weights
      checksum: of the weights' manifest
      encoder: the Encoder in use
    """

    def __init__(self, weights: str, axis: np.ndarray, unit: str, modality: str):
        from spektron_jax.encoder.weights import SHIPPED

        self.name = str(weights)
        folder = SHIPPED / self.name
        folder = folder if folder.is_dir() else Path(weights)
        manifest = folder / "manifest.json"
        changed = manifest.stat().st_mtime_ns if manifest.is_file() else 0
        self.encoder = _loaded(self.name, changed)
        self.checksum = _checksum(folder)
        self.axis = np.asarray(axis, np.float64)
        self.unit, self.modality = unit, modality
        self._kept: dict[bytes, dict[str, np.ndarray]] = {}

    def __call__(self, X: np.ndarray) -> dict[str, np.ndarray]:
        """Features of spectra (n, L), for each depth (n, F) float64."""
        X = np.ascontiguousarray(X, np.float64)
        keys = [hashlib.sha256(row.tobytes()).digest() for row in X]
        new = list({k: i for i, k in enumerate(keys) if k not in self._kept}.values())
        if new:
            if len(self._kept) + len(new) > MOST_KEPT:
                self._kept = {k: self._kept[k] for k in keys if k in self._kept}
            encoded = self.encoded(X[new])
            for place, row in enumerate(new):
                self._kept[keys[row]] = {d: v[place] for d, v in encoded.items()}
        if not keys:
            some = self.encoded(np.zeros((1, self.axis.size)))
            return {
                depth: values[:0].astype(np.float64) for depth, values in some.items()
            }
        return {
            depth: np.stack([self._kept[key][depth] for key in keys]).astype(np.float64)
            for depth in DEPTHS
        }

    def using(self, encoder) -> "Features":
        """The same for another encoder, such as an adapted one."""
        other = copy.copy(self)
        other.encoder, other._kept = encoder, {}
        return other

    def encode(self, X: np.ndarray, routing=None) -> dict[str, np.ndarray]:
        """Everything that `Encoder.encode` says of spectra (n, L)."""
        how = self.axis, self.unit, self.modality
        return self.encoder.encode(X, *how, routing=routing)

    def alive(self, X: np.ndarray) -> np.ndarray:
        """Which of the model's tokens hold points of the first of these spectra."""
        points = self.encoder.config.data.points
        valid = to_tokens(X[:1], self.axis, self.unit, points).valid[0]
        return valid.reshape(-1, self.encoder.config.model.stride).any(axis=1)

    def encoded(self, X: np.ndarray, routing=None) -> dict[str, np.ndarray]:
        """As a call, without looking anything up; `routing` as in `Encoder.encode`."""
        out = self.encode(X, routing)
        tokens = out["tokens"][:, self.alive(X)]
        return {
            "chem": out["chem_mean"],
            "cls": out["cls"],
            "mean": tokens.mean(axis=1),
            "tokens": tokens.reshape(len(X), -1),
        }


@functools.lru_cache(maxsize=1)
def _loaded(weights: str, changed: int):
    """The encoder, compiled once for all axes; `changed`: when its files were."""
    from spektron_jax.encoder.load import load_encoder

    return load_encoder(weights)


def _checksum(folder: Path) -> str:
    try:
        return checksum(folder / MANIFEST)
    except OSError as error:
        raise SpektronError(
            f"{folder}: has no {MANIFEST}; export the weights of the run first"
        ) from error
