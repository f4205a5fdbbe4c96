"""Is the transfer still right? Charts of control samples over time.

    monitor = ct.monitor("control.csv")      # resumes where the file has rows
    print(monitor.add(X, y))                 # once for each control: a status, a reason
    monitor.plot().savefig("control.png")

How the charts work: `control_charts.py`.

m = samples of one control, q = points.
"""

import copy
import csv
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from spektron_jax.errors import InputError, SpektronError
from spektron_jax.spectra.tables import write_table
from spektron_jax.transfer import persistence
from spektron_jax.transfer.applicability import UNLIKE_FACTOR, Applicability
from spektron_jax.transfer.control_charts import (
    GROSS,
    LIMIT,
    MIN_DEGREES,
    Beyond,
    Bias,
)
from spektron_jax.transfer.inputs import column
from spektron_jax.transfer.intervals import Intervals
from spektron_jax.transfer.members import Affine
from spektron_jax.transfer.new_spectra import Known
from spektron_jax.transfer.several import of_one

if TYPE_CHECKING:
    from matplotlib.figure import Figure

IN_CONTROL, LOOK, AGAIN = "in control", "look", "transfer again"


class Status(NamedTuple):
    """Shown as "label: reason"; the label is IN_CONTROL, LOOK or AGAIN."""

    label: str
    reason: str

    def __str__(self) -> str:
        return f"{self.label}: {self.reason}"


@dataclass(frozen=True)
class Control:
    """One row of the log.

    Attributes:
      when: as text
      samples: with a reference value, m
      bias: mean of reference minus prediction; NaN without a reference value
      t2, q: median of the spectra, over its limit; NaN without a domain
    """

    when: str
    samples: int
    bias: float
    t2: float
    q: float


class Monitor:
    """Control charts of one transferred calibration; made by `ct.monitor()`.

    Attributes:
      controls: what was added, oldest first
      path: of the log; None: there is none

    Examples:
      >>> from spektron_jax import demo
      >>> ct, X, y = demo.transferred()
      >>> monitor = ct.monitor("control.csv")
      >>> status = monitor.add(X[:3], y[:3], when="2026-11-29")
      >>> len(monitor.controls)
      1
    """

    def __init__(
        self,
        model: Any,
        errors: np.ndarray,
        spectra: int,
        key: str,
        path: str | Path | None = None,
    ):
        self._model, self._key = model, key
        self._spectra = max(spectra, 1)
        self._errors = np.asarray(errors, np.float64)
        self.path = None if path is None else Path(path)
        self.controls: list[Control] = []
        self._resume()

    def add(self, X: Any, y: Any = None, when: Any = None, axis: Any = None) -> Status:
        """Enter one control: one sample, or several that are measured at one time.

        Three samples at a time find a drift much sooner than one.

        Args:
          X: spectra of the target instrument                          (m, q) or (q,)
          y: reference values, NaN: unknown; None: all unknown         (m,) or a number
          when: date and time, of any type that has a text; None: now
          axis: as in `predict`                                        (q,)

        Returns:
          The status now; str() of it is one sentence.

        Raises:
          SpektronError: spectra or values that do not fit, or a log that cannot be
            read or written; then nothing has been added.

        Examples:
          >>> from spektron_jax import demo
          >>> ct, X, y = demo.transferred()
          >>> ct.monitor().add(X[:3], y[:3]).label
          'in control'
        """
        predicted = np.asarray(self._model.predict(X, axis))
        known = column(np.atleast_1d(np.nan if y is None else y), "y")
        if y is None:
            known = np.full(predicted.shape, np.nan)
        if known.shape != predicted.shape:
            raise InputError(
                f"y: {known.size} reference values for {predicted.size} spectra; give "
                "one for each, NaN where it is not known"
            )
        if np.isinf(known).any():
            raise InputError("y: holds infinity; use NaN for unknown values")
        off = (known - predicted)[np.isfinite(known)]
        t2 = q = math.nan
        if self._model.domain_ is not None:
            t2, q = (float(np.median(each)) for each in self._model.distances(X, axis))
        bias = float(off.mean()) if off.size else math.nan
        if when is None:
            when = datetime.now().isoformat(sep=" ", timespec="seconds")
        self._resume()  # another session may have added to the log
        self.controls.append(Control(str(when), int(off.size), bias, t2, q))
        try:
            self._write()
        except BaseException:
            self.controls.pop()
            raise
        return self.status

    @property
    def status(self) -> Status:
        """What all controls so far say.

        Examples:
          >>> from spektron_jax import demo
          >>> ct, X, y = demo.transferred()
          >>> ct.monitor().status.reason
          'no control yet'
        """
        if not self.controls:
            return Status(IN_CONTROL, "no control yet")
        return self._charted()[-1][1]

    def plot(self) -> "Figure":
        """Charts of bias, T2 and Q with their limits, as a figure of matplotlib.

        Examples:
          >>> from spektron_jax import demo
          >>> ct, X, y = demo.transferred()
          >>> monitor = ct.monitor()
          >>> status = monitor.add(X[:3], y[:3])
          >>> monitor.plot().savefig("control.png")
        """
        from spektron_jax.transfer.monitor_figure import control_charts

        sums = [(bias.high, -bias.low, bias.z) for bias, _ in self._charted()]
        return control_charts(self.controls, np.array(sums).reshape(-1, 3), LIMIT)

    def _charted(self) -> list[tuple[Bias, Status]]:
        """The bias chart and the status after each control."""
        n = self._errors.size
        bias = Bias(n, n, float(np.sum(self._errors**2)))
        limits = dict.fromkeys(("t2", "q"), Beyond(self._spectra))
        found = []
        for number, one in enumerate(self.controls, start=1):
            if one.samples:
                bias.add(one.bias, one.samples)
            for name, limit in limits.items():
                if not math.isnan(getattr(one, name)):
                    limits[name] = limit.after(getattr(one, name) > 1)
            status = _status(self.controls[:number], bias, limits)
            found.append((replace(bias), status))
        return found

    def _write(self) -> None:
        if self.path is None:
            return
        rows: list[tuple] = [COLUMNS]
        for one, (bias, status) in zip(self.controls, self._charted(), strict=True):
            cells = (*asdict(one).values(), bias.z, bias.high, bias.low)
            rows.append((*map(_cell, cells), *status, self._key))
        write_table(self.path, rows)

    def _resume(self) -> None:
        if self.path is not None and self.path.exists():
            self.controls = _read(self.path, self._key)


NAMES = tuple(field.name for field in fields(Control))
COLUMNS = (*NAMES, "z", "cusum_high", "cusum_low", "status", "reason", "model")


def _cell(value: object) -> object:
    """Numbers that are not known are empty."""
    return "" if isinstance(value, float) and math.isnan(value) else value


def _read(path: Path, key: str) -> list[Control]:
    """Rows of a log.

    Raises:
      SpektronError: no log, damaged, or of another model; names the row.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SpektronError(f"{path}: cannot be read ({error})") from error
    if not rows or tuple(rows[0]) != COLUMNS:
        raise SpektronError(
            f"{path}: is no log of controls (its columns are not {', '.join(COLUMNS)}, "
            "separated by commas); give another file"
        )
    found = []
    for number, row in enumerate(rows[1:], start=2):
        try:
            values = dict(zip(COLUMNS, row, strict=True))
            numbers = [float(values[name] or "nan") for name in ("bias", "t2", "q")]
            one = Control(values["when"], int(values["samples"]), *numbers)
            if one.samples < 0 or (one.samples > 0) != math.isfinite(one.bias):
                raise ValueError("samples and bias disagree")
        except ValueError as error:
            raise SpektronError(
                f"{path}: row {number} cannot be read ({error}); mend it or start a "
                "new log"
            ) from error
        if values["model"] != key:
            raise SpektronError(
                f"{path}: row {number} is of another model; start a new log after a "
                "new transfer"
            )
        found.append(one)
    return found


def _status(
    controls: list[Control], chart: Bias, limits: Mapping[str, Beyond]
) -> Status:
    """The most important thing first."""
    now, reasons = controls[-1], []
    if abs(chart.z) >= GROSS and now.samples and chart.worst <= LIMIT:
        reasons.append(
            f"the last bias, {now.bias:.3g}, is {GROSS:g} SDs or more from what is "
            "usual: measure the control and its reference value once more"
        )
    for name, limit in limits.items():
        if limit.alarm:
            reasons.append(
                f"{name.upper()} is beyond its limit in {sum(limit.last)} of the last "
                f"{len(limit.last)} controls: the spectra are not as they were; check "
                "the instrument and the sampling"
            )
    if now.q > UNLIKE_FACTOR:
        reasons.append(
            f"Q of the last control is {now.q:.3g} times its limit: unlike anything "
            "that the model knows; check the sample and the instrument"
        )
    if chart.worst > LIMIT:
        side = "above" if chart.high > chart.low else "below"
        reasons.insert(
            0,
            f"reference values lie {side} the predictions for long (CUSUM "
            f"{chart.worst:.1f}, limit {LIMIT}): check the reference method, then "
            "measure transfer samples anew",
        )
        return Status(AGAIN, "; ".join(reasons))
    if reasons:
        return Status(LOOK, "; ".join(reasons))
    judged = sum(one.samples > 0 for one in controls)
    text = f"{len(controls)} controls within limits"
    if not judged:
        text += ", but none with a reference value: a bias cannot be seen"
    elif chart.degrees < MIN_DEGREES + 1:
        text += ", but too few with a reference value to judge a bias"
    return Status(IN_CONTROL, text)


class Monitored:
    """The method of `CalibrationTransfer` that starts a monitor."""

    domain_: Applicability | None
    _model: Affine
    _known: Known

    def _calibrated(self) -> Intervals:
        raise NotImplementedError

    @of_one
    def monitor(self, path: str | Path | None = None) -> Monitor:
        """Charts of control samples over time, see `Monitor`.

        Limits of the bias come from `left_out_errors`; without labels, from the first
        controls, so that a bias that is there from the start cannot be seen.

        Args:
          path: CSV log, written anew with each control, as a whole or not at all; one
            that exists is resumed. None: nothing is written

        Raises:
          SpektronError: not fitted, or the file is no log of this model.

        Examples:
          >>> from spektron_jax import demo
          >>> ct, X, y = demo.transferred()
          >>> monitor = ct.monitor("control.csv")
          >>> print(monitor.status)
          in control: no control yet
        """
        errors, model = self._calibrated().errors, self._model
        known = (model.coefficients[name] for name in sorted(model.coefficients))
        key = persistence.sha256_of(*known, np.array(model.intercept))[:12]
        # A copy: the charts stay those of this model if the object is fitted anew.
        return Monitor(copy.copy(self), errors, self._known.target, key, path)
