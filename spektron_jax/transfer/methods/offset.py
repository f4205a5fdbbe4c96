"""The simplest transfers: none, a shifted mean spectrum, a line on predictions.

Mean-centring: Swierenga et al., Chemometrics and Intelligent Laboratory Systems 49
(1999) 1. Slope and bias: Bouveresse, Hartmann, Massart, Last & Prebble, Analytical
Chemistry 68 (1996) 982.
"""

import numpy as np

from spektron_jax.errors import SpektronError
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.methods.pls_transfer import (
    Correction,
    Prepared,
    labels_needed,
    pairs_needed,
    source_model,
)


def none(data: TransferData) -> Prepared:
    """The source model on target spectra as they are: the floor."""
    return source_model(data, lambda X: X)


def mean_centring(data: TransferData) -> Prepared:
    """Shift target spectra by the mean difference of the pairs."""
    A, B = pairs_needed(data, 1, "mc")
    shift = A.mean(axis=0) - B.mean(axis=0)
    return source_model(data, lambda X: X + shift)


def unlabelled_mean_centring(data: TransferData) -> Prepared:
    """Shift target spectra to the mean of the source spectra; no labels, no pairs."""
    if not len(data.X_target):
        raise SpektronError("umc: needs at least 1 target spectrum, got none")
    shift = data.X_source.mean(axis=0) - data.X_target.mean(axis=0)
    return source_model(data, lambda X: X + shift)


def bias(data: TransferData, predicted: np.ndarray) -> Correction:
    """Add the mean error of the labelled target samples; predicted (n, K)."""
    rows = labels_needed(data, 1, "bias")
    shift = np.mean(data.y_target[rows][:, None] - predicted, axis=0)
    return lambda X, new: new + shift


def slope_and_bias(data: TransferData, predicted: np.ndarray) -> Correction:
    """Least-squares line of labels on predictions, one for each k; predicted (n, K)."""
    rows = labels_needed(data, 2, "sbc")
    y = data.y_target[rows]
    mean = predicted.mean(axis=0)
    centred = predicted - mean
    spread = np.sum(centred**2, axis=0)
    slope = (y - y.mean()) @ centred / np.where(spread > 0, spread, 1.0)
    return lambda X, new: y.mean() + (new - mean) * slope
