"""Several scans of a sample in a file: told by a column, by a suffix, and averaged.

    sample,replicate,1100,...     s42 stands twice, with another number in the column
    s42_1, s42_2, ...             a suffix of the ids; "s42" is the sample

A suffix is believed where the labels or the other instrument know the sample and not
the scans, or where all scans of each sample have the same label.

n = scans, N = samples, k = properties.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from spektron_jax.errors import SpektronError

if TYPE_CHECKING:
    from spektron_jax.spectra.labels import Labels

COLUMN = re.compile(
    r"(rep(licate|eat|etition)?|scan|run)s?([ _.]?(no|nr|num|number|id))?\.?", re.I
)
SUFFIX = re.compile(
    r"(.+?)[_\-.#/ ]+(?:rep(?:licate)?|scan|r|s)?[_\-. ]?(\d{1,3}|[a-z])", re.I
)
LEAST_SAMPLES = 2  # with two scans or more, before equal labels prove anything
NEAR = 0.3  # SD of labels within samples, of that of all: names of scans are likely
UNLIKE = 0.5  # of the SD of samples: labels of scans that are further apart are told


@dataclass(frozen=True, eq=False)
class Merged:
    """Scans by sample.

    Attributes:
      ids: of the samples, in order of appearance                      (N,)
      number: sample of each scan                                      (n,) int
    """

    ids: np.ndarray
    number: np.ndarray

    @property
    def repeated(self) -> bool:
        """Whether a sample has several scans."""
        return self.ids.size < self.number.size

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Means by sample, (n, ...) -> (N, ...); NaN does not count."""
        return means(values, self.number, self.ids.size)


def means(values: np.ndarray, number: np.ndarray, count: int) -> np.ndarray:
    """Means of rows with the same number, (n, ...) -> (count, ...), NaN left out."""
    known = np.isfinite(values)
    total = np.zeros((count, *values.shape[1:]))
    present = np.zeros(total.shape)
    np.add.at(total, number, np.where(known, values, 0.0))
    np.add.at(present, number, known)
    return np.where(present > 0, total / np.maximum(present, 1), np.nan)


def merged(ids: np.ndarray) -> Merged:
    """Rows with the same id are scans of one sample, (n,)."""
    row: dict[str, int] = {}
    number = np.array([row.setdefault(one, len(row)) for one in ids.tolist()], int)
    return Merged(np.array(list(row), dtype=str), number)


def column_of(names: Collection[str]) -> str | None:
    """The name of a column that numbers scans, or None."""
    return next((name for name in names if COLUMN.fullmatch(name.strip())), None)


def samples_of_scans(
    ids: np.ndarray, labels: "Labels", others: Collection[str], mode: str
) -> np.ndarray:
    """Ids of the samples that scans belong to, (n,) -> (n,); most are their own.

    Args:
      ids: of the scans
      labels: by scan or by sample
      others: ids on the other instrument
      mode: "auto", "none", or the text between sample and scan, such as "_"

    Raises:
      SpektronError: ids without that text.
    """
    if mode == "none" or not ids.size:
        return ids
    if mode != "auto":
        lacking = [one for one in ids.tolist() if mode not in one]
        if lacking:
            raise SpektronError(
                f"config.data.replicates = {mode!r}: sample id {lacking[0]!r} has no "
                "such text between sample and scan; use 'auto' or 'none'"
            )
        return np.array([one.rpartition(mode)[0] for one in ids.tolist()])
    found = [SUFFIX.fullmatch(one) for one in ids.tolist()]
    if not all(found):
        return ids
    bases = np.array([one[1] for one in found if one])
    scans = merged(bases)
    if not scans.repeated:
        return ids
    own, sample = set(ids.tolist()), set(bases.tolist())
    for known in (set(labels.ids.tolist()), set(others)):
        if not known & own and len(known & sample) > len(sample) / 2:
            return bases
    return bases if _same_labels(ids, scans, labels) else ids


def likely_scans(ids: np.ndarray, labels: "Labels") -> str:
    """What shows that ids are of scans, with labels of their own, nearly alike; or "".

    Args:
      ids: taken as samples                                              (n,)
      labels: of them
    """
    found = [one for one in map(SUFFIX.fullmatch, ids.tolist()) if one]
    if len(found) < ids.size or not set(ids.tolist()) & set(labels.ids.tolist()):
        return ""
    scans = merged(np.array([one[1] for one in found]))
    values = labels.at(ids)
    spread = np.nanstd(values, axis=0)
    within = np.nanstd(values - scans.mean(values)[scans.number], axis=0)
    repeated = np.bincount(scans.number) > 1
    if repeated.sum() < LEAST_SAMPLES or repeated.mean() <= 0.5:
        return ""
    if not (within < NEAR * spread).all():
        return ""
    one, last = found[0], ids.tolist()[0]
    between = last[len(one[1]) : len(last) - len(one[2])]
    return (
        f"names such as {last} look like scans of {scans.ids.size} samples and are "
        f"taken as {ids.size} samples; --config.data.replicates={between} averages them"
    )


def _same_labels(ids: np.ndarray, scans: Merged, labels: "Labels") -> bool:
    """Whether all scans of each sample have the same labels, and samples differ."""
    if not labels.names or not set(ids.tolist()) & set(labels.ids.tolist()):
        return False
    values = labels.at(ids)
    typical = scans.mean(values)
    off = np.abs(values - typical[scans.number])
    equal = (off <= 1e-6 * np.nanmax(np.abs(values))) | ~np.isfinite(off)
    several = int((np.bincount(scans.number) > 1).sum())
    known = typical[np.isfinite(typical).all(axis=1)]
    differ = len(known) > 1 and bool(np.ptp(known, axis=0).any())
    return bool(equal.all()) and several >= LEAST_SAMPLES and differ


def labels_by_sample(labels: "Labels", scans: dict[str, str]) -> "Labels":
    """Labels of scans as the mean label of their sample; `scans`: scan -> sample."""
    ids = np.array([scans.get(one, one) for one in labels.ids.tolist()], dtype=str)
    found = merged(ids)
    if not found.repeated and np.array_equal(ids, labels.ids):
        return labels
    values = found.mean(labels.values)
    told = _unlike(labels, found, values) if labels.names else []
    return replace(
        labels, ids=found.ids, values=values, warnings=(*labels.warnings, *told)
    )


def _unlike(labels: "Labels", scans: Merged, values: np.ndarray) -> list[str]:
    """Warnings of scans of a sample whose labels are far apart; values: (N, k)."""
    told = []
    for column, name in enumerate(labels.names):
        own, mean = labels.values[:, column], values[:, column]
        if not np.isfinite(mean).any():
            continue
        off = np.abs(own - mean[scans.number]) > UNLIKE * np.nanstd(mean)
        samples = np.unique(scans.number[off])
        if samples.size:
            some = own[scans.number == samples[0]]
            told.append(
                f"{name} of {samples.size} samples differs between their scans, such "
                f"as {scans.ids[samples[0]]}: {np.nanmin(some):g} to "
                f"{np.nanmax(some):g}; the mean is used: check names and labels"
            )
    return told
