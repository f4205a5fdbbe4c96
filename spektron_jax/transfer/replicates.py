"""Several scans of a sample count once: averaged, paired and judged by sample.

n = scans, N = samples, p = points.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spektron_jax.errors import InputError
from spektron_jax.spectra.masks import unmasked
from spektron_jax.spectra.replicate_scans import means
from spektron_jax.transfer.data import UNPAIRED

NAMED = 5  # rows or samples in a sentence


@dataclass(frozen=True, eq=False)
class Scans:
    """All scans of one instrument.

    Attributes:
      X: spectra                                                       (n, p)
      sample: number of the sample of each scan, in order of appearance (n,) int
      ids: of the samples; None: every row is a sample and has no name  N
      rows: of the scans in what the user gave; None: all of it        (n,) int
    """

    X: np.ndarray
    sample: np.ndarray
    ids: Sequence[Any] | None = None
    rows: np.ndarray | None = None

    @property
    def repeated(self) -> bool:
        """Whether a sample has several scans."""
        return bool(self.sample.size) and self.sample.size > self.sample.max() + 1

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Means by sample, (n,) or (n, p) -> (N,) or (N, p); NaN does not count."""
        if not self.repeated:
            return values
        return means(values, self.sample, int(self.sample.max()) + 1)

    def sd(self, values: np.ndarray) -> float | None:
        """SD of the scans of a sample, all samples pooled; None: no replicates."""
        known = np.isfinite(values)
        spare = int(known.sum()) - np.unique(self.sample[known]).size
        if spare < 1:
            return None
        off = (values - self.mean(values)[self.sample])[known]
        return float(np.sqrt(np.sum(off**2) / spare))

    def scans_named(self, rows: Sequence[int] | np.ndarray) -> str:
        """Scans in words: "row 3" or, with ids, "row 3 (s42)"."""
        given = rows if self.rows is None else self.rows[list(rows)]
        if self.ids is None:
            return listed(given, "row")
        names = (self.ids[number] for number in self.sample[list(rows)])
        pairs = zip(given, names, strict=True)
        return listed([f"{row} ({name})" for row, name in pairs], "row")

    def named(self, samples: Sequence[int] | np.ndarray) -> str:
        """Samples in words: "row 3" or, with ids, "sample s42"."""
        if self.ids is None:
            return self.scans_named(samples)
        return listed([self.ids[number] for number in samples], "sample")


def listed(names: Sequence[Any] | np.ndarray, word: str) -> str:
    """ "row 3", "rows 3, 5", "rows 3, 5, 8, 9, 12, ... (20 in all)"."""
    shown = ", ".join(str(name) for name in names[:NAMED])
    more = f", ... ({len(names)} in all)" if len(names) > NAMED else ""
    return f"{word}{'s' * (len(names) != 1)} {shown}{more}"


def scans_of(
    X: np.ndarray, groups: Any, name: str, rows: np.ndarray | None = None
) -> Scans:
    """Scans with their samples' ids; groups None: each row is a sample of its own.

    Args:
      X: spectra                                                       (n, p)
      groups: sample ids                                               (n,)
      name: of that argument
      rows: see `Scans`

    Raises:
      InputError: not one id for each row, or an id that is missing.
    """
    if groups is None:
        return Scans(X, np.arange(len(X)), rows=rows)
    ids = np.asarray(unmasked(groups), dtype=object)
    if ids.shape != (len(X),):
        raise InputError(
            f"{name}: {ids.size} sample ids for {len(X)} spectra; give one for each"
        )
    number: dict[Any, int] = {}
    sample = np.empty(len(X), dtype=np.int64)
    for row, one in enumerate(ids.tolist()):
        one = one.item() if isinstance(one, np.generic) else one
        if one is None or one != one or one == "":
            raise InputError(f"{name}: row {row} has no sample id; give it one")
        sample[row] = number.setdefault(one, len(number))
    return Scans(X, sample, list(number), rows)


def pairs_of(
    source: Scans, target: Scans, paired: Any
) -> tuple[np.ndarray | None, list[str]]:
    """The source sample of each target sample, and sentences on what was found.

    Args:
      source, target: scans with ids, or without
      paired: row of X_source for each target scan, -1: none; None: by the ids

    Raises:
      InputError: scans of one sample are paired with different samples.
    """
    if paired is None:
        return _by_id(source, target)
    rows = np.asarray(paired)
    usable = rows.dtype.kind in "iu" and rows.shape == target.sample.shape
    if not (source.repeated or target.repeated) or not usable:
        return rows, []  # checked with the other data
    inside = (rows >= 0) & (rows < source.sample.size)
    found = np.full(int(target.sample.max()) + 1, UNPAIRED)
    for row in np.flatnonzero(rows != UNPAIRED):
        if not inside[row]:
            raise InputError(
                f"paired: rows must lie in 0..{source.sample.size - 1} or be -1"
            )
        own, other = target.sample[row], source.sample[rows[row]]
        if found[own] not in (UNPAIRED, other):
            raise InputError(
                f"paired: the scans of {target.named([own])} are paired with different "
                "source samples; check groups_target and paired"
            )
        found[own] = other
    return found, []


def _by_id(source: Scans, target: Scans) -> tuple[np.ndarray | None, list[str]]:
    if source.ids is None or target.ids is None or not len(target.ids):
        return None, []
    row = {name: number for number, name in enumerate(source.ids)}
    found = np.array([row.get(name, UNPAIRED) for name in target.ids])
    if (found != UNPAIRED).any():
        return found, []
    return found, [
        "no sample id occurs in both groups and groups_target (ids look like "
        f"{source.ids[0]!r} and {target.ids[0]!r}): all target samples are taken as "
        "not measured on the source"
    ]
