"""Similarities from an encoder's features, at three depths.

    encoder z_chem   mean of z_chem
    encoder CLS      summary token
    encoder tokens   the spectral tokens one after the other

Cosines about the library's own mean, which is known before any query is. Spectra enter
from 0 to 1, whatever their unit.

n = queries, m = library spectra, L = points.
"""

import numpy as np

from spektron_jax.encoder.features import Features
from spektron_jax.identification.combine import DEPTHS, MEAN

ROWS = 1024  # spectra encoded before their features are kept


class EncoderSimilarity:
    """Similarities of spectra on one axis.

    Attributes:
      checksum: of the weights
      names: of the similarities
    """

    names = tuple(DEPTHS)

    def __init__(self, weights: str, axis_cm1: np.ndarray, modality: str):
        self._features = Features(weights, axis_cm1, "cm-1", modality)
        self.checksum = self._features.checksum

    def __call__(self, query: np.ndarray, library: np.ndarray) -> dict[str, np.ndarray]:
        """{name: (n, m)} for spectra (n, L) and (m, L)."""
        return self.compared(query, self.prepared(library))

    def prepared(self, library: np.ndarray) -> dict[str, np.ndarray]:
        """What `compared` needs of a library: its mean and directions by depth."""
        blocks = [
            self._features.encoded(unit_range(library[start : start + ROWS]))
            for start in range(0, len(library), ROWS)
        ]
        found: dict[str, np.ndarray] = {}
        for depth in DEPTHS.values():
            values = np.concatenate([block[depth] for block in blocks])
            mean = values.mean(axis=0, dtype=np.float64).astype(values.dtype)
            values -= mean
            values /= _norm(values)
            found |= {depth: values, depth + MEAN: mean}
        return found

    def compared(
        self, query: np.ndarray, library: dict[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """{name: (n, m)} for spectra (n, L) and a prepared library."""
        features, found = self.features(query), {}
        for name, depth in DEPTHS.items():
            values = features[depth] - library[depth + MEAN]
            values = (values / _norm(values)).astype(library[depth].dtype)
            found[name] = values @ library[depth].T
        return found

    def features(self, spectra: np.ndarray) -> dict[str, np.ndarray]:
        """Features of spectra by depth, see `encoder.features`."""
        return self._features(unit_range(spectra))


def unit_range(spectra: np.ndarray) -> np.ndarray:
    """Each row from 0 to 1."""
    low = spectra.min(axis=1, keepdims=True)
    span = spectra.max(axis=1, keepdims=True) - low
    return (spectra - low) / np.where(span > 0, span, 1.0)


def _norm(z: np.ndarray) -> np.ndarray:
    norm = np.linalg.norm(z, axis=1, keepdims=True)
    return np.where(norm > 0, norm, 1.0)
