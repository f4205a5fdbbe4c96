"""The tasks "transfer" and "predict" of the command line.

`transfer` reads two instruments, compares the recipe with its rivals on samples held
out, fits the recipe on everything, and writes into the workdir

    model/           for `predict` and `CalibrationTransfer.load`
    predictions.csv  every target spectrum
    results.json, results.npz, report.html

N = samples.
"""

import json
import os
import platform
import sys
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict
from tqdm import tqdm

import spektron_jax
from spektron_jax.archive import replacing
from spektron_jax.commands.report.transfer_page import write_report
from spektron_jax.commands.report.transfer_verdict import findings
from spektron_jax.encoder.adaptation import Adaptation
from spektron_jax.encoder.features import Features
from spektron_jax.errors import SpektronError
from spektron_jax.spectra import axis as axes
from spektron_jax.spectra.samples import PairedSamples, read_paired, read_samples
from spektron_jax.spectra.tables import write_predictions
from spektron_jax.transfer.applicability import outliers
from spektron_jax.transfer.comparison import (
    CEILING,
    COMBINATION,
    FLOOR,
    WITHOUT,
    Comparison,
    compare,
)
from spektron_jax.transfer.estimator import CalibrationTransfer
from spektron_jax.transfer.inputs import overlap
from spektron_jax.transfer.intervals import CALIBRATED
from spektron_jax.transfer.risk import forecast
from spektron_jax.transfer.splits import KINDS, Regime, TransferSplits

CURVE = (WITHOUT, COMBINATION, "GLSW", "mean-centring", "target only")
TRANSFER_SAMPLE = "transfer sample"
SIDES = ("source", "target")
NAMED = 5  # outliers in a warning


def check(config: ConfigDict) -> None:
    """Raise SpektronError for a setting that cannot work."""
    _checked(config.transfer)


def run(config: ConfigDict, workdir: Path) -> None:
    """From two instruments' files to a verdict and a model."""
    given = config.transfer
    regime = _checked(given)
    pool = read_paired(config.data)
    splits = TransferSplits(pool)
    source, rows = splits.chosen(regime)
    how = _adaptation(config)
    ct = CalibrationTransfer(
        given.weights or None, random_state=config.seed, adaptation=how
    )
    known = pool.y[rows] if regime.kind != "unlabelled" else np.full(rows.size, np.nan)
    paired = np.full(rows.size, -1)
    if regime.kind == "paired":
        paired = np.searchsorted(source, rows)
    ct.fit(
        pool.X_source[source],
        pool.y[source],
        pool.axis_source,
        pool.X_target[rows] if rows.size else None,
        pool.axis_target,
        known if rows.size else None,
        paired if rows.size else None,
        pool.unit,
        pool.modality,
    )
    ct.about_ = dict(pool.names)
    compared, curve = _compared(config, splits, regime)
    ct.save(workdir / "model")
    if given.date:
        ct.save_adapter(workdir / "adapter.npz", pool.names["target"], given.date)
    arrays = _arrays(ct, splits, rows, compared, given.coverage)
    _write_predictions(workdir, ct, pool.ids[arrays["rows"]], arrays, given.coverage)
    results = {
        "regime": ct.regime_,
        "names": pool.names,
        "axis_unit": pool.unit,
        "samples": {
            "source": int(source.size),
            "target": int(rows.size),
            "all": int(pool.ids.size),
        },
        "network_share": ct.network_share_,
        "weights": given.weights or None,
        "provenance": ct.provenance_,
        "coverage": given.coverage,
        "interval": ct.interval_mark(given.coverage),
        "warnings": [*pool.warnings, *ct.warnings_, *_outliers(pool)],
        "forecast": _forecast(splits, regime, rows),
        "curve": curve,
        **_table(compared),
        "config": json.loads(config.to_json()),
        "files": pool.files,
        "versions": {
            "python": platform.python_version(),
            "spektron_jax": spektron_jax.__version__,
            "numpy": np.__version__,
        },
        "command": " ".join(["python -m spektron_jax.main", *sys.argv[1:]]),
    }
    found = findings(results)
    results["verdict"] = [{"label": f.label, "text": f.text} for f in found]
    _write_results(workdir, results, arrays)
    report = write_report(workdir)
    for each in found:
        print(f"{each.label}: {each.text}")
    print(f"model: {os.path.relpath(workdir / 'model')}")
    print(f"report: {os.path.relpath(report)}")


def _checked(given: ConfigDict) -> Regime:
    if given.regime not in KINDS:
        raise SpektronError(
            f"config.transfer.regime = {given.regime!r}: must be one of "
            + ", ".join(KINDS)
        )
    if given.n < 0:
        raise SpektronError(f"config.transfer.n = {given.n}: must be 0 (all) or more")
    if not 0 < given.coverage < 1:
        raise SpektronError(
            f"config.transfer.coverage = {given.coverage}: must lie between 0 and 1"
        )
    if given.repeats < 2:
        raise SpektronError(
            f"config.transfer.repeats = {given.repeats}: must be 2 or more"
        )
    n = None if given.n == 0 or given.regime == "none" else given.n
    return Regime(given.regime, n)


def _adaptation(config: ConfigDict) -> Adaptation | None:
    given = config.transfer.adaptation
    return Adaptation(**given, seed=config.seed) if given.steps else None


def _compared(
    config: ConfigDict, splits: TransferSplits, regime: Regime
) -> tuple[Comparison | None, dict]:
    """The table, and RMSEP against the number of transfer samples."""
    given, pool = config.transfer, splits.samples
    if not given.compare:
        return None, {}
    encode = None
    if given.weights:
        inside = overlap(pool.axis_source, pool.axis_target, pool.unit)
        axis = pool.axis_source[inside]
        encode = Features(given.weights, axis, pool.unit, pool.modality)

    def tried(regime: Regime, methods=None) -> Comparison | None:
        trials = splits.trials(regime, given.repeats, config.seed)
        if not trials:
            return None

        def watch(trials):
            return tqdm(trials, desc=str(regime), disable=not given.progress)

        return compare(trials, encode, methods, watch, _adaptation(config))

    table = tried(regime)
    if table is None or regime.kind == "none":
        return table, {}
    most = min(len(t.data.y_target) for t in splits.trials(Regime(regime.kind), 3, 0))
    curve: dict[str, list] = {}
    numbers = {n for n in given.curve if n <= most} | ({regime.n} - {None})
    for n in sorted(numbers):
        part = table if n == regime.n else tried(Regime(regime.kind, n), CURVE)
        for entry in part.table():
            if entry["method"] in CURVE:
                point = [n, entry["rmsep"], entry["low"], entry["high"]]
                curve.setdefault(entry["method"], []).append(point)
    return table, curve


def _table(compared: Comparison | None) -> dict:
    if compared is None:
        return {
            "table": [],
            "agreement": None,
            "differences": {},
            "impossible": {},
            "ours": None,
        }
    ours = COMBINATION if COMBINATION in compared.predicted else WITHOUT
    differences = {
        name: compared.difference(ours, name)
        for name in compared.predicted
        if name != ours
    }
    return {
        "table": compared.table(),
        "agreement": compared.agreement(ours),
        "differences": differences,
        "impossible": dict(compared.impossible),
        "ours": ours,
        "floor": FLOOR,
        "ceiling": CEILING,
        "without": WITHOUT,
        "trials": len(compared.measured),
    }


def _outliers(pool: PairedSamples) -> list[str]:
    """A warning for each instrument with spectra unlike its others."""
    found = []
    spectra = pool.X_source, pool.X_target
    for side, X, known in zip(SIDES, spectra, pool.measured(), strict=True):
        rows = np.flatnonzero(known)
        rows = rows[outliers(X[rows])]
        if rows.size:
            names = ", ".join(pool.ids[rows[:NAMED]]) + ", ..." * (rows.size > NAMED)
            found.append(
                f"{side}: spectra unlike the others of this instrument: {names}; look "
                "at them, and leave out what was measured wrongly"
            )
    return found


def _forecast(splits: TransferSplits, regime: Regime, rows: np.ndarray) -> dict | None:
    """The risk as it would have looked before any label was measured."""
    X_source, X_target = splits.X_source, splits.X_target
    on_source, _ = splits.samples.measured()
    if regime.kind == "none" or rows.size < 1 or on_source.sum() < 10:
        return None
    # The samples at hand on the target, held against the others on the source.
    others = np.setdiff1d(np.flatnonzero(on_source), rows)
    others = others if others.size >= 10 else np.flatnonzero(on_source)
    found = forecast(X_source[others], X_target[rows])
    return {"level": found.level, "text": found.text}


def _arrays(ct, splits, rows, compared, coverage) -> dict[str, np.ndarray]:
    """Everything that figures and tables of the report show."""
    pool, X_source, X_target = splits.samples, splits.X_source, splits.X_target
    on_source, on_target = pool.measured()
    all_rows = np.flatnonzero(on_target)
    arrays = {
        "rows": all_rows,
        "transfer": np.isin(all_rows, rows),
        "axis": ct.axis_,
        "source": X_source[on_source],
        "target": X_target[on_target],
    }
    both = on_source & on_target
    if both.any():
        arrays["difference"] = X_target[both] - X_source[both]
    if all_rows.size:
        X = pool.X_target[all_rows]
        arrays["prediction"] = ct.predict(X)
        arrays["low"], arrays["high"] = ct.predict_interval(X, coverage)
        arrays["measured"] = pool.y[all_rows]
        if ct.weights is not None:
            found = ct.latent_map(X)
            arrays |= {f"latent_{name}": values for name, values in found.items()}
        if ct.domain_ is not None:
            arrays["t2"], arrays["q"] = ct.distances(X)
            arrays["flag"] = ct.applicability(X)
    if compared is not None:
        tested = np.concatenate(compared.rows)
        ours = COMBINATION if COMBINATION in compared.predicted else WITHOUT
        values = np.concatenate(compared.predicted[ours])
        names = np.unique(tested)
        arrays["tested"] = pool.y[names]
        arrays["tested_mean"] = np.array([values[tested == n].mean() for n in names])
        arrays["tested_sd"] = np.array([values[tested == n].std() for n in names])
    return arrays


def _write_predictions(workdir, ct, ids, arrays, coverage) -> None:
    if not len(ids):
        return
    flags = arrays.get("flag", np.full(len(ids), "")).tolist()
    if "transfer" in arrays:
        known = zip(flags, arrays["transfer"], strict=True)
        flags = [f"{flag}; {TRANSFER_SAMPLE}" if its else flag for flag, its in known]
    if ct.interval_mark(coverage) != CALIBRATED:
        flags = [f"{flag}; interval not calibrated" for flag in flags]
    write_predictions(
        workdir / "predictions.csv",
        ids.tolist(),
        arrays["prediction"],
        names=[ct.about_.get("property", "property")],
        units=[ct.about_.get("property_unit", "")],
        low=arrays["low"],
        high=arrays["high"],
        flags=[flag.removeprefix("; ") for flag in flags],
        model="CalibrationTransfer",
        version=spektron_jax.__version__,
    )


def _write_results(workdir: Path, results: dict, arrays: dict) -> None:
    with replacing(workdir / "results.json") as path:
        path.write_text(json.dumps(results, indent=1))
    with replacing(workdir / "results.npz") as path:
        np.savez_compressed(path, **arrays)


def predict(config: ConfigDict, workdir: Path) -> None:
    """Predict new target spectra with a model folder."""
    if not config.model:
        raise SpektronError("config.model: give the model folder of a transfer")
    if not config.data.path:
        raise SpektronError("config.data.path: give the file with new spectra")
    ct = CalibrationTransfer.load(config.model)
    if config.adapter:
        ct.switch(config.adapter)
    found = read_samples(config.data)
    one = found.take(found.whole)
    if not one.ids.size:
        raise SpektronError(f"{one.path}: holds no whole spectrum of this instrument")
    X = one.X
    quantity = ct.about_.get("quantity", "unknown")
    if "unknown" not in (quantity, one.quantity):
        X = axes.convert_quantity(X, one.quantity, quantity)
    axis = axes.convert(one.axis, one.unit, ct.unit_)
    arrays = {"prediction": ct.predict(X, axis)}
    arrays["low"], arrays["high"] = ct.predict_interval(X, config.coverage, axis)
    lines = [f"{len(X)} spectra predicted by a model with {ct.regime_}"]
    if len(found.X) > len(X):
        lines.append(f"{len(found.X) - len(X)} spectra with missing points: none")
    if ct.domain_ is not None:
        arrays["flag"] = ct.applicability(X, axis)
        kinds, counts = np.unique(arrays["flag"], return_counts=True)
        lines += [f"{count} {kind}" for kind, count in zip(kinds, counts, strict=True)]
    lines.append(
        f"{config.coverage:.0%} intervals: {ct.interval_mark(config.coverage)}"
    )
    _write_predictions(workdir, ct, one.ids, arrays, config.coverage)
    print("\n".join([*lines, f"written: {workdir / 'predictions.csv'}"]))
