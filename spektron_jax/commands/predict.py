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
from spektron_jax.spectra.labels import meant
from spektron_jax.spectra.samples import Samples, read_samples
from spektron_jax.spectra.tables import write_predictions, write_table
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
    for text, names in by_property(ct, ct.regime_).items():
        print(f"{len(X)} spectra predicted by a model with {text}{names}")
    if left_out:
        print(f"{left_out} spectra with missing points: none")
    for warning in told:
        print(f"warning: {warning.message}")
    if "flag" in arrays:
        for text, names in by_property(ct, _counted(ct, arrays["flag"])).items():
            print(f"{text}{names}")
    marks = by_property(ct, ct.interval_mark(config.coverage))
    for text, names in marks.items():
        print(f"{config.coverage:.0%} intervals: {text}{names}")
    mark = "; ".join(f"{text}{names}" for text, names in marks.items())
    print(f"written: {workdir / 'predictions.csv'}")
    rows = []
    for number, (name, unit) in enumerate(properties(ct)):
        columns = {"sample_id": one.ids.tolist()}
        if len(properties(ct)) > 1:
            columns["property"] = [name] * one.ids.size
            columns["unit"] = [unit] * one.ids.size
        for key, values in arrays.items():
            columns[key] = values.reshape(len(X), -1)[:, number].tolist()
        lines = zip(*columns.values(), strict=True)
        rows += [dict(zip(columns, line, strict=True)) for line in lines]
    return {
        **{name: ct.about_.get(name, "") for name in ("property", "property_unit")},
        "predictions": rows,
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
        X = one.converted(quantity, "the model")
    elif quantity != "unknown":
        print(f"{quantity} taken from the model: {one.path} does not name its quantity")
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
    """Prediction, low and high, and flag where the model can tell, (n,) or (n, k).

    Args:
      ct: a fitted or loaded CalibrationTransfer
      X, axis: target spectra (n, p), as for `CalibrationTransfer.predict`
      coverage: of the intervals
    """
    low, high = ct.predict_interval(X, coverage, axis)
    found = {"prediction": ct.predict(X, axis), "low": low, "high": high}
    domains = [one.domain_ for one in _models(ct).values()]
    if any(domain is None for domain in domains):
        return found
    return found | {"flag": ct.applicability(X, axis)}


def _models(ct: CalibrationTransfer) -> dict[str, CalibrationTransfer]:
    """A model for each property, by name."""
    alone = {str(ct.about_.get("property", "property")): ct}
    return getattr(ct, "models_", alone)


def properties(ct: CalibrationTransfer) -> list[tuple[str, str]]:
    """Name and unit of each property of a model."""
    return [
        (name, str(one.about_.get("property_unit", "")))
        for name, one in _models(ct).items()
    ]


def of_property(
    ct: CalibrationTransfer, name: str, setting: str = "config.data.property"
) -> CalibrationTransfer:
    """The model of one property, in any capitals; `setting` names it.

    Without a name it is that of the only property; a model that does not know its
    property is that of any name.

    Raises:
      SpektronError: a model of other properties, or of several and no name.
    """
    several, own = hasattr(ct, "models_"), ct.about_.get("property", "")
    if not several and not (name and own):
        return ct
    models = _models(ct)
    wanted = meant(name, models)
    if wanted not in models:
        advice = "name one of them" if several else f"give the model of {name}"
        raise SpektronError(
            f"{setting} = {name!r}: the model predicts {', '.join(models)}; {advice}"
        )
    return models[wanted]


def by_property(ct: CalibrationTransfer, said: Any) -> dict[str, str]:
    """Text -> the properties that it is said of, in brackets; "": of all."""
    if not isinstance(said, dict):
        return {said: ""}
    found: dict[str, list[str]] = {}
    for name, text in said.items():
        found.setdefault(text, []).append(name)
    return {
        text: "" if len(found) == 1 else f" ({', '.join(names)})"
        for text, names in found.items()
    }


def _counted(ct: CalibrationTransfer, flags: np.ndarray) -> str | dict[str, str]:
    """How many spectra have each flag, in words; of several properties, by name."""
    said = []
    for own in flags.reshape(len(flags), -1).T:
        pairs = zip(*np.unique(own, return_counts=True), strict=True)
        said.append(", ".join(f"{count} {kind}" for kind, count in pairs))
    if flags.ndim == 1:
        return said[0]
    return dict(zip(_models(ct), said, strict=True))


def write_csv(
    path: Path,
    ct: CalibrationTransfer,
    ids: np.ndarray,
    arrays: dict[str, np.ndarray],
    coverage: float,
    transfer: np.ndarray | None = None,
) -> None:
    """Write predictions.csv; of several properties, a row for each sample.

    Args:
      path: of the file
      ct: the model
      ids: of the samples                                              (n,)
      arrays: as from `predicted`
      coverage: of the intervals
      transfer: which of them are transfer samples; None: none         (n,) bool
    """
    marks, flags = ct.interval_mark(coverage), []
    for number, (name, _) in enumerate(properties(ct)):
        mark = marks[name] if isinstance(marks, dict) else marks
        given = arrays.get("flag", np.full(arrays["prediction"].shape, ""))
        own = given.reshape(ids.size, -1)[:, number].tolist()
        flags.append(_flags(own, transfer, mark))
    if len(flags) > 1:
        write_table(path, _columns(ct, ids, arrays, flags))
        return
    write_predictions(
        path,
        ids.tolist(),
        arrays["prediction"],
        names=[ct.about_.get("property", "property")],
        units=[ct.about_.get("property_unit", "")],
        low=arrays["low"],
        high=arrays["high"],
        flags=flags[0],
        model="CalibrationTransfer",
        version=spektron_jax.__version__,
    )


def _flags(flags: list[str], transfer: np.ndarray | None, mark: str) -> list[str]:
    """What is to be said of each sample of one property."""
    found = [[flag] for flag in flags]
    for row in np.flatnonzero([] if transfer is None else transfer):
        found[row].append(TRANSFER_SAMPLE)
    if mark != CALIBRATED:
        found = [[*flag, f"interval {mark}"] for flag in found]
    return ["; ".join(filter(None, flag)) for flag in found]


def _columns(
    ct: CalibrationTransfer,
    ids: np.ndarray,
    arrays: dict[str, np.ndarray],
    flags: list[list[str]],
) -> list[list[object]]:
    """A row for each sample, with columns of each property."""
    rows: list[list[object]] = [["sample_id"], *([one] for one in ids.tolist())]
    for number, (name, unit) in enumerate(properties(ct)):
        rows[0] += [f"{name} ({unit})" if unit else name]
        rows[0] += [f"{name} {part}" for part in ("low", "high", "flag")]
        values = [arrays[part][:, number] for part in ("prediction", "low", "high")]
        for row, *cells in zip(rows[1:], *values, flags[number], strict=True):
            row += [one if isinstance(one, str) else float(one) for one in cells]
    return rows
