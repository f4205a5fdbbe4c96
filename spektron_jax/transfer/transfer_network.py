"""A network that weighs the members of a transfer; trained on many transfers.

The recipe (`ensemble.py`) knows what a member's left-out errors, its kind and the
number of samples say on average. The network reads more (`network_inputs.py`): noise,
how the instruments differ, where the members disagree. It adds to the log weights

    2 tanh(o / 2),   o = a function of the member, all members together, and the task

so that members stay what they are: exact fits of the samples at hand. It is small and
runs here in numpy; `training/transfer_network` trains it.

A network comes with probes, transfers that it was not trained on, in its folder. It
takes part where it lowers their mean log error by more than two standard errors;
otherwise predictions are those of the recipe alone.

M = members, F, K = inputs of a member and of the task, H = hidden units.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy import special

from spektron_jax import archive
from spektron_jax.errors import SpektronError
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.members import Member
from spektron_jax.transfer.network_inputs import Inputs, inputs_of
from spektron_jax.transfer.task_inputs import task_inputs

FORMAT, KIND = 1, "transfer network"
WEIGHTS, PROBES = "network.npz", "probes.npz"
REACH = 2.0  # of what is added to a log weight
LEAST_SHARE = 3e-3  # of the variance; smaller errors count alike
STANDARD_ERRORS = 2.0


@dataclass(frozen=True, eq=False)
class TransferNetwork:
    """Weights of members, given what is seen of them.

    Attributes:
      name: of its folder
      checksum: of its manifest
      parameters: name -> array
      gain: mean change of the log error on its probes, and its standard error
    """

    name: str
    checksum: str | None
    parameters: dict[str, np.ndarray] = field(repr=False)
    gain: tuple[float, float]

    @property
    def acts(self) -> bool:
        """Whether it was found to help."""
        return self.gain[0] + STANDARD_ERRORS * self.gain[1] < 0

    def reweighted(
        self,
        members: Sequence[Member],
        data: TransferData,
        modality: str,
        bases: Sequence[np.ndarray],
        errors: np.ndarray | None = None,
        group: np.ndarray | None = None,
    ) -> list[np.ndarray]:
        """Weights of the members, sum 1, for the fit on everything and all others.

        Args:
          members: of one ensemble
          data: both instruments
          modality: of the spectra
          bases: the recipe's weights for each fit                     (M,) each
          errors: of samples left out, in the SD of the source's labels    (M, n)
          group: that each of them belongs to                          (n,)
        """
        task = task_inputs(data, modality)
        found = []
        for fit, base in enumerate(bases):
            known = errors
            if fit and errors is not None and group is not None:
                known = errors[:, group != fit - 1]
            inputs = inputs_of(members, data, task, base, known, fit)
            found.append(special.softmax(self.log_weights(inputs)))
        return found

    def log_weights(self, inputs: Inputs) -> np.ndarray:
        """Up to a constant, (M,)."""
        return inputs.base + offsets(self.parameters, inputs)


def offsets(parameters: dict[str, np.ndarray], inputs: Inputs) -> np.ndarray:
    """What is added to log weights, (M,)."""
    p = parameters

    def dense(name: str, x: np.ndarray) -> np.ndarray:
        return x @ p[f"{name}/kernel"] + p[f"{name}/bias"]

    members = (inputs.members - p["members/mean"]) / p["members/sd"]
    task = (inputs.task - p["task/mean"]) / p["task/sd"]
    common = np.broadcast_to(task, (len(members), task.size))
    h = _silu(dense("member_0", np.hstack([members, common])))
    h = _silu(dense("member_1", h))
    weights = special.softmax(inputs.base)
    pooled = np.concatenate([weights @ h, h.mean(axis=0), task])
    together = _silu(dense("set", pooled))
    h = np.hstack([h, np.broadcast_to(together, (len(h), together.size))])
    o = dense("out_1", _silu(dense("out_0", h)))[:, 0]
    return REACH * np.tanh(o / REACH)


def _silu(x: np.ndarray) -> np.ndarray:
    return x * special.expit(x)


def load_network(weights: Any) -> TransferNetwork | None:
    """The network of a name that ships or a folder; None: it is none.

    Args:
      weights: what an estimator was given; the folder of a training run is taken for
        the network in it

    Raises:
      SpektronError: the folder is damaged.
    """
    if not isinstance(weights, (str, Path)):
        return None
    from spektron_jax.encoder.weights import SHIPPED

    for folder in (SHIPPED / str(weights), Path(weights), Path(weights) / "network"):
        if (folder / WEIGHTS).is_file():
            return _load(folder, archive.checksum(folder / archive.MANIFEST))
    return None


@functools.lru_cache(maxsize=4)
def _load(folder: Path, checksum: str) -> TransferNetwork:
    try:
        archive.verify(folder, FORMAT)
        parameters = _arrays(folder / WEIGHTS)
        gain = gain_on(parameters, _arrays(folder / PROBES))
    except (archive.Damaged, OSError, ValueError, KeyError) as error:
        raise SpektronError(
            f"{folder}: damaged ({error}); copy the network there again"
        ) from error
    name = folder.parent.name if folder.name == "network" else folder.name
    return TransferNetwork(name, checksum, parameters, gain)


def _arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name].astype(np.float64) for name in file.files}


def gain_on(
    parameters: dict[str, np.ndarray], probes: dict[str, np.ndarray]
) -> tuple[float, float]:
    """Mean change of the log error on probes, and its standard error.

    Args:
      parameters: of a network
      probes: for P of them, "members" (P, M, F), "task" (P, K), "base" (P, M), -inf
        where a member is missing, and "errors" of predictions (P, M, m), NaN where one
        is missing, in the SD of the labels
    """
    changes = []
    for members, task, base, errors in zip(
        *(probes[name] for name in ("members", "task", "base", "errors")), strict=True
    ):
        there = np.isfinite(base)
        errors = errors[there][:, np.isfinite(errors[there][0])]
        own = Inputs(members[there], task, base[there])
        changes.append(change(parameters, own, errors))
    spread = np.std(changes, ddof=1) if len(changes) > 1 else np.inf
    return float(np.mean(changes)), float(spread / np.sqrt(len(changes)))


def change(
    parameters: dict[str, np.ndarray], inputs: Inputs, errors: np.ndarray
) -> float:
    """Of the log error of one transfer; errors of members' predictions, (M, m)."""
    base = inputs.base.astype(np.float64)
    log_weights = base, base + offsets(parameters, inputs)
    before, after = (missed(special.softmax(w), errors) for w in log_weights)
    return after - before


def missed(weights: np.ndarray, errors: np.ndarray) -> float:
    """Log of the share of the variance that a sum of members misses; (M,), (M, m)."""
    return float(np.log(np.mean((weights @ errors) ** 2) + LEAST_SHARE))
