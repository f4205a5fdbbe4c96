"""What the task "transfer" fits: files of two instruments to fitted properties.

N = samples, k = properties.
"""

import copy
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from ml_collections import ConfigDict

from spektron_jax.commands.predict import predicted
from spektron_jax.commands.report import transfer_numbers as numbers
from spektron_jax.commands.report.transfer_summary import Counts, Names, Summary
from spektron_jax.encoder.adaptation import Adaptation
from spektron_jax.errors import SpektronError, SpektronWarning
from spektron_jax.spectra.samples import PairedSamples, read_paired_each
from spektron_jax.transfer.applicability import outliers
from spektron_jax.transfer.estimator import CalibrationTransfer
from spektron_jax.transfer.replicates import Scans
from spektron_jax.transfer.risk import forecast
from spektron_jax.transfer.several import common
from spektron_jax.transfer.splits import Regime, TransferSplits

DEFAULT_N = 10  # target samples; where there are fewer, nobody asked for more
NAMED = 5  # outliers in a warning
MIN_FORECAST = 10  # source spectra


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


def fitted(config: ConfigDict) -> tuple[CalibrationTransfer, dict[str, Fitted]]:
    """Read the files and fit; writes nothing.

    Returns:
      The estimator, and what was found for each property.
    """
    given = config.transfer
    each = read_paired_each(config.data, given.regime == "paired")
    splits = TransferSplits(_common(each))
    n, there = given.n, splits.available(given.regime)
    if n == DEFAULT_N and 0 < there < n:
        print(f"{there} {given.regime} target samples in the files: all are used")
        n = there
    all_samples = n == 0 or given.regime == "none"
    regime = Regime(given.regime, None if all_samples else n)
    rows = splits.chosen(regime)[1]
    ct = _fitted(config, each, regime, rows)
    found = {}
    for name, samples in each.items():
        own = copy.copy(splits)
        own.samples = samples
        one = ct if len(each) == 1 else ct.only(name)
        found[name] = _found(config, own, regime, rows, one)
    told = common({name: samples.warnings for name, samples in each.items()})
    ct.warnings_ = [*told, *ct.warnings_]
    return ct, found


def _common(each: Mapping[str, PairedSamples]) -> PairedSamples:
    """Samples whose labels are known where those of all properties are."""
    first = next(iter(each.values()))
    if len(each) == 1:
        return first
    y = np.mean([one.y for one in each.values()], axis=0)
    if not np.isfinite(y).any():
        raise SpektronError(
            f"config.data.property: no sample has labels of all of {', '.join(each)}; "
            "transfer each property by itself"
        )
    return replace(first, y=y)


def _found(
    config: ConfigDict,
    splits: TransferSplits,
    regime: Regime,
    rows: np.ndarray,
    ct: CalibrationTransfer,
) -> Fitted:
    """One property after the fit."""
    given, samples = config.transfer, splits.samples
    on_source = samples.measured()[0] & np.isfinite(samples.y)
    if regime.kind == "unpaired":
        on_source[rows] = False
    summary = Summary(
        regime=ct.regime_,
        names=Names(**samples.names),
        axis_unit=samples.unit,
        samples=Counts(int(on_source.sum()), rows.size, samples.ids.size),
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


def _fitted(
    config: ConfigDict,
    each: Mapping[str, PairedSamples],
    regime: Regime,
    rows: np.ndarray,
) -> CalibrationTransfer:
    """The ensemble on the source set and on target samples `rows`."""
    ct = CalibrationTransfer(
        config.transfer.weights or None,
        random_state=config.seed,
        adaptation=_adaptation(config),
    )
    samples = next(iter(each.values()))
    y = np.column_stack([one.y for one in each.values()])
    usable = samples.measured()[0] & np.isfinite(y).any(axis=1)
    if regime.kind == "unpaired":
        usable[rows] = False
    source = np.flatnonzero(usable)
    if len(each) == 1:
        y = y[:, 0]
    known, paired = np.full(y[rows].shape, np.nan), np.full(rows.size, -1)
    if regime.kind != "unlabelled":
        known = y[rows]
    if regime.kind == "paired":
        paired = np.searchsorted(source, rows)
    target = (samples.X_target[rows], known, paired) if rows.size else (None,) * 3
    ct.fit(
        samples.X_source[source],
        y[source],
        samples.axis_source,
        X_target=target[0],
        axis_target=samples.axis_target,
        y_target=target[1],
        paired=target[2],
        unit=samples.unit,
        modality=samples.modality,
        groups=samples.ids[source],  # so that sentences name samples
        groups_target=samples.ids[rows] if rows.size else None,
        properties=None if len(each) == 1 else list(each),
    )
    ct.about_ = dict(samples.names)
    if len(each) > 1:
        del ct.about_["property"], ct.about_["property_unit"]
        for name, one in each.items():
            ct.only(name).about_ = dict(one.names)
    return ct


def _adaptation(config: ConfigDict) -> Adaptation | None:
    given = config.transfer.adaptation
    return Adaptation(**given, seed=config.seed) if given.steps else None


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


def _repeatability(ct: CalibrationTransfer, samples: PairedSamples) -> float | None:
    """SD of the predictions of a sample's scans on the target; None: single scans."""
    if samples.scans is None:
        return None
    number, X = samples.scans
    values = quietly(ct, X, 0.5, samples.axis_target)["prediction"]
    return Scans(X, number).sd(values)


def quietly(ct: CalibrationTransfer, *given: Any) -> dict[str, np.ndarray]:
    """As `predicted`; that spectra are strange is said by flags and warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SpektronWarning)
        return predicted(ct, *given)
