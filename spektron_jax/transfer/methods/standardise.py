"""Standardisation: target spectra are re-rendered as if measured on the source.

DS and PDS: Wang, Veltkamp & Kowalski, Analytical Chemistry 63 (1991) 2750. SST: Du et
al., Analytica Chimica Acta 690 (2011) 64. A', B' are the pairs, mA', mB' their means.

n = pairs, L = points, c = components, h = half-window, m = spectra.
"""

import numpy as np

from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.methods.pls_transfer import (
    Map,
    Prepared,
    pairs_needed,
    source_model,
)

PINV_CUTOFF = 1e-3  # of the largest singular value
RESIDUAL_RIDGE = 0.01  # of the mean eigenvalue of the Gram matrix
SST_MAX_COMPONENTS = 6


def direct_map(A: np.ndarray, B: np.ndarray, rcond: float = PINV_CUTOFF) -> Map:
    """X -> (X - mB') pinv(B' - mB') (A' - mA') + mA'; A, B are (n, L)."""
    mean_a, mean_b = A.mean(axis=0), B.mean(axis=0)
    inverse = np.linalg.pinv(B - mean_b, rcond=rcond)
    return lambda X: ((X - mean_b) @ inverse) @ (A - mean_a) + mean_a


def residual_map(A: np.ndarray, B: np.ndarray, ridge: float = RESIDUAL_RIDGE) -> Map:
    """Mean-centring plus ridge regression of the centred difference A' - B' on B'."""
    mean_a, mean_b = A.mean(axis=0), B.mean(axis=0)
    Bc = B - mean_b
    difference = A - mean_a - Bc
    gram = Bc @ Bc.T
    strength = ridge * np.trace(gram) / len(B) or 1.0
    dual = np.linalg.solve(gram + strength * np.eye(len(B)), difference)
    return lambda X: X - mean_b + mean_a + ((X - mean_b) @ Bc.T) @ dual


def piecewise_map(A: np.ndarray, B: np.ndarray, half: int, components: int) -> Map:
    """Each point of A by principal-component regression on a window of B.

    Args:
      A, B: paired spectra                                             (n, L)
      half: h; the window is j - h .. j + h, cut at the ends of the axis
      components: c of each regression, at most n - 1 and the width of the window

    Returns:
      The map from target to source spectra.
    """
    mean_a, mean_b = A.mean(axis=0), B.mean(axis=0)
    windows = _windows(B - mean_b, half)  # (L, n, 2 h + 1); zero beyond the ends
    covariance = windows.transpose(0, 2, 1) @ windows
    values, vectors = np.linalg.eigh(covariance)
    values, vectors = values[:, ::-1][:, :components], vectors[:, :, ::-1]
    vectors = vectors[:, :, :components]
    held = values > 1e-12 * values[:, :1]  # directions that the pairs do not span
    inverse = np.where(held, 1.0 / np.where(held, values, 1.0), 0.0)
    product = np.einsum("jnw,nj->jw", windows, A - mean_a)
    inside = np.einsum("jwc,jw->jc", vectors, product) * inverse
    weights = np.einsum("jwc,jc->jw", vectors, inside)  # (L, 2 h + 1)
    return lambda X: (
        np.einsum("jnw,jw->nj", _windows(X - mean_b, half), weights) + mean_a
    )


def _windows(X: np.ndarray, half: int) -> np.ndarray:
    padded = np.pad(X, ((0, 0), (half, half)))
    view = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1, axis=1)
    return view.transpose(1, 0, 2)


def subspace_map(A: np.ndarray, B: np.ndarray, components: int) -> Map:
    """Spectral space transformation by the common SVD of [A' B'], centred.

    X -> X - mB' + mA' + (X - mB') pinv(P_B) (P_A - P_B), with P the loadings.
    """
    mean_a, mean_b = A.mean(axis=0), B.mean(axis=0)
    joint = np.hstack([A - mean_a, B - mean_b])
    loadings = np.linalg.svd(joint, full_matrices=False)[2][:components]
    P_a, P_b = np.split(loadings, 2, axis=1)
    inverse = np.linalg.pinv(P_b)
    return lambda X: X - mean_b + mean_a + ((X - mean_b) @ inverse) @ (P_a - P_b)


def direct(data: TransferData) -> Prepared:
    """Direct standardisation."""
    return source_model(data, direct_map(*pairs_needed(data, 2, "ds")))


def direct_residual(data: TransferData) -> Prepared:
    """Direct standardisation that shrinks to mean-centring, not to zero."""
    return source_model(data, residual_map(*pairs_needed(data, 2, "ds_res")))


def piecewise(data: TransferData, *, width: int, components: int) -> Prepared:
    """Piecewise direct standardisation with a window of odd width."""
    A, B = pairs_needed(data, 2, "pds")
    return source_model(data, piecewise_map(A, B, width // 2, components))


def subspace(data: TransferData) -> Prepared:
    """Spectral space transformation with min(n - 1, 6) components."""
    A, B = pairs_needed(data, 2, "sst")
    return source_model(data, subspace_map(A, B, min(len(A) - 1, SST_MAX_COMPONENTS)))
