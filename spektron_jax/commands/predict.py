"""The task "predict": new spectra of the target instrument through a saved model.

Writes predictions.csv: value, interval, and a flag for spectra that the model does not
know.
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

import spektron_jax
from spektron_jax.errors import SpektronError, SpektronWarning
from spektron_jax.spectra import axis as axes
from spektron_jax.spectra.samples import Samples, read_samples
from spektron_jax.spectra.tables import write_predictions
from spektron_jax.transfer.estimator import CalibrationTransfer
from spektron_jax.transfer.intervals import CALIBRATED

TRANSFER_SAMPLE = "transfer sample"


def check(config: ConfigDict) -> None:
    """Raise SpektronError for a setting that is missing."""
    if not config.model:
        raise SpektronError("config.model: give the model folder of a transfer")
    if not config.data.path:
        raise SpektronError("config.data.path: give the file with new spectra")


def run(config: ConfigDict, workdir: Path) -> dict[str, Any]:
    """Predict, write predictions.csv and say what was predicted."""
    ct = CalibrationTransfer.load(model_folder(config.model))
    if config.adapter:
        ct.switch(config.adapter)
    one, X, axis, left_out = target_spectra(config.data, ct)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", SpektronWarning)
        arrays = predicted(ct, X, config.coverage, axis)
    write_csv(workdir / "predictions.csv", ct, one.ids, arrays, config.coverage)
    print(f"{len(X)} spectra predicted by a model with {ct.regime_}")
    if left_out:
        print(f"{left_out} spectra with missing points: none")
    for warning in told:
        print(f"warning: {warning.message}")
    if "flag" in arrays:
        kinds, counts = np.unique(arrays["flag"], return_counts=True)
        for kind, count in zip(kinds, counts, strict=True):
            print(f"{count} {kind}")
    mark = ct.interval_mark(config.coverage)
    print(f"{config.coverage:.0%} intervals: {mark}")
    print(f"written: {workdir / 'predictions.csv'}")
    columns = {name: values.tolist() for name, values in arrays.items()}
    rows = zip(one.ids.tolist(), *columns.values(), strict=True)
    return {
        **{name: ct.about_.get(name, "") for name in ("property", "property_unit")},
        "predictions": [
            dict(zip(("sample_id", *columns), row, strict=True)) for row in rows
        ],
        "coverage": config.coverage,
        "intervals": mark,
        "warnings": [str(warning.message) for warning in told],
        "written": {"predictions": str(workdir / "predictions.csv")},
    }


def model_folder(path: str) -> Path:
    """The model's folder: of this path, or in the folder of a transfer."""
    inside = Path(path) / "model"
    return inside if inside.is_dir() else Path(path)


def target_spectra(
    given: ConfigDict, ct: CalibrationTransfer
) -> tuple[Samples, np.ndarray, np.ndarray, int]:
    """Whole spectra of a file in the quantity and unit of a model.

    Args:
      given: `config.data`, as for `read_samples`
      ct: the model

    Returns:
      Samples with a whole spectrum (n), their spectra (n, p), the axis (p,), and how
      many others there are.

    Raises:
      SpektronError: a file, an instrument or labels that do not fit.
    """
    found = _read(given, ct)
    one = found.take(found.whole)
    if not one.ids.size:
        raise SpektronError(f"{one.path}: holds no whole spectrum of this instrument")
    X, quantity = one.X, ct.about_.get("quantity", "unknown")
    if "unknown" not in (quantity, one.quantity):
        X = axes.convert_quantity(X, one.quantity, quantity)
    axis = axes.convert(one.axis, one.unit, ct.unit_)
    return one, X, axis, len(found.X) - len(X)


def _read(given: ConfigDict, ct: CalibrationTransfer) -> Samples:
    """The new spectra; where nothing names the unit, it is the model's."""
    try:
        return read_samples(given)
    except SpektronError as error:
        if given.unit or "does not name the unit" not in str(error):
            raise
    given = given.copy_and_resolve_references()
    given.unit = ct.unit_
    found = read_samples(given)
    print(f"unit {ct.unit_} taken from the model: {found.path} does not name it")
    return found


def predicted(
    ct: CalibrationTransfer,
    X: np.ndarray,
    coverage: float,
    axis: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Prediction, low and high, and flag where the model can tell, (n,) each.

    Args:
      ct: a fitted or loaded CalibrationTransfer
      X, axis: target spectra (n, p), as for `CalibrationTransfer.predict`
      coverage: of the intervals
    """
    low, high = ct.predict_interval(X, coverage, axis)
    found = {"prediction": ct.predict(X, axis), "low": low, "high": high}
    return found if ct.domain_ is None else found | {"flag": ct.applicability(X, axis)}


def write_csv(
    path: Path,
    ct: CalibrationTransfer,
    ids: np.ndarray,
    arrays: dict[str, np.ndarray],
    coverage: float,
    transfer: np.ndarray | None = None,
) -> None:
    """Write predictions.csv.

    Args:
      path: of the file
      ct: the model
      ids: of the samples                                              (n,)
      arrays: as from `predicted`
      coverage: of the intervals
      transfer: which of them are transfer samples; None: none         (n,) bool
    """
    flags = [[flag] for flag in arrays.get("flag", np.full(ids.size, "")).tolist()]
    for row in np.flatnonzero([] if transfer is None else transfer):
        flags[row].append(TRANSFER_SAMPLE)
    mark = ct.interval_mark(coverage)
    if mark != CALIBRATED:
        flags = [[*flag, f"interval {mark}"] for flag in flags]
    write_predictions(
        path,
        ids.tolist(),
        arrays["prediction"],
        names=[ct.about_.get("property", "property")],
        units=[ct.about_.get("property_unit", "")],
        low=arrays["low"],
        high=arrays["high"],
        flags=["; ".join(filter(None, flag)) for flag in flags],
        model="CalibrationTransfer",
        version=spektron_jax.__version__,
    )
