"""Transfer data beside what several methods derive from them, each computed once.

A fit makes a Workspace and hands it to its members; a comparison makes one for each
trial and hands it to every method. It ends with them, and the data never change.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from spektron_jax.errors import SpektronError
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.methods.preprocessing import preprocess


class Workspace:
    """What is derived from one `TransferData`, looked up by a key.

    Attributes:
      data: both instruments
    """

    def __init__(self, data: TransferData):
        self.data = data
        self._kept: dict[Hashable, Any] = {}

    @classmethod
    def of(cls, data: "TransferData | Workspace") -> "Workspace":
        """The workspace itself, or a new one of these data."""
        return data if isinstance(data, Workspace) else cls(data)

    def once(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """What `key` names, computed at the first call."""
        if key not in self._kept:
            self._kept[key] = compute()
        return self._kept[key]

    @staticmethod
    def each_once(
        spaces: "Sequence[Workspace]", key: Hashable, compute: Callable[[], list]
    ) -> list[Any]:
        """What `key` names in each of several, computed for all at the first call."""
        if key not in spaces[0]._kept:
            for space, one in zip(spaces, compute(), strict=True):
                space._kept[key] = one
        return [space._kept[key] for space in spaces]

    def preprocessed(self, pretreatment: str) -> tuple["Workspace", float]:
        """Both instruments after a pretreatment, divided by one constant.

        The constant is the mean over points of the SD of the source spectra, so that
        filters with an absolute strength mean the same on every set.
        """

        def compute() -> tuple[Workspace, float]:
            data = self.data
            X_source = preprocess(data.X_source, pretreatment)
            X_target = preprocess(data.X_target, pretreatment)
            scale = float(X_source.std(axis=0).mean()) or 1.0
            return Workspace(data.on(X_source / scale, X_target / scale)), scale

        return self.once(("preprocessed", pretreatment), compute)

    def leave_out(self) -> list[tuple[np.ndarray, "Workspace"]]:
        """`TransferData.groups`, with a workspace of the rest for each.

        Raises:
          SpektronError: there are none.
        """

        def compute() -> list[tuple[np.ndarray, Workspace]]:
            groups = self.data.groups()
            if not groups:
                raise SpektronError(
                    "y_target: leaving samples out needs 2 labelled ones and 3 others "
                    f"of the source, got {self.data.labelled.size}"
                )
            return [(rows, Workspace(self.data.without(rows))) for rows in groups]

        return self.once("leave_out", compute)
