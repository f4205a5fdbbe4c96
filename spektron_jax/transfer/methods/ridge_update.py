"""Ridge update: the source model as prior, corrected by a few target labels.

Tikhonov regularisation towards a known vector: Kalivas, Siano, Andries & Goicoechea,
Applied Spectroscopy 63 (2009) 800. The strength is chosen by leave-one-out in closed
form (Allen's PRESS), the intercept is not penalised.

n = labelled target samples, K = numbers of components, G = strengths, m = spectra.
"""

import numpy as np

from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.methods.pls_transfer import Correction, labels_needed

STRENGTHS = np.logspace(-4, 4, 17)  # times the mean eigenvalue of the Gram matrix


def ridge_update(data: TransferData, predicted: np.ndarray) -> Correction:
    """Ridge regression of what the source model leaves over, for each k.

    Args:
      data: preprocessed spectra
      predicted: of the labelled target spectra by the source model    (n, K)

    Returns:
      A function that adds the ridge prediction to new predictions (m, K).
    """
    rows = labels_needed(data, 3, "prior_ridge")
    X, left = data.X_target[rows], data.y_target[rows][:, None] - predicted
    mean, offset = X.mean(axis=0), left.mean(axis=0)
    Xc = X - mean
    values, vectors = np.linalg.eigh(Xc @ Xc.T)
    values = np.maximum(values, 0.0)
    strengths = STRENGTHS * max(values.mean(), np.finfo(float).tiny)
    shrink = values / (values + strengths[:, None])  # (G, n)
    rotated = vectors.T @ (left - offset)
    fitted = np.einsum("in,gn,nk->gik", vectors, shrink, rotated)
    leverage = 1.0 / rows.size + np.einsum("in,gn->gi", vectors**2, shrink)
    press = np.sum(
        ((left - offset - fitted) / np.maximum(1 - leverage, 1e-12)[:, :, None]) ** 2,
        axis=1,
    )  # (G, K)
    best = strengths[np.argmin(press, axis=0)]  # (K,)
    dual = vectors @ (rotated / (values[:, None] + best))  # (n, K)
    coefficients = Xc.T @ dual
    return lambda X_new, new: new + offset + (X_new - mean) @ coefficients
