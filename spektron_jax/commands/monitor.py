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
from spektron_jax.spectra.samples import Samples
from spektron_jax.spelling import british
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
    labels, log = _reference(one, ct, config.data, notes), Path(config.monitor.log)
    y = None if labels is None else labels.at(one.ids)[:, 0]
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
      SpektronError: another unit than the model's, or a table of labels without the
        property.
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
    if unit and own and british(unit) != british(own):
        raise SpektronError(
            f"{labels.place}: {wanted} is in {unit}, and the model predicts {own}; "
            f"give values in {own}, in a column {name} ({own})"
        )
    if own and not unit:
        notes.append(f"{wanted} taken as {own}: {labels.place} does not name its unit")
    return labels
