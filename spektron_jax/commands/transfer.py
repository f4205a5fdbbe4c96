"""The task "transfer": from two instruments' files to a verdict and a model.

It answers first. The ensemble is fitted on everything, and beside the results with the
cross-validated errors of the labelled target samples there are

    model/           for the task "predict" and `CalibrationTransfer.load`
    adapter.npz      where a date is given: what belongs to this target instrument
    predictions.csv  every target spectrum

Then all methods are compared on samples held out, and the results are written again.
trials.jsonl keeps finished trials: the same command resumes from it. Of several
properties there is one model and one page, and trials_NAME.jsonl for each.

N = samples, L = points in common, n = labelled target samples.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from spektron_jax import provenance
from spektron_jax.commands.predict import write_csv
from spektron_jax.commands.report import transfer as page
from spektron_jax.commands.report import transfer_numbers as numbers
from spektron_jax.commands.report.transfer_outlook import headline, next_steps
from spektron_jax.commands.report.transfer_several import as_one, slugs
from spektron_jax.commands.report.transfer_summary import (
    Compared,
    Summary,
)
from spektron_jax.commands.report.transfer_verdict import verdict
from spektron_jax.commands.result import Result, Section
from spektron_jax.commands.transfer_fit import NAMED, Fitted, fitted, quietly
from spektron_jax.config import FRACTION, at_least, check_fields, one_of
from spektron_jax.encoder.weights import left_out
from spektron_jax.errors import (
    ADD_NETWORK,
    NetworkMissing,
    SpektronError,
    has_network,
)
from spektron_jax.transfer.comparison import Comparison
from spektron_jax.transfer.curve import Curve, compare_and_vary
from spektron_jax.transfer.estimator import CalibrationTransfer
from spektron_jax.transfer.persistence import sha256_of
from spektron_jax.transfer.several import common
from spektron_jax.transfer.splits import KINDS, Regime, TransferSplits
from spektron_jax.transfer.trial_log import TrialLog

# Sections of the page: answers first, what they rest on last.
ORDER = (
    *("warnings", "next", "predictions", "left-out", "domain", "coefficients"),
    *("methods", "curve", "agreement", "spectra", "latent", "provenance"),
)
PREDICTED = ("prediction", "low", "high", "flag")  # as from `predicted`
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


def run(config: ConfigDict, workdir: Path) -> Iterator[Result]:
    """Fit, save, answer by cross-validated errors; then compare, and answer again."""
    ct, each = fitted(config)
    first = next(iter(each.values()))
    for note in first.samples.guesses:
        print(note)
    told = common({name: one.samples.warnings for name, one in each.items()})
    answers = {name: answer(config, one) for name, one in each.items()}
    written = _written(config, ct, first, [one for one, _ in answers.values()], workdir)
    results = {name: result for name, (result, _) in answers.items()}
    yield replace(as_one(results), written=written, told=told)
    if not (config.transfer.compare or config.transfer.weights):
        return
    places = slugs(each)
    for name, one in each.items():
        log = workdir / (
            "trials.jsonl" if len(each) == 1 else f"trials_{places[name]}.jsonl"
        )
        again = one._replace(summary=answers[name][1])
        results[name] = _second(config, results[name], again, log)
    yield replace(as_one(results), written=written)


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
        values = quietly(ct, X, given.coverage)
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
    config: ConfigDict,
    ct: CalibrationTransfer,
    first: Fitted,
    results: Sequence[Result],
    workdir: Path,
) -> dict[str, Path]:
    """Save the model, its adapter and the predictions."""
    model = ct.save(workdir / "model")
    if config.transfer.date:
        name = first.summary.names.target
        ct.save_adapter(workdir / "adapter.npz", name, config.transfer.date)
    arrays = [one.arrays for one in results]
    values = {
        name: np.stack([one[name] for one in arrays], axis=-1)
        for name in PREDICTED
        if name in arrays[0]
    }
    if values:
        path, ids = workdir / "predictions.csv", first.samples.ids[arrays[0]["rows"]]
        transfer = arrays[0]["transfer"]
        write_csv(path, ct, ids, values, config.transfer.coverage, transfer)
    return {"model": model}


def _second(config: ConfigDict, first: Result, found: Fitted, log: Path) -> Result:
    """The first answer with the comparison and what the encoder shows."""
    samples, splits, regime, _, ct, summary = found
    compared, tested, points = Compared(), {}, {}
    X = samples.X_target[first.arrays["rows"]]
    if hasattr(ct.features_, "adapted") and len(X):
        try:  # first: the comparison looks up what this encodes
            points = ct.latent_map(X)
        except SpektronError as error:  # the first answer was given and stands
            text = f"no map of latent codes, and the model stands without: {error}"
            print(f"warning: {text}")
            summary = replace(summary, warnings=[*summary.warnings, text])
    if config.transfer.compare:
        comparison, curve = _compare(config, splits, regime, ct, log)
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


def _compare(
    config: ConfigDict,
    splits: TransferSplits,
    regime: Regime,
    ct: CalibrationTransfer,
    path: Path,
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
    log = TrialLog(path, checksum)
    drawn = given.repeats, config.seed, ct.ensemble_
    return compare_and_vary(splits, regime, given.curve, *drawn, log, given.progress)


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
