"""What a transfer method may see: source set, target samples, and who is whose pair.

One object for every regime. Test spectra are not part of it, so that no method can
reach them.

S = source spectra, T = target spectra, L = spectral points.
"""

from dataclasses import dataclass, replace

import numpy as np

from spektron_jax.errors import InputError
from spektron_jax.spectra.masks import unmasked

UNPAIRED = -1
MAX_GROUPS = 5  # more changes errors on 20 sets by less than 1 %, and costs its share


@dataclass(frozen=True, eq=False)
class TransferData:
    """Arrays a method may be fitted on. Checked on construction.

    Attributes:
      X_source: spectra of the source instrument                   (S, L) float64
      y_source: their labels, in the unit of the property          (S,)
      X_target: spectra of the target instrument, in the same units and on the same
        axis as X_source; may be empty                             (T, L)
      y_target: their labels, NaN where unknown                    (T,)
      paired: row of the same physical sample in X_source, -1: none   (T,) int

    Examples:
      >>> import numpy as np
      >>> from spektron_jax import TransferData
      >>> rng = np.random.default_rng(0)
      >>> X, y = rng.normal(size=(20, 30)), rng.normal(size=20)
      >>> data = TransferData(X, y, X[:5] + 0.1, y[:5], np.arange(5))
      >>> data.X_target.shape
      (5, 30)
    """

    X_source: np.ndarray
    y_source: np.ndarray
    X_target: np.ndarray
    y_target: np.ndarray
    paired: np.ndarray

    def __post_init__(self) -> None:
        set_ = object.__setattr__  # the arrays are normalised once, then stay
        for name in ("X_source", "y_source", "X_target", "y_target"):
            values = unmasked(getattr(self, name))
            set_(self, name, np.asarray(values, np.float64))
        set_(self, "paired", np.asarray(self.paired, dtype=np.int64))
        self._check_shapes()
        self._check_values()

    def _check_shapes(self) -> None:
        for side, X, y in (
            ("source", self.X_source, self.y_source),
            ("target", self.X_target, self.y_target),
        ):
            if X.ndim != 2:
                raise InputError(f"X_{side}: must be (spectra, points), is {X.shape}")
            if y.shape != X.shape[:1]:
                raise InputError(
                    f"y_{side}: {X.shape[0]} spectra need {X.shape[0]} labels in one "
                    f"column, got {y.shape}"
                )
        if self.X_source.shape[1] != self.X_target.shape[1]:
            raise InputError(
                f"X_target: has {self.X_target.shape[1]} points and X_source "
                f"{self.X_source.shape[1]}; bring both to one axis first"
            )
        if self.paired.shape != self.y_target.shape:
            raise InputError(
                f"paired: {self.y_target.size} target spectra need as many entries, "
                f"got {self.paired.shape}"
            )

    def _check_values(self) -> None:
        for name, X in (("X_source", self.X_source), ("X_target", self.X_target)):
            finite = np.isfinite(X).all(axis=1)
            if not finite.all():
                raise InputError(
                    f"{name}: row {int(np.argmin(finite))} holds NaN or infinity; "
                    "leave out spectra that were not measured"
                )
        if self.y_source.size < 3:
            raise InputError(
                "X_source: needs at least 3 labelled spectra, has "
                f"{self.y_source.size} sample{'s' * (self.y_source.size != 1)}"
            )
        if not np.isfinite(self.y_source).all():
            row = int(np.argmin(np.isfinite(self.y_source)))
            raise InputError(f"y_source: row {row} has no label; leave it out")
        if np.ptp(self.y_source) == 0:
            raise InputError(
                f"y_source: every label is {self.y_source[0]:g}; nothing to calibrate"
            )
        if np.isinf(self.y_target).any():
            raise InputError("y_target: holds infinity; use NaN for unknown labels")
        pairs = self.paired[self.paired != UNPAIRED]
        if pairs.size and not (0 <= pairs.min() and pairs.max() < self.y_source.size):
            raise InputError(
                f"paired: rows must lie in 0..{self.y_source.size - 1} or be -1"
            )
        if np.unique(pairs).size < pairs.size:
            raise InputError(
                "paired: a source spectrum is paired twice; if a sample was scanned "
                "more than once, give the sample ids of the scans as groups and "
                "groups_target"
            )

    @property
    def labelled(self) -> np.ndarray:
        """Rows of X_target with a label.

        Examples:
          >>> import numpy as np
          >>> from spektron_jax import TransferData
          >>> rng = np.random.default_rng(0)
          >>> X, y = rng.normal(size=(20, 30)), rng.normal(size=20)
          >>> data = TransferData(X, y, X[:5] + 0.1, y[:5], np.arange(5))
          >>> data.labelled.tolist()
          [0, 1, 2, 3, 4]
        """
        return np.flatnonzero(np.isfinite(self.y_target))

    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Spectra of the samples known on both, (A', B'), each (n, L).

        Examples:
          >>> import numpy as np
          >>> from spektron_jax import TransferData
          >>> rng = np.random.default_rng(0)
          >>> X, y = rng.normal(size=(20, 30)), rng.normal(size=20)
          >>> data = TransferData(X, y, X[:5] + 0.1, y[:5], np.arange(5))
          >>> A, B = data.pairs()
          >>> round(float((B - A).mean()), 1)
          0.1
        """
        rows = np.flatnonzero(self.paired != UNPAIRED)
        return self.X_source[self.paired[rows]], self.X_target[rows]

    def on(self, X_source: np.ndarray, X_target: np.ndarray) -> "TransferData":
        """The same samples with other spectra, (S, F) and (T, F).

        Examples:
          >>> import numpy as np
          >>> from spektron_jax import TransferData
          >>> rng = np.random.default_rng(0)
          >>> X, y = rng.normal(size=(20, 30)), rng.normal(size=20)
          >>> data = TransferData(X, y, X[:5] + 0.1, y[:5], np.arange(5))
          >>> data.on(X[:, :9], X[:5, :9]).X_source.shape
          (20, 9)
        """
        return replace(self, X_source=X_source, X_target=X_target)

    def without(self, rows: np.ndarray) -> "TransferData":
        """The data without some target spectra and the same samples' source spectra.

        Examples:
          >>> import numpy as np
          >>> from spektron_jax import TransferData
          >>> rng = np.random.default_rng(0)
          >>> X, y = rng.normal(size=(20, 30)), rng.normal(size=20)
          >>> data = TransferData(X, y, X[:5] + 0.1, y[:5], np.arange(5))
          >>> data.without(np.array([0, 1])).X_source.shape
          (18, 30)
        """
        keep = np.setdiff1d(np.arange(self.y_target.size), rows)
        gone = self.paired[rows]
        stays = np.ones(self.y_source.size, dtype=bool)
        stays[gone[gone != UNPAIRED]] = False
        row_now = np.cumsum(stays) - 1
        paired = self.paired[keep]
        return TransferData(
            self.X_source[stays],
            self.y_source[stays],
            self.X_target[keep],
            self.y_target[keep],
            np.where(paired == UNPAIRED, UNPAIRED, row_now[paired]),
        )

    def groups(self, most: int = MAX_GROUPS) -> list[np.ndarray]:
        """Labelled target samples to leave out together, as rows of X_target.

        None where too little would stay: a target label and 3 labels of the source.
        Dealt out in turn from the weakest spectrum to the strongest, so that the order
        of rows changes nothing.

        Args:
          most: number of groups at most; as many groups as samples otherwise

        Examples:
          >>> import numpy as np
          >>> from spektron_jax import TransferData
          >>> rng = np.random.default_rng(0)
          >>> X, y = rng.normal(size=(20, 30)), rng.normal(size=20)
          >>> data = TransferData(X, y, X[:5] + 0.1, y[:5], np.arange(5))
          >>> [rows.tolist() for rows in data.groups(most=2)]
          [[0, 4, 2], [3, 1]]
        """
        rows = self.labelled
        rows = rows[np.argsort(np.sum(self.X_target[rows] ** 2, axis=1), kind="stable")]
        number = min(most, rows.size)
        groups = [rows[first::number] for first in range(number)]
        for group in groups:
            gone = self.paired[group]
            y = np.delete(self.y_source, gone[gone != UNPAIRED])
            if rows.size < 2 or y.size < 3 or np.ptp(y) == 0:
                return []
        return groups
