"""How the samples of two instruments are paired, and what is said of it.

N = samples.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spektron_jax.errors import SpektronError
from spektron_jax.spectra.labels import CHANGED, Labels
from spektron_jax.spectra.replicate_scans import (
    labels_by_sample,
    likely_scans,
    merged,
    samples_of_scans,
)
from spektron_jax.spectra.spectra_set import SpectraSet

if TYPE_CHECKING:
    from spektron_jax.spectra.samples import PairedSamples, Samples

NAMED = 5  # samples in a warning
OWN_SAMPLES = "--config.transfer.regime=unpaired if they are different samples"


def unnamed(source: "Samples", target: "Samples") -> list[str]:
    """A warning of two files that are paired by row number, for want of names.

    Raises:
      SpektronError: neither names its samples, and their numbers of rows differ.
    """
    bare = [side for side in (source, target) if side.numbered]
    if not bare:
        return []
    listed = " and ".join(Path(side.path).name for side in bare)
    names = "give both files a column of sample names (called sample)"
    counted = [Path(side.path).name for side in bare if side.ids[:1].tolist() == ["0"]]
    if counted:
        names = (
            f"the first column of {' and '.join(counted)} has no name and counts 0, 1, "
            "2, ..., and was taken as a counter of rows; if it holds the names of the "
            f"samples, call it sample, else {names}"
        )
    what, rows = f"no sample names in {listed}", (source.ids.size, target.ids.size)
    if len(bare) == 1:
        return [
            f"{what}: its row numbers are taken as the names in the other file; {names}"
        ]
    if rows[0] != rows[1]:
        raise SpektronError(
            f"{what}, of {rows[0]} and {rows[1]} rows: which of them are of one sample "
            f"cannot be told; {names}, or give {OWN_SAMPLES}"
        )
    return [
        f"{what}: paired by row number, the first spectrum with the first; if the rows "
        f"are not in the same order, every pair is wrong: {names}, or give "
        f"{OWN_SAMPLES}"
    ]


def strangers(paired: "PairedSamples") -> list[str]:
    """A warning of target samples that the source does not have, if others pair."""
    on_source, on_target = paired.measured()
    alone = paired.ids[on_target & ~on_source].tolist()
    if not alone or not (on_source & on_target).any():
        return []
    more = ", ..." * (len(alone) > NAMED)
    return [
        f"{len(alone)} of {int(on_target.sum())} target samples are not on the source "
        f"and have no pair: {', '.join(alone[:NAMED])}{more}; they are predicted and "
        "not transferred with: if they are mistyped, correct the names"
    ]


def twins(paired: "PairedSamples") -> list[str]:
    """A warning of pairs that all have the same spectrum on both instruments."""
    both = np.logical_and(*paired.measured())
    A, B = paired.X_source[both], paired.X_target[both]
    if not both.any() or not np.array_equal(A, B):
        return []
    return [
        f"{paired.names['source']} and {paired.names['target']} hold the same spectra, "
        "as if one file were given twice: nothing is to be transferred; give the file "
        "of the new instrument"
    ]


def guesses(sets: Iterable[tuple[str, SpectraSet]]) -> list[str]:
    """Notes of files on units they do not name, and on values read otherwise."""
    return [
        str(note) if note.place == path else f"{path}: {note}"
        for path, one in sets
        for note in one.notes
        if note.text.startswith(("unit ", "modality "))
        or any(map(note.text.count, CHANGED))
    ]


def by_sample(
    source: "Samples", target: "Samples", labels: Labels, mode: str
) -> tuple[tuple["Samples", "Samples"], Labels, Any, list[str]]:
    """Samples with the mean of their scans, labels by sample, the target's scans."""
    others = {"source": target.ids.tolist(), "target": source.ids.tolist()}
    told = list[str]()
    owner: dict[str, str] = {}
    sides, scans = [], None
    for side, one in (("source", source), ("target", target)):
        names = samples_of_scans(one.ids, labels, others[side], mode)
        if (
            mode == "auto"
            and names is one.ids
            and (text := likely_scans(names, labels))
        ):
            told.append(f"{side}: {text}")
        found = merged(names)
        owner |= dict(zip(one.ids.tolist(), names.tolist(), strict=True))
        if found.repeated:
            guessed = not np.array_equal(names, one.ids)
            how = f", such as {one.ids[0]} of {names[0]}" if guessed else ""
            told.append(
                f"{side}: {one.ids.size} scans of {found.ids.size} samples averaged by "
                f"sample{how} (config.data.replicates says what a scan is)"
            )
            if side == "target":
                whole = one.whole
                scans = found.number[whole], one.X[whole]
            X = one.X.copy()
            X[~one.whole] = np.nan
            one = replace(one, X=found.mean(X))
        sides.append(replace(one, ids=found.ids))
    return (sides[0], sides[1]), labels_by_sample(labels, owner), scans, told


def gaps(paired: "PairedSamples") -> list[str]:
    """Warnings of spectra and labels that are missing or stand twice."""
    found = []
    on_source, on_target = paired.measured()
    for side, X, whole in (
        ("source", paired.X_source, on_source),
        ("target", paired.X_target, on_target),
    ):
        part = int((np.isfinite(X).any(axis=1) & ~whole).sum())
        if part:
            found.append(f"{part} {side} spectra have missing points and are left out")
    bare = int((on_source & ~np.isfinite(paired.y)).sum())
    if bare:
        found.append(f"{bare} source spectra have no label and do not calibrate")
    if np.unique(paired.groups()).size < paired.ids.size:
        found.append(
            "samples with different ids have the same spectrum; they are held out "
            "together"
        )
    return found
