"""The task "monitor": control samples of a day, and what all days say.

The log is the one of `CalibrationTransfer.monitor`: a row for each call.
"""

from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from spektron_jax.archive import checksum
from spektron_jax.commands.predict import model_folder, of_property, target_spectra
from spektron_jax.commands.result import Finding, Plot, Result, Section
from spektron_jax.errors import SpektronError
from spektron_jax.spectra.labels import Labels, meant
from spektron_jax.spectra.property_units import is_another, plain
from spektron_jax.spectra.replicate_scans import (
    labels_by_sample,
    merged,
    samples_of_scans,
)
from spektron_jax.spectra.samples import Samples
from spektron_jax.transfer.estimator import CalibrationTransfer
from spektron_jax.transfer.monitor import IN_CONTROL


def check(config: ConfigDict) -> None:
    """Raise SpektronError for a setting that is missing."""
    if not config.model:
        raise SpektronError("config.model: give the model folder of a transfer")
    if not config.data.path:
        raise SpektronError("config.data.path: give the file with control samples")
    if not config.monitor.log:
        raise SpektronError("config.monitor.log: give the CSV file of all controls")


def run(config: ConfigDict, workdir: Path) -> Result:
    """Add the control to the log, draw the charts, say the status."""
    given = config.data.copy_and_resolve_references()
    ct = of_property(
        CalibrationTransfer.load(model_folder(config.model)), given.property
    )
    given.property = ""  # of the model, so that a file without its values will do
    one, X, axis, left_out = target_spectra(given, ct)
    if left_out:
        print(f"{left_out} spectra with missing points: left out")
    notes: list[str] = []
    labels = _reference(one, ct, config.data, notes)
    X, y = _by_sample(one, X, labels, config.data.replicates, notes)
    log = Path(config.monitor.log)
    monitor = ct.monitor(log)
    status = monitor.add(X, y, config.monitor.when or None, axis)
    good = status.label == IN_CONTROL
    known = 0 if y is None else int(np.isfinite(y).sum())
    print(f"{len(X)} control samples entered, {known} with a reference value")
    caption = "Bias of each control, its CUSUM with limits, T2 and Q over their limits."
    data: dict[str, Any] = {"status": status.label, "reason": status.reason}
    data |= {"controls": len(monitor.controls), "not_good": not good}
    return Result(
        f"Monitor: {ct.about_.get('property', 'property')}",
        [Finding(good, *status), *(Finding(None, "note", text) for text in notes)],
        [Section("charts", "Control charts", [Plot(monitor.plot(), caption)])],
        facts=f"{len(monitor.controls)} controls in {log.name}; model {config.model}.",
        data=data,
        files={Path(one.path).name: checksum(one.path)},
        written={"log": log},
    )


def _by_sample(
    one: Samples,
    X: np.ndarray,
    labels: Labels | None,
    replicates: str,
    notes: list[str],
) -> tuple[np.ndarray, np.ndarray | None]:
    """Mean spectra and reference values of N samples, as a transfer averages scans.

    Args:
      one: whole scans                                                 n
      X: their spectra as the model takes them                         (n, p)
      labels: reference values; None: there are none
      replicates: what tells scans of a sample, see `replicate_scans`
      notes: receives how many were averaged

    Returns:
      Spectra (N, p), and values (N,), NaN: unknown; None: all are.
    """
    names = samples_of_scans(one.ids, labels or one.labels, (), replicates)
    found = merged(names)
    if found.repeated:
        guessed = not np.array_equal(names, one.ids)
        how = f", such as {one.ids[0]} of {names[0]}" if guessed else ""
        notes.append(
            f"{names.size} scans of {found.ids.size} samples averaged by sample{how} "
            "(config.data.replicates says what a scan is)"
        )
    if labels is None:
        return found.mean(X), None
    owner = dict(zip(one.ids.tolist(), names.tolist(), strict=True))
    return found.mean(X), labels_by_sample(labels, owner).at(found.ids)[:, 0]


def _reference(
    one: Samples, ct: CalibrationTransfer, given: ConfigDict, notes: list[str]
) -> Labels | None:
    """Reference values of the model's property; None: there are none.

    Args:
      one: the control samples
      ct: the model
      given: `config.data`
      notes: receives what had to be assumed

    Raises:
      SpektronError: a unit known to be another than the model's, or a table of labels
        without the property.
    """
    labels, name = one.labels, str(ct.about_.get("property", ""))
    if not labels.names:
        return None
    if not name:
        labels = labels.only(given.property)
        notes.append(
            f"{labels.names[0]} is taken: the model does not name its property"
        )
        return labels
    listed = ", ".join(labels.names)
    wanted = meant(name, labels.names)
    if wanted not in labels.names:
        advice = f"call the column with its values {name}"
        if given.labels_path:
            raise SpektronError(
                f"{labels.place}: holds {listed}, and the model predicts {name}; "
                f"{advice}"
            )
        notes.append(
            f"no reference values: {labels.place} holds {listed}, and the model "
            f"predicts {name}; if these are its values, {advice}"
        )
        return None
    labels = labels.only(wanted)
    if not np.isfinite(labels.values).any():
        notes.append(f"no reference values: {labels.place} has no value of {name} yet")
        return None
    unit, own = labels.units[0], str(ct.about_.get("property_unit", ""))
    if unit and own and plain(unit) != plain(own):
        both = f"{labels.place}: {wanted} is in {unit}, and the model predicts {own}"
        if is_another(unit, own):
            raise SpektronError(
                f"{both}; give values in {own}, in a column {name} ({own})"
            )
        notes.append(f"{both}: taken as the same unit")
    if own and not unit:
        notes.append(f"{wanted} taken as {own}: {labels.place} does not name its unit")
    return labels
