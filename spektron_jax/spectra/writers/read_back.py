"""How a set that was read again differs from the one that was written.

n = samples, p = points.
"""

from collections.abc import Mapping

import numpy as np

from spektron_jax.spectra.spectra_set import InstrumentSpectra, SpectraSet

AXIS_TOLERANCE = 1e-6  # of the smallest step: what text and ends with a step round


def differences(given: SpectraSet, found: SpectraSet) -> list[str]:
    """Return what differs, in words for people; nothing if all is there."""
    said = []
    if len(found) != len(given):
        first = f" (first: {found.problems[0]})" if found.problems else ""
        said.append(f"`read` takes {len(found)} of {len(given)} samples{first}")
        return said
    if found.sample_ids.tolist() != given.sample_ids.tolist():
        row = int(np.flatnonzero(found.sample_ids != given.sample_ids)[0])
        was, became = given.sample_ids[row], found.sample_ids[row]
        said.append(f"sample id {str(was)!r} becomes {str(became)!r}")
    if found.modality != given.modality:
        said.append(f"modality {given.modality} becomes {found.modality}")
    if list(found.instruments) != list(given.instruments):
        before, after = (", ".join(one.instruments) for one in (given, found))
        said.append(f"instrument {before} becomes {after}")
    for name, other in zip(given.instruments, found.instruments.values(), strict=False):
        said += [f"{name}: {text}" for text in _spectra(given.instruments[name], other)]
    return said + _columns(given, found) + _lost("metadata", given, found)


def _spectra(one: InstrumentSpectra, other: InstrumentSpectra) -> list[str]:
    said = []
    for name in ("unit", "quantity", "description"):
        was, became = getattr(one, name), getattr(other, name)
        if was != became:
            said.append(f"{name} {was} becomes {became or 'unknown'}")
    if one.axis.shape != other.axis.shape:
        return [*said, f"{other.axis.size} of {one.axis.size} points"]
    off = np.abs(one.axis - other.axis).max()
    if off > AXIS_TOLERANCE * np.diff(one.axis).min():
        said.append(f"axis rounded, by up to {off:.1g} {one.unit}")
    if not np.array_equal(one.spectra, other.spectra, equal_nan=True):
        said.append("values differ")
    for name in ("standards", "replicates"):
        if getattr(one, name) is not None and getattr(other, name) is None:
            said.append(f"{name} left out")
    return said


def _columns(given: SpectraSet, found: SpectraSet) -> list[str]:
    before, after = (
        dict(
            zip(
                zip(one.target_names, one.target_units, strict=True),
                one.targets.T,
                strict=True,
            )
        )
        for one in (given, found)
    )
    said = [
        f"target {name!r} in {unit!r} left out or changed"
        for (name, unit), values in before.items()
        if not np.array_equal(values, after.get((name, unit), []), equal_nan=True)
    ]
    said += [
        f"label {name!r} left out or changed"
        for name, values in given.labels.items()
        if values.tolist() != np.asarray(found.labels.get(name, [])).tolist()
    ]
    if given.split is not None:
        said.append("split left out")
    return said


def _lost(kind: str, given: SpectraSet, found: SpectraSet) -> list[str]:
    before: Mapping[str, str] = getattr(given, kind)
    after: Mapping[str, str] = getattr(found, kind)
    lost = [key for key, text in before.items() if after.get(key) != str(text)]
    return [f"{kind} left out or changed: {', '.join(lost)}"] if lost else []
