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
    ct = CalibrationTransfer.load(model_folder(config.model))
    ct = of_property(ct, config.data.property)
    one, X, axis, left_out = target_spectra(config.data, ct)
    if left_out:
        print(f"{left_out} spectra with missing points: left out")
    y, log = _reference(one, ct), Path(config.monitor.log)
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
        [Finding(good, *status)],
        [Section("charts", "Control charts", [Plot(monitor.plot(), caption)])],
        facts=f"{len(monitor.controls)} controls in {log.name}; model {config.model}.",
        data=data,
        files={Path(one.path).name: checksum(one.path)},
        written={"log": log},
    )


def _reference(one: Samples, ct: CalibrationTransfer) -> np.ndarray | None:
    """Reference values of the model's property, (n,); None: the file has none."""
    labels = one.labels
    if not labels.names:
        return None
    name = ct.about_.get("property", "")
    wanted = name if len(labels.names) > 1 else labels.names[0]
    return labels.only(wanted).at(one.ids)[:, 0]
