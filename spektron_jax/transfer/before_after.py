"""Labelled target samples before and after a transfer, each by fits without it.

n = labelled target samples.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from spektron_jax.errors import SpektronError
from spektron_jax.transfer.comparison import BASELINES, FLOOR
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.methods import make
from spektron_jax.transfer.methods.preprocessing import WINDOW


class LeftOutPredictions(NamedTuple):
    """Predictions of labelled target samples, all (n,).

    Attributes:
      measured: their labels
      before: by the source's calibration as it is, fitted without all of them; NaN
        where nothing is left to fit it on
      after: by the transfer, each by the fit without it
    """

    measured: np.ndarray
    before: np.ndarray
    after: np.ndarray


def left_out_predictions(
    data: TransferData,
    groups: Sequence[np.ndarray],
    without: Sequence[Callable[[np.ndarray], np.ndarray]],
) -> LeftOutPredictions:
    """What is known without samples held out.

    Args:
      data: both instruments
      groups: rows of target samples that were left out together
      without: the fits without each group
    """
    rows = np.concatenate([*groups, np.empty(0, int)])
    parts = zip(groups, without, strict=True)
    each = [fit(data.X_target[own]) for own, fit in parts]
    order = np.argsort(rows)
    rows, after = rows[order], np.concatenate([*each, np.empty(0)])[order]
    before = np.full(rows.size, np.nan)
    if rows.size:
        name = BASELINES[FLOOR]
        if data.X_source.shape[1] < WINDOW:
            name = name.replace("/sg1", "/raw")
        try:
            before = make(name).fit(data.without(rows))(data.X_target[rows])
        except SpektronError:
            pass  # too few samples are left
    return LeftOutPredictions(data.y_target[rows], before, after)
