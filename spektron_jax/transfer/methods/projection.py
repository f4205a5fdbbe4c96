"""Filters that take the difference between instruments out of both of them.

EPO: Roger, Chauchard & Bellon-Maurel, Chemometrics and Intelligent Laboratory Systems
66 (2003) 191. GLSW: Martens, Hoy, Wise, Bro & Brockhoff, Journal of Chemometrics 17
(2003) 153. The source model is refitted on filtered spectra.

n = pairs, L = points, m = spectra.
"""

import numpy as np

from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.methods.pls_transfer import (
    FEW_FOLDS,
    Map,
    Prepared,
    pairs_needed,
)


def epo_filter(A: np.ndarray, B: np.ndarray, components: int) -> Map:
    """Remove the first right singular vectors of A' - B'; A, B are (n, L)."""
    V = np.linalg.svd(A - B, full_matrices=False)[2][:components]
    return lambda X: X - (X @ V.T) @ V


def glsw_filter(A: np.ndarray, B: np.ndarray, alpha: float) -> Map:
    """Shrink directions of A' - B': I + V diag(d - 1) V' with

        d = 1 / sqrt(s^2 / (max(n - 1, 1) alpha) + 1)

    where s and V are singular values and right singular vectors of A' - B', (n, L).
    """
    _, s, V = np.linalg.svd(A - B, full_matrices=False)
    d = 1.0 / np.sqrt(s**2 / (max(len(A) - 1, 1) * alpha) + 1.0)
    return lambda X: X + ((X @ V.T) * (d - 1.0)) @ V


def _filtered(data: TransferData, clean: Map) -> Prepared:
    return Prepared(clean(data.X_source), data.y_source, clean, folds=FEW_FOLDS)


def epo(data: TransferData, *, components: int) -> Prepared:
    """External parameter orthogonalisation."""
    A, B = pairs_needed(data, 1, "epo")
    return _filtered(data, epo_filter(A, B, components))


def glsw(data: TransferData, *, alpha: float) -> Prepared:
    """Generalised least squares weighting."""
    A, B = pairs_needed(data, 1, "glsw")
    return _filtered(data, glsw_filter(A, B, alpha))
