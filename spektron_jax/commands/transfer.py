"""The task "transfer": from two instruments' files to a verdict and a model.

Compares the ensemble with single methods on samples held out, fits it on everything,
and writes beside the results

    model/           for the task "predict" and `CalibrationTransfer.load`
    adapter.npz      where a date is given: what belongs to this target instrument
    predictions.csv  every target spectrum

N = samples, L = points in common.
"""

from dataclasses import asdict
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict
from tqdm import tqdm

from spektron_jax.commands.predict import predicted, write_csv
from spektron_jax.commands.report import transfer as page
from spektron_jax.commands.report.transfer_verdict import (
    Compared,
    Counts,
    MethodErrors,
    Names,
    Summary,
    verdict,
)
from spektron_jax.commands.result import Result
from spektron_jax.config import FRACTION, at_least, check_fields, one_of
from spektron_jax.encoder.adaptation import Adaptation
from spektron_jax.encoder.features import Features
from spektron_jax.spectra.samples import PairedSamples, read_paired
from spektron_jax.transfer.applicability import outliers
from spektron_jax.transfer.comparison import (
    COMBINATION,
    WITHOUT,
    Comparison,
    compare,
)
from spektron_jax.transfer.estimator import CalibrationTransfer
from spektron_jax.transfer.risk import forecast
from spektron_jax.transfer.splits import KINDS, Regime, TransferSplits, Trial

CURVE = (WITHOUT, COMBINATION, "GLSW", "mean-centring", "target only")
NAMED = 5  # outliers in a warning
MIN_FORECAST = 10  # source spectra
RULES = {
    "transfer.regime": one_of(*KINDS),
    "transfer.n": (lambda n: n >= 0, "must be 0 (all) or more"),
    "transfer.coverage": FRACTION,
    "transfer.repeats": at_least(2),
}

Curve = dict[str, list[list[float]]]


def check(config: ConfigDict) -> None:
    """Raise SpektronError for a setting that cannot work."""
    check_fields(config, RULES)


def run(config: ConfigDict, workdir: Path) -> Result:
    """Fit, compare, predict all target spectra, and save the model."""
    given, samples = config.transfer, read_paired(config.data)
    splits = TransferSplits(samples)
    all_samples = given.n == 0 or given.regime == "none"
    regime = Regime(given.regime, None if all_samples else given.n)
    source, rows = splits.chosen(regime)
    ct = _fitted(config, samples, regime, source, rows)
    comparison, curve = _compare(config, splits, regime, ct.axis_)
    compared = _compared(comparison, curve)
    summary = Summary(
        regime=ct.regime_,
        names=Names(**samples.names),
        axis_unit=samples.unit,
        samples=Counts(source.size, rows.size, samples.ids.size),
        network_share=ct.network_share_,
        prior_share=ct.prior_share_,
        weights=given.weights or None,
        provenance=ct.provenance_,
        coverage=given.coverage,
        interval=ct.interval_mark(given.coverage),
        warnings=[*samples.warnings, *ct.warnings_, *_outliers(samples)],
        forecast=_forecast(splits, regime, rows),
    )
    written = {"model": ct.save(workdir / "model")}
    if given.date:
        ct.save_adapter(workdir / "adapter.npz", summary.names.target, given.date)
    spectra = _spectra(ct, splits)
    tested = _held_out(comparison, compared.ours, samples.y)
    on_target = np.flatnonzero(samples.measured()[1])
    transfer = np.isin(on_target, rows)
    values, domain, latent = _on_target(ct, samples.X_target[on_target], given.coverage)
    if values:
        path, ids = workdir / "predictions.csv", samples.ids[on_target]
        write_csv(path, ct, ids, values, given.coverage, transfer)
        values["measured"] = samples.y[on_target]
    sections = [
        page.warnings(summary),
        *(page.comparison(summary, compared, **tested) if tested else ()),
        page.spectra(summary, **spectra),
        *([page.latent(summary, transfer, latent)] if latent else ()),
        *([page.domain(transfer, values["flag"], **domain)] if domain else ()),
        page.provenance(summary),
    ]
    named = {f"latent_{name}": points for name, points in latent.items()}
    return Result(
        page.title(summary),
        verdict(summary, compared),
        sections,
        facts=page.facts(summary),
        data=asdict(summary) | asdict(compared),
        arrays={"rows": on_target, "transfer": transfer}
        | (spectra | tested | values | domain | named),
        files=samples.files,
        written=written,
    )


def _fitted(
    config: ConfigDict,
    samples: PairedSamples,
    regime: Regime,
    source: np.ndarray,
    rows: np.ndarray,
) -> CalibrationTransfer:
    """The ensemble on the source set and on target samples `rows`."""
    ct = CalibrationTransfer(
        config.transfer.weights or None,
        random_state=config.seed,
        adaptation=_adaptation(config),
    )
    known, paired = np.full(rows.size, np.nan), np.full(rows.size, -1)
    if regime.kind != "unlabelled":
        known = samples.y[rows]
    if regime.kind == "paired":
        paired = np.searchsorted(source, rows)
    target = (samples.X_target[rows], known, paired) if rows.size else (None,) * 3
    ct.fit(
        samples.X_source[source],
        samples.y[source],
        samples.axis_source,
        X_target=target[0],
        axis_target=samples.axis_target,
        y_target=target[1],
        paired=target[2],
        unit=samples.unit,
        modality=samples.modality,
    )
    ct.about_ = dict(samples.names)
    return ct


def _adaptation(config: ConfigDict) -> Adaptation | None:
    given = config.transfer.adaptation
    return Adaptation(**given, seed=config.seed) if given.steps else None


def _compare(
    config: ConfigDict, splits: TransferSplits, regime: Regime, axis: np.ndarray
) -> tuple[Comparison | None, Curve]:
    """All methods on trials, and RMSEP against the number of transfer samples."""
    given, samples = config.transfer, splits.samples
    if not given.compare:
        return None, {}
    features = None
    if given.weights:
        features = Features(
            given.weights, axis, samples.unit, samples.modality, _adaptation(config)
        )

    def tried(trials: list[Trial], name: str, methods=None) -> Comparison:
        def watch(trials):
            return tqdm(trials, desc=name, disable=not given.progress)

        return compare(trials, features, samples.modality, methods, watch)

    trials = splits.trials(regime, given.repeats, config.seed)
    if not trials:
        return None, {}
    table = tried(trials, str(regime))
    if regime.kind == "none":
        return table, {}
    _, usable = samples.measured()
    if regime.kind != "unlabelled":
        usable &= np.isfinite(samples.y)
    most = usable.sum() - max(len(rows) for rows in table.rows)
    numbers = {int(n) for n in given.curve if n <= most}
    if regime.n is not None:
        numbers.add(regime.n)
    curve: Curve = {}
    for n in sorted(numbers):
        part, now = table, Regime(regime.kind, n)
        if n != regime.n:
            trials = splits.trials(now, given.repeats, config.seed)
            part = tried(trials, str(now), CURVE)
        for row in part.table():
            if row["method"] in CURVE:
                point = [n, row["rmsep"], row["low"], row["high"]]
                curve.setdefault(row["method"], []).append(point)
    return table, curve


def _compared(comparison: Comparison | None, curve: Curve) -> Compared:
    """The numbers of a comparison for verdict and page."""
    if comparison is None:
        return Compared()
    methods = comparison.predicted
    ours = COMBINATION if COMBINATION in methods else WITHOUT
    return Compared(
        [MethodErrors(**row) for row in comparison.table()],
        ours,
        {name: comparison.difference(ours, name) for name in methods if name != ours},
        comparison.impossible,
        comparison.agreement(ours),
        len(comparison.measured),
        curve,
    )


def _outliers(samples: PairedSamples) -> list[str]:
    """A warning for each instrument with spectra unlike its others."""
    found = []
    on_source, on_target = samples.measured()
    for side, X, known in (
        ("source", samples.X_source, on_source),
        ("target", samples.X_target, on_target),
    ):
        rows = np.flatnonzero(known)
        rows = rows[outliers(X[rows])]
        if rows.size:
            names = ", ".join(samples.ids[rows[:NAMED]])
            found.append(
                f"{side}: spectra unlike the others of this instrument: {names}"
                f"{', ...' * (rows.size > NAMED)}; look at them, and leave out what "
                "was measured wrongly"
            )
    return found


def _forecast(
    splits: TransferSplits, regime: Regime, rows: np.ndarray
) -> dict[str, str] | None:
    """The risk as it would have looked before any label was measured."""
    on_source = np.flatnonzero(splits.samples.measured()[0])
    if regime.kind == "none" or rows.size < 1 or on_source.size < MIN_FORECAST:
        return None
    # The samples at hand on the target, held against the others on the source.
    others = np.setdiff1d(on_source, rows)
    others = others if others.size >= MIN_FORECAST else on_source
    found = forecast(splits.X_source[others], splits.X_target[rows])
    return {"level": found.level, "text": found.text}


def _spectra(ct: CalibrationTransfer, splits: TransferSplits) -> dict[str, np.ndarray]:
    """The common axis, spectra of both instruments, and their difference."""
    on_source, on_target = splits.samples.measured()
    both = on_source & on_target
    found = {
        "axis": ct.axis_,
        "source": splits.X_source[on_source],
        "target": splits.X_target[on_target],
    }
    if both.any():
        found["difference"] = splits.X_target[both] - splits.X_source[both]
    return found


def _held_out(
    comparison: Comparison | None, ours: str | None, y: np.ndarray
) -> dict[str, np.ndarray]:
    """Labels of held-out samples, mean and SD of the ensemble's predictions."""
    if comparison is None or ours is None:
        return {}
    tested = np.concatenate(comparison.rows)
    values = np.concatenate(comparison.predicted[ours])
    rows = np.unique(tested)
    return {
        "tested": y[rows],
        "tested_mean": np.array([values[tested == row].mean() for row in rows]),
        "tested_sd": np.array([values[tested == row].std() for row in rows]),
    }


def _on_target(
    ct: CalibrationTransfer, X: np.ndarray, coverage: float
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Predictions of target spectra, T2 and Q over their limits, and latent codes."""
    if not len(X):
        return {}, {}, {}
    domain = {}
    if ct.domain_ is not None:
        domain = dict(zip(("t2", "q"), ct.distances(X), strict=True))
    latent = {} if ct.weights is None else ct.latent_map(X)
    return predicted(ct, X, coverage), domain, latent
