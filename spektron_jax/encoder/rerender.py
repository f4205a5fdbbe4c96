"""Spectra as another instrument would have measured them, from latents alone.

z_chem of each spectrum and z_inst of the instrument are decoded by the transfer head,
the network's decoder of spectra with swapped instruments.

L = points, m, n = spectra, Z = latent width.
"""

import numpy as np

from spektron_jax.encoder.features import Features
from spektron_jax.errors import SpektronError


def instrument_code(features: Features, X: np.ndarray) -> np.ndarray:
    """Mean z_inst of one instrument's spectra (n, L), (Z,)."""
    if not len(X):
        raise SpektronError("instrument code: needs a spectrum of the instrument")
    return features.encode(X)["inst_mean"].mean(axis=0)


def rerender(features: Features, X: np.ndarray, code: np.ndarray) -> np.ndarray:
    """Render spectra for an instrument.

    Args:
      features: the encoder on an axis
      X: spectra of any instrument on this axis                        (m, L)
      code: of the instrument to render for, from `instrument_code`    (Z,)

    Returns:
      Spectra on the same axis                                         (m, L)
    """
    z_chem = features.encode(X)["chem_mean"]
    spectra = features.encoder.render(z_chem, code, features.axis, features.unit)
    return spectra.astype(np.float64)
