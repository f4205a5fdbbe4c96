"""CORAL: the source spectra take on the covariance of unlabelled target spectra.

Sun, Feng & Saenko, AAAI 30 (2016) 2058. C_A and C_B are the covariances of the two
sets, each with 0.05 % of its largest eigenvalue added to all:

    X_A -> (X_A - mA) C_A^(-1/2) C_B^(1/2) + mB

n = spectra, L = points.
"""

import numpy as np

from spektron_jax.errors import SpektronError
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.methods.pls_transfer import FEW_FOLDS, Map, Prepared

CORAL_RIDGE = 5e-4  # of the largest eigenvalue


def covariance_power(X: np.ndarray, power: float, ridge: float = CORAL_RIDGE) -> Map:
    """Multiplication by (cov(X) + ridge s_max I) ** power, without an L x L matrix."""
    _, s, V = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    values = s**2 / (len(X) - 1)
    floor = ridge * values[0]
    inside, outside = (values + floor) ** power, floor**power
    return lambda Y: Y * outside + ((Y @ V.T) * (inside - outside)) @ V


def coral(data: TransferData) -> Prepared:
    """PLS on source spectra coloured like the target's; predicts target spectra."""
    if len(data.X_target) < 2:
        raise SpektronError(
            f"coral_u: needs at least 2 target spectra, got {len(data.X_target)}"
        )
    whiten = covariance_power(data.X_source, -0.5)
    colour = covariance_power(data.X_target, 0.5)
    centred = data.X_source - data.X_source.mean(axis=0)
    coloured = colour(whiten(centred)) + data.X_target.mean(axis=0)
    return Prepared(coloured, data.y_source, lambda X: X, folds=FEW_FOLDS)
