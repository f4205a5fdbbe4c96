"""What the transfer network reads of a transfer: its members, and the task as a whole.

Everything is dimensionless: in the SD of the source's labels, in the spread of its
spectra, or the logarithm of a number. What no label tells is 0.

M = members, n = labelled target samples, T = target spectra, L = points.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from spektron_jax.transfer.bayes import NOISE_SPLITS
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.members import VIEWS, Member
from spektron_jax.transfer.task_inputs import LEAST, LIMIT, log
from spektron_jax.transfer.views import white_noise

KINDS = ("bayes", "prior", "classical")
METHODS: tuple[str, ...] = ("mc", "ds_res", "glsw0.01", "pooled_mc", "pooled_w1")
METHODS += ("sbc", "target_only", "umc", "umc+bias", "pooled", "coral_u")
SPLITS = tuple(split.name for split in NOISE_SPLITS)
MOST_SPECTRA = 200  # target spectra that are predicted to see how members differ


class Inputs(NamedTuple):
    """What the network reads.

    Attributes:
      members: a row each                                              (M, F)
      task: what all share                                             (K,)
      base: log weights of the recipe                                  (M,)
    """

    members: np.ndarray
    task: np.ndarray
    base: np.ndarray


def inputs_of(
    members: Sequence[Member],
    data: TransferData,
    task: np.ndarray,
    base: np.ndarray,
    errors: np.ndarray | None,
    fit: int = 0,
) -> Inputs:
    """What the network reads of one fit of all members.

    Args:
      members: at least one
      data: both instruments
      task: from `task_inputs`
      base: weights of the recipe                                      (M,)
      errors: of samples left out, in the SD of the source's labels; None: no labels
                                                                       (M, n)
      fit: 0, or 1 + the group that is left out
    """
    unit = data.y_source.std()
    rows = np.linspace(0, len(data.X_target), MOST_SPECTRA, endpoint=False).astype(int)
    rows = np.unique(rows) if len(data.X_target) else np.zeros(0, int)
    each = np.stack([member.predicted(fit, rows) for member in members]) / unit
    logs = np.log(np.maximum(base, np.exp(-LIMIT)))
    columns, disagreement = _predictions(each, base, data.y_source.mean() / unit)
    noise = np.sqrt(white_noise(data.X_target[rows])) / unit
    sizes = [
        np.linalg.norm(one.view.on_spectra(one.vectors[fit])[0]) for one in members
    ]
    columns += [np.log(np.maximum(noise * np.array(sizes), LEAST))]
    columns += [logs, _evidence(members)]
    left, missed = _left_out(errors, base, len(members))
    columns += left
    named = [[name == own for own in KINDS] for name in (m.kind for m in members)]
    views = [[m.view.name == own for own in VIEWS] for m in members]
    splits = [[m.split == own for own in SPLITS] for m in members]
    names = [m.name.partition("/")[0] for m in members]
    methods = [[name == own for own in METHODS] for name in names]
    told = np.hstack([named, views, splits, methods]).astype(float)
    rows_of_numbers = np.clip(np.column_stack([*columns, told]), -LIMIT, LIMIT)
    return Inputs(rows_of_numbers, np.append(task, [missed, disagreement]), logs)


def _predictions(
    each: np.ndarray, base: np.ndarray, centre: float
) -> tuple[list[np.ndarray], float]:
    """How members' predictions (M, T) lie and differ, and how much they disagree."""
    if each.shape[1] < 2:
        return [np.zeros(len(each))] * 3, 0.0
    apart = np.sqrt(np.mean((each - base @ each) ** 2, axis=1))
    columns = [np.log(np.maximum(x, LEAST)) for x in (apart, each.std(axis=1))]
    columns.append(each.mean(axis=1) - centre)
    return columns, log(np.sqrt(base @ apart**2))


def _evidence(members: Sequence[Member]) -> np.ndarray:
    """Of Bayesian members, against the best of them, in units of 20."""
    own = np.array([member.kind != "classical" for member in members])
    evidence = np.array([member.evidence for member in members])
    return np.where(own, (evidence - evidence[own].max(initial=-np.inf)) / 20, 0.0)


def _left_out(
    errors: np.ndarray | None, base: np.ndarray, count: int
) -> tuple[list[np.ndarray], float]:
    """What errors of left-out samples (M, n) say of members, and of their sum."""
    if errors is None:
        return [np.zeros(count)] * 5, 0.0
    squares, together = errors**2, base @ errors
    mean = np.maximum(squares.mean(axis=1), LEAST**2)
    missed = np.log(max(np.mean(together**2), LEAST**2))
    apart = np.mean((errors - together) ** 2, axis=1) / mean
    spread = squares.std(axis=1) / mean / np.sqrt(errors.shape[1])
    bias = errors.mean(axis=1) ** 2 / mean
    return [np.log(mean), np.log(mean) - missed, spread, bias, apart], float(missed)
