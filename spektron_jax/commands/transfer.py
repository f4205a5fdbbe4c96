"""The task "transfer": from two instruments' files to a verdict and a model.

It answers first. The ensemble is fitted on everything, and beside the results with the
cross-validated errors of the labelled target samples there are

    model/           for the task "predict" and `CalibrationTransfer.load`
    adapter.npz      where a date is given: what belongs to this target instrument
    predictions.csv  every target spectrum

Then all methods are compared on samples held out, and the results are written again.
trials.jsonl keeps finished trials: the same command resumes from it.

N = samples, L = points in common, n = labelled target samples.
"""

import hashlib
import json
import warnings
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ml_collections import ConfigDict

from spektron_jax import provenance
from spektron_jax.commands.predict import predicted, write_csv
from spektron_jax.commands.report import transfer as page
from spektron_jax.commands.report import transfer_numbers as numbers
from spektron_jax.commands.report.transfer_outlook import headline, next_steps
from spektron_jax.commands.report.transfer_summary import (
    Compared,
    Counts,
    Names,
    Summary,
)
from spektron_jax.commands.report.transfer_verdict import verdict
from spektron_jax.commands.result import Result, Section
from spektron_jax.config import FRACTION, at_least, check_fields, one_of
from spektron_jax.encoder.adaptation import Adaptation
from spektron_jax.encoder.weights import left_out
from spektron_jax.errors import (
    ADD_NETWORK,
    NetworkMissing,
    SpektronWarning,
    has_network,
)
from spektron_jax.spectra.samples import PairedSamples, read_paired
from spektron_jax.transfer.applicability import outliers
from spektron_jax.transfer.comparison import Comparison
from spektron_jax.transfer.curve import Curve, compare_and_vary
from spektron_jax.transfer.estimator import CalibrationTransfer
from spektron_jax.transfer.persistence import sha256_of
from spektron_jax.transfer.replicates import Scans
from spektron_jax.transfer.risk import forecast
from spektron_jax.transfer.splits import KINDS, Regime, TransferSplits
from spektron_jax.transfer.trial_log import TrialLog

DEFAULT_N = 10  # target samples; where there are fewer, nobody asked for more
# Sections of the page: answers first, what they rest on last.
ORDER = (
    *("warnings", "next", "predictions", "left-out", "domain", "coefficients"),
    *("methods", "curve", "agreement", "spectra", "latent", "provenance"),
)
NAMED = 5  # outliers in a warning
PREDICTED = ("prediction", "low", "high", "flag")  # as from `predicted`
MIN_FORECAST = 10  # source spectra
WITHOUT_NETWORK = (
    "without the network, since JAX is not installed: it would take part in "
    "predictions where no target sample has a label, and draw the map of latent codes "
    f"({ADD_NETWORK})"
)
RULES = {
    "transfer.regime": one_of(*KINDS),
    "transfer.n": (lambda n: n >= 0, "must be 0 (all) or more"),
    "transfer.coverage": FRACTION,
    "transfer.repeats": at_least(2),
}


def check(config: ConfigDict) -> None:
    """Raise SpektronError for a setting that cannot work."""
    check_fields(config, RULES)
    if not has_network() and config.transfer.adaptation.steps:
        raise NetworkMissing("config.transfer.adaptation.steps")
    if config.transfer.weights and left_out(config.transfer.weights):
        config.transfer.weights = ""
        print(WITHOUT_NETWORK)


class Fitted(NamedTuple):
    """A transfer and what it was fitted on.

    Attributes:
      samples, splits: of both instruments
      regime: what was asked for
      rows: of the samples that are transfer samples
      ct: the estimator
      summary: what it found
    """

    samples: PairedSamples
    splits: TransferSplits
    regime: Regime
    rows: np.ndarray
    ct: CalibrationTransfer
    summary: Summary


def run(config: ConfigDict, workdir: Path) -> Iterator[Result]:
    """Fit, save, answer by cross-validated errors; then compare, and answer again."""
    found = fitted(config)
    for note in found.samples.guesses:
        print(note)
    first, summary = answer(config, found)
    first = _written(config, found, first, workdir)
    yield first
    if config.transfer.compare or config.transfer.weights:
        yield _second(config, first, found._replace(summary=summary), workdir)


def fitted(config: ConfigDict) -> Fitted:
    """Read the files and fit; writes nothing."""
    given, samples = config.transfer, read_paired(config.data)
    splits = TransferSplits(samples)
    n, there = given.n, splits.available(given.regime)
    if n == DEFAULT_N and 0 < there < n:
        print(f"{there} {given.regime} target samples in the files: all are used")
        n = there
    all_samples = n == 0 or given.regime == "none"
    regime = Regime(given.regime, None if all_samples else n)
    source, rows = splits.chosen(regime)
    ct = _fitted(config, samples, regime, source, rows)
    summary = Summary(
        regime=ct.regime_,
        names=Names(**samples.names),
        axis_unit=samples.unit,
        samples=Counts(source.size, rows.size, samples.ids.size),
        labels=int((samples.measured()[1] & np.isfinite(samples.y)).sum()),
        network_share=ct.network_share_,
        prior_share=ct.prior_share_,
        weights=given.weights or None,
        provenance=ct.provenance_,
        coverage=given.coverage,
        interval=ct.interval_mark(given.coverage),
        warnings=[*samples.warnings, *ct.warnings_, *_outliers(samples)],
        forecast=_forecast(splits, regime, rows),
        poor_probability=ct.poor_probability_,
        failed_checks=ct.failed_checks_,
        repeatability=_repeatability(ct, samples),
        left_out=numbers.left_out(ct.left_out_predictions()),
        network_gain=getattr(ct.features_, "gain", None),
    )
    return Fitted(samples, splits, regime, rows, ct, summary)


def answer(config: ConfigDict, found: Fitted) -> tuple[Result, Summary]:
    """What is known without a comparison; writes nothing."""
    given, (samples, splits, _, rows, ct, summary) = config.transfer, found
    spectra, errors = _spectra(ct, splits), ct.left_out_errors()
    sections, odd = list[Section](), list[str]()
    if summary.left_out:
        y, before, after = ct.left_out_predictions()
        ids = samples.ids[rows][: y.size]
        sections.append(page.before_after(summary, ids, y, before, after))
        sections.append(page.left_out(summary, summary.left_out, ids, y, errors))
    on_target = np.flatnonzero(samples.measured()[1])
    transfer, X = np.isin(on_target, rows), samples.X_target[on_target]
    arrays = {"rows": on_target, "transfer": transfer, "left_out_errors": errors}
    if len(X):
        values = _quietly(ct, X, given.coverage)
        ids = samples.ids[on_target]
        arrays |= values | {"measured": samples.y[on_target]}
        if ct.domain_ is not None:
            domain = dict(zip(("t2", "q"), ct.distances(X), strict=True))
            kinds, counts = np.unique(values["flag"], return_counts=True)
            flags = dict(zip(kinds.tolist(), counts.tolist(), strict=True))
            summary = replace(summary, flags=flags)
            odd, parts = page.odd_samples(summary, {"id": ids} | values | domain)
            cloud = numbers.source_cloud(ct, spectra["source"])
            known = transfer, values["flag"]
            sections.append(page.domain(*known, **domain, source=cloud, more=parts))
            arrays |= domain
        _, raw, snv = ct.coefficients()
        axis, mean = samples.axis_target, X.mean(axis=0)
        sections.append(page.coefficients(summary, axis, mean, raw, snv))
    sections.append(page.spectra(summary, **spectra))
    compared = Compared(to_come=given.compare)
    listed = next_steps(summary, compared, odd[:NAMED])
    result = Result(
        page.title(summary),
        verdict(summary, compared),
        [
            page.warnings(summary, compared),
            page.steps(listed),
            *sections,
            page.provenance(summary),
        ],
        facts=page.facts(summary),
        headline=headline(summary, compared),
        data=asdict(summary) | asdict(compared),
        arrays=arrays | spectra,
        files=samples.files,
    )
    return result, summary


def _written(
    config: ConfigDict, found: Fitted, result: Result, workdir: Path
) -> Result:
    """Save the model, its adapter and the predictions."""
    ct, samples = found.ct, found.samples
    model = ct.save(workdir / "model")
    if config.transfer.date:
        name = found.summary.names.target
        ct.save_adapter(workdir / "adapter.npz", name, config.transfer.date)
    values = {k: result.arrays[k] for k in PREDICTED if k in result.arrays}
    if values:
        path, ids = workdir / "predictions.csv", samples.ids[result.arrays["rows"]]
        transfer = result.arrays["transfer"]
        write_csv(path, ct, ids, values, config.transfer.coverage, transfer)
    return replace(result, written={"model": model})


def _second(config: ConfigDict, first: Result, found: Fitted, workdir: Path) -> Result:
    """The first answer with the comparison and what the encoder shows."""
    samples, splits, regime, _, ct, summary = found
    compared, tested, points = Compared(), {}, {}
    X = samples.X_target[first.arrays["rows"]]
    if hasattr(ct.features_, "adapted") and len(X):
        points = ct.latent_map(X)  # first: the comparison looks up what this encodes
    if config.transfer.compare:
        comparison, curve = _compare(config, splits, regime, ct, workdir)
        compared = numbers.compared(comparison, curve, summary)
        tested = numbers.held_out(comparison, compared.ours, samples.y)
    sections = {section.name: section for section in first.sections}
    odd = numbers.odd(first, samples.ids)
    sections["warnings"] = page.warnings(summary, compared)
    sections["next"] = page.steps(next_steps(summary, compared, odd))
    if tested:
        ids = samples.ids[tested["tested_rows"]]
        values = tested["tested"], tested.get("tested_before"), tested["tested_mean"]
        sections["predictions"] = page.before_after(
            summary, ids, *values, tested["tested_sd"], compared
        )
        more = page.comparison(summary, compared)
        sections |= {section.name: section for section in more}
    if points:
        latent = page.latent(summary, first.arrays["transfer"], points)
        sections["latent"] = latent
    order = [*sections]
    order.sort(key=lambda name: ORDER.index(name))
    named = {f"latent_{name}": values for name, values in points.items()}
    return replace(
        first,
        headline=headline(summary, compared),
        verdict=verdict(summary, compared),
        sections=[sections[name] for name in order],
        data=asdict(summary) | asdict(compared),
        arrays={**first.arrays, **tested, **named},
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
        groups=samples.ids[source],  # so that sentences name samples
        groups_target=samples.ids[rows] if rows.size else None,
    )
    ct.about_ = dict(samples.names)
    return ct


def _adaptation(config: ConfigDict) -> Adaptation | None:
    given = config.transfer.adaptation
    return Adaptation(**given, seed=config.seed) if given.steps else None


def _compare(
    config: ConfigDict,
    splits: TransferSplits,
    regime: Regime,
    ct: CalibrationTransfer,
    workdir: Path,
) -> tuple[Comparison | None, Curve]:
    """All methods on trials; finished ones of the same data and settings are read."""
    given, samples, how = config.transfer, splits.samples, ct.adaptation
    source = samples.X_source, samples.axis_source
    target = samples.X_target, samples.axis_target
    rests_on = [
        *(sha256_of(*source, *target, samples.y), samples.unit, samples.modality),
        *(str(regime), config.seed),
        *(ct.provenance_["weights_sha256"], how and asdict(how)),
        provenance.versions(),
    ]
    checksum = hashlib.sha256(json.dumps(rests_on).encode()).hexdigest()
    log = TrialLog(workdir / "trials.jsonl", checksum)
    drawn = given.repeats, config.seed, ct.ensemble_
    return compare_and_vary(splits, regime, given.curve, *drawn, log, given.progress)


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


def _repeatability(ct: CalibrationTransfer, samples: PairedSamples) -> float | None:
    """SD of the predictions of a sample's scans on the target; None: single scans."""
    if samples.scans is None:
        return None
    number, X = samples.scans
    values = _quietly(ct, X, 0.5, samples.axis_target)["prediction"]
    return Scans(X, number).sd(values)


def _quietly(ct: CalibrationTransfer, *given: Any) -> dict[str, np.ndarray]:
    """As `predicted`; that spectra are strange is said by flags and warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SpektronWarning)
        return predicted(ct, *given)
