"""Samples for every task: whose spectra, on which instrument, with which labels.

`config.data` of a task names the files:

    path, instrument              one instrument of a file: `read_samples`
    path, source, target          one file with both instruments: `read_paired`
    source_path, target_path      or a file for each; samples match by their ids
    labels_path, property         labels in a table of their own, and which one
    unit, modality, strict        where files do not say; stop at the first fault

n, N = samples, p, q = points of the instruments, k = properties.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from spektron_jax.archive import checksum
from spektron_jax.errors import SpektronError
from spektron_jax.spectra import axis as axes
from spektron_jax.spectra.labels import Labels, choose, read_labels
from spektron_jax.spectra.pairing import (
    by_sample,
    gaps,
    guesses,
    strangers,
    twins,
    unnamed,
)
from spektron_jax.spectra.readers import read
from spektron_jax.spectra.readers.cells import name_and_unit
from spektron_jax.spectra.replicate_scans import labels_by_sample
from spektron_jax.spectra.spectra_set import Problem, SpectraSet, numbered_scans

MODALITIES = ("NIR", "IR", "Raman")
# What messages call an argument of `read`, as a setting of the command line.
AT_THE_PROMPT = {
    "unit='nm', 'um' or 'cm-1'": "--config.data.unit=nm, um or cm-1",
    "strict=False": "--noconfig.data.strict",
}


@dataclass(frozen=True, eq=False)
class Samples:
    """Spectra of one instrument, with the labels of their samples.

    Attributes:
      ids: of the samples                                              (n,)
      X: spectra, NaN where not measured                               (n, p) float64
      axis, unit, quantity, modality: of the spectra; the axis rises   (p,)
      instrument: its name
      labels: of these and perhaps other samples
      path: the file of the spectra
      numbered: whether it names no samples and the ids are row numbers
    """

    ids: np.ndarray
    X: np.ndarray
    axis: np.ndarray
    unit: str
    quantity: str
    modality: str
    instrument: str
    labels: Labels
    path: str
    numbered: bool = False

    @property
    def whole(self) -> np.ndarray:
        """Which spectra have no missing point, (n,) bool."""
        return np.isfinite(self.X).all(axis=1)

    @property
    def y(self) -> np.ndarray:
        """Values of the properties, NaN where unknown, (n, k); see `Labels.at`."""
        return self.labels.at(self.ids)

    def converted(self, quantity: str, whose: str, strict: bool = True) -> np.ndarray:
        """Spectra in the quantity of `whose`, (n, p); see `axis.convert_quantity`.

        Raises:
          SpektronError: names the file and what to do.
        """
        try:
            return axes.convert_quantity(self.X, self.quantity, quantity, strict=strict)
        except SpektronError as error:
            way = ""
            if "different measurements" in str(error):
                way = (
                    f" ({quantity} is what {whose} holds); export both in one, "
                    "or correct what a file calls it: absorbance that was measured in "
                    "reflection is log(1/R)"
                )
            text = str(error).replace(" or convert with strict=False (NaN there)", "")
            raise SpektronError(f"{self.path}: {text}{way}") from error

    def take(self, rows: np.ndarray) -> "Samples":
        """Some of the samples, by index or mask."""
        return replace(self, ids=self.ids[rows], X=self.X[rows])


@dataclass(frozen=True, eq=False)
class PairedSamples:
    """Samples on two instruments; a row of NaN was not measured there.

    Attributes:
      ids: of the samples                                              (N,)
      X_source, axis_source: as measured                         (N, p), (p,)
      X_target, axis_target: as measured, in the source's unit   (N, q), (q,)
      y: property, NaN: unknown                                        (N,)
      unit, modality: of the axes and spectra
      names: source, target, property, unit of the property, quantity
      scans: sample number and spectrum of each target scan, None: no replicates
      files: path -> SHA-256
      warnings: one sentence each
      guesses: sentences on what files leave open, such as their units
    """

    ids: np.ndarray
    X_source: np.ndarray
    axis_source: np.ndarray
    X_target: np.ndarray
    axis_target: np.ndarray
    y: np.ndarray
    unit: str
    modality: str
    names: dict[str, str]
    scans: tuple[np.ndarray, np.ndarray] | None = None
    files: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    guesses: tuple[str, ...] = ()

    def measured(self) -> tuple[np.ndarray, np.ndarray]:
        """Which samples have a whole spectrum on source and target, (N,) bool each."""
        on_source = np.isfinite(self.X_source).all(axis=1)
        return on_source, np.isfinite(self.X_target).all(axis=1)

    def groups(self) -> np.ndarray:
        """Samples with the same spectrum on an instrument share a number, (N,)."""
        group = np.arange(self.ids.size)
        for X, rows in zip(
            (self.X_source, self.X_target), self.measured(), strict=True
        ):
            seen: dict[bytes, int] = {}
            for row in np.flatnonzero(rows):
                first = seen.setdefault(X[row].tobytes(), int(row))
                group[group == group[row]] = group[first]
        return group


def read_set(given: ConfigDict, path: str) -> SpectraSet:
    """Read a file of spectra with unit, modality and strictness of `config.data`.

    Where nothing names the modality and the axis fits one only, it is that one; a note
    says so.
    """
    strict = given.get("strict", True)
    try:
        found = read(path, given.unit or None, given.modality or None, strict)
    except SpektronError as error:
        text = str(error)
        for argument, flag in AT_THE_PROMPT.items():
            text = text.replace(argument, flag)
        raise SpektronError(text) from error
    if found.modality != "unknown":
        return found
    fit = [
        modality
        for modality in MODALITIES
        if all(
            one.unit in axes.plausible_units(one.axis, modality)
            for one in found.instruments.values()
        )
    ]
    if len(fit) != 1:
        return found
    one = next(iter(found.instruments.values()))
    span = f"{one.axis[0]:g} to {one.axis[-1]:g} {one.unit}"
    note = Problem(path, f"modality {fit[0]}, since no other has an axis of {span}")
    return replace(found, modality=fit[0], notes=[*found.notes, note])


def samples_of(
    found: SpectraSet, path: str, instrument: str = "", setting: str = "instrument"
) -> Samples:
    """One instrument of a set: that of the name, or the only one.

    Args:
      found: the set; its targets become the labels.
      path: its file, for messages.
      instrument: its name; may be empty if there is only one.
      setting: of `config.data` that chooses it, for messages.

    Raises:
      SpektronError: names the setting to give and lists the instruments.
    """
    names = list(found.instruments)
    name = choose(instrument, names, f"config.data.{setting}", path)
    one = found.instruments[name]
    kept = [i for i, n in enumerate(found.target_names) if n != numbered_scans(found)]
    labels = Labels(
        found.sample_ids,
        np.asarray(found.targets, np.float64)[:, kept],
        tuple(found.target_names[i] for i in kept),
        tuple(found.target_units[i] for i in kept),
        path,
        text={
            name_and_unit(name)[0]: next(filter(None, cells.tolist()), "")
            for name, cells in found.labels.items()
        },
    )
    labels = labels_by_sample(labels, {})
    return Samples(
        *(found.sample_ids, one.spectra.astype(np.float64), one.axis),
        *(one.unit, one.quantity, found.modality, name),
        labels,
        path,
        found.numbered,
    )


def read_samples(given: ConfigDict) -> Samples:
    """Read one instrument, and its labels from `labels_path` or the same file.

    Args:
      given: `config.data` with path, instrument, unit, modality; strict, labels_path
        and property where the task has them. A property that is named is the only one.

    Raises:
      SpektronError: a file, an instrument, a property or labels that do not fit.
    """
    samples = samples_of(read_set(given, given.path), given.path, given.instrument)
    if given.get("labels_path", ""):
        asked = given.get("property", "")
        labels = read_labels(given.labels_path, given.get("strict", True), asked)
        samples = replace(samples, labels=labels)
    if given.get("property", ""):
        samples = replace(samples, labels=samples.labels.only(given.property))
    return samples


def read_paired(given: ConfigDict) -> PairedSamples:
    """Read two instruments and one property, as `config.data` of a transfer names them.

    Raises:
      SpektronError: a file, an instrument, a property or labels that do not fit.
    """
    found = read_paired_each(given)
    if len(found) > 1:
        raise SpektronError(
            f"config.data.property: {', '.join(found)} are several; give one of them"
        )
    return next(iter(found.values()))


def read_paired_each(
    given: ConfigDict, paired: bool = True
) -> dict[str, PairedSamples]:
    """Read two instruments and each property that `config.data.property` names.

    The samples and their spectra are the same for all.

    Args:
      given: `config.data`
      paired: whether the same samples are asked for; else rows without names of two
        files are different samples

    Raises:
      SpektronError: a file, an instrument, a property or labels that do not fit.
    """
    one, two = bool(given.path), (bool(given.source_path), bool(given.target_path))
    if two != (not one, not one):
        raise SpektronError(
            "config.data: give path (one file with both instruments), or source_path "
            "and target_path"
        )
    if one:
        found = read_set(given, given.path)
        if len(found.instruments) == 1:
            raise SpektronError(
                f"{given.path}: holds one instrument; give the file of the new one, "
                "config.data.target_path, too (where no sample was measured on it, any "
                "spectrum tells its axis)"
            )
        if not given.source or given.source == given.target:
            listed = ", ".join(found.instruments)
            raise SpektronError(
                "config.data.source, config.data.target: name two instruments of "
                f"{listed}"
            )
        paths, sets = [given.path], (found, found)
    else:
        paths = [given.source_path, given.target_path]
        sets = read_set(given, paths[0]), read_set(given, paths[1])
    source = samples_of(sets[0], paths[0], given.source, "source")
    target = samples_of(sets[1], paths[-1], given.target, "target")
    told = [] if one or not paired else unnamed(source, target)
    if not (one or paired) and target.numbered:
        ids = np.array([f"{Path(target.path).stem}:{row}" for row in target.ids])
        target = replace(target, ids=ids, labels=replace(target.labels, ids=ids))
    if given.labels_path:
        paths.append(given.labels_path)
        labels = read_labels(given.labels_path, given.strict, given.property)
    else:
        labels = source.labels if one else source.labels.joined(target.labels)
    if source.instrument == target.instrument:  # files that name no instrument
        source = replace(source, instrument=Path(source.path).stem)
        target = replace(target, instrument=Path(target.path).stem)
    mode = given.get("replicates", "auto")
    each = {
        one.names[0]: pair(source, target, one, mode)
        for one in labels.several(given.property)
    }
    notes = guesses(zip(paths, dict.fromkeys(sets), strict=False))
    files = {Path(path).name: checksum(path) for path in paths}
    first = next(iter(each.values()))
    told += twins(first) + (strangers(first) if paired else [])
    return {
        name: replace(
            one,
            warnings=(*told, *one.warnings),
            X_source=first.X_source,
            X_target=first.X_target,
            guesses=tuple(notes),
            files=files,
        )
        for name, one in each.items()
    }


def pair(
    source: Samples, target: Samples, labels: Labels, replicates: str = "auto"
) -> PairedSamples:
    """Two instruments' samples in one table by their ids, scans averaged by sample.

    Args:
      source, target: their spectra; the target's are converted to the source's
        quantity and unit.
      labels: of one property.
      replicates: what tells scans of a sample, see `replicate_scans`

    Raises:
      SpektronError: another kind of spectra, or no label of a sample with a spectrum.
    """
    if source.modality != target.modality:
        raise SpektronError(
            f"config.data: source is {source.modality}, target {target.modality}; "
            "transfer is between spectra of one kind"
        )
    warnings, X_target = list[str](), target.X
    if source.quantity != target.quantity:
        kinds = target.quantity, source.quantity
        if "unknown" in kinds:
            warnings.append(
                f"source is {source.quantity}, target {target.quantity}: taken as alike"
            )
        else:
            X_target = target.converted(kinds[1], source.path, strict=False)
            warnings.append(f"target converted from {kinds[0]} to {kinds[1]}")
    (source, target), labels, scans, told = by_sample(
        source, replace(target, X=X_target), labels, replicates
    )
    X_target = target.X
    warnings += told
    ids = np.array(list(dict.fromkeys([*source.ids, *target.ids])))
    row_of = {name: row for row, name in enumerate(ids.tolist())}
    arrays = []
    for side, X in ((source, source.X), (target, X_target)):
        arrays.append(np.full((ids.size, X.shape[1]), np.nan))
        arrays[-1][[row_of[name] for name in side.ids.tolist()]] = X
    y = labels.at(ids)[:, 0]
    unmatched = labels.unmatched(ids)
    if unmatched:
        warnings.append(
            f"{unmatched} labels belong to no spectrum; the ids do not match"
        )
    kinds = source.quantity, target.quantity
    names = {
        "source": source.instrument,
        "target": target.instrument,
        "property": labels.names[0],
        "property_unit": labels.units[0],
        "quantity": kinds[kinds[0] == "unknown"],
    }
    axis_target = axes.convert(target.axis, target.unit, source.unit)
    paired = PairedSamples(
        *(ids, arrays[0], source.axis, arrays[1], axis_target, y),
        *(source.unit, source.modality, names),
        scans=scans,
    )
    return replace(paired, warnings=(*labels.warnings, *warnings, *gaps(paired)))
