"""Calibrations that contain labelled target spectra: pooled, target only, ceiling.

Pooling is also called calibration updating or spiking: Wise & Roginski, IFAC
PapersOnLine 48-8 (2015) 260; Capron, Walczak, de Noord & Massart, Chemometrics and
Intelligent Laboratory Systems 76 (2005) 205.
"""

import numpy as np

from spektron_jax.transfer.data import UNPAIRED, TransferData
from spektron_jax.transfer.methods.offset import mean_centring
from spektron_jax.transfer.methods.pls_transfer import Prepared, labels_needed

TARGET_ONLY_MAX_COMPONENTS = 8


def pooled(data: TransferData, *, centred: bool, balanced: bool) -> Prepared:
    """PLS on source and labelled target spectra together.

    Args:
      data: preprocessed spectra
      centred: shift target spectra by the mean difference of the pairs first
      balanced: weight the target spectra so that both sets count alike in total
    """
    rows = labels_needed(data, 1, "pooled")
    bring = mean_centring(data).bring if centred else lambda X: X
    S, n = data.y_source.size, rows.size
    pair = data.paired[rows]
    # A sample on both instruments is one group: its two spectra share a fold.
    groups = np.where(pair == UNPAIRED, S + np.arange(n), pair)
    return Prepared(
        np.vstack([data.X_source, bring(data.X_target[rows])]),
        np.concatenate([data.y_source, data.y_target[rows]]),
        bring,
        weights=np.concatenate([np.ones(S), np.full(n, S / n if balanced else 1.0)]),
        groups=np.concatenate([np.arange(S), groups]),
    )


def target_only(data: TransferData) -> Prepared:
    """PLS on the labelled target spectra alone, up to min(8, n - 2) components."""
    rows = labels_needed(data, 3, "target_only")
    return Prepared(
        data.X_target[rows],
        data.y_target[rows],
        lambda X: X,
        folds=rows.size,
        k_max=max(min(TARGET_ONLY_MAX_COMPONENTS, rows.size - 2), 1),
    )


def ceiling(data: TransferData) -> Prepared:
    """PLS on all target labels: what the target instrument gives without transfer."""
    rows = labels_needed(data, 3, "ceiling")
    return Prepared(data.X_target[rows], data.y_target[rows], lambda X: X)
