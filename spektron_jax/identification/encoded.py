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

DEPTHS = {"encoder z_chem": "chem", "encoder CLS": "cls", "encoder tokens": "tokens"}


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
        both = [self._features(unit_range(X)) for X in (query, library)]
        return {
            name: _cosine(*(f[depth] for f in both)) for name, depth in DEPTHS.items()
        }

    def features(self, spectra: np.ndarray) -> dict[str, np.ndarray]:
        """Features of spectra by depth, see `encoder.features`."""
        return self._features(unit_range(spectra))


def unit_range(spectra: np.ndarray) -> np.ndarray:
    """Each row from 0 to 1."""
    low = spectra.min(axis=1, keepdims=True)
    span = spectra.max(axis=1, keepdims=True) - low
    return (spectra - low) / np.where(span > 0, span, 1.0)


def _cosine(query: np.ndarray, library: np.ndarray) -> np.ndarray:
    mean = library.mean(axis=0)
    query, library = query - mean, library - mean
    norms = [np.linalg.norm(z, axis=1, keepdims=True) for z in (query, library)]
    query, library = (
        z / np.where(norm > 0, norm, 1.0)
        for z, norm in zip((query, library), norms, strict=True)
    )
    return query @ library.T
