"""Intervals: coverage by simulation, the rule for few samples, by hand."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from spektron_jax.errors import SpektronError
from spektron_jax.transfer import intervals as module
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.ensemble import Ensemble
from spektron_jax.transfer.intervals import (
    CALIBRATED,
    NOT_CALIBRATED,
    TOO_WIDE,
    calibrate,
    instrument_shift,
    intervals_of,
    spread,
)
from spektron_jax.transfer.methods import make


class Line:
    """Least squares of the labels of target samples on their first point."""

    def fit(self, data):
        rows = data.labelled
        slope, offset = np.polyfit(data.X_target[rows, 0], data.y_target[rows], 1)
        return lambda X: slope * X[:, 0] + offset


def line_data(rng, n, unlabelled=0):
    def draw(count):
        x = rng.normal(size=(count, 3))
        return x, x[:, 0] + 0.3 * rng.normal(size=count)

    (A, y), (B, t), test = draw(20), draw(n), draw(20)
    t[n - unlabelled :] = np.nan
    return TransferData(A, y, B, t, np.full(n, -1)), test


@pytest.mark.parametrize(("n", "coverage"), [(10, 0.9), (25, 0.9), (15, 0.8)])
def test_coverage_by_simulation(n, coverage, monkeypatch):
    """Of least squares, whose left-out errors need no factor, on random samples."""
    monkeypatch.setattr(module, "NARROWER", 1.0)
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(150):
        data, (X, y) = line_data(rng, n)
        intervals = calibrate(Line(), data)
        assert intervals.mark(coverage) != NOT_CALIBRATED
        low, high = intervals.interval(X, coverage)
        covered.append(np.mean((low <= y) & (y <= high)))
    # Spread of 150 means: 0.008.
    assert coverage - 0.03 < np.mean(covered) < coverage + 0.03


def test_intervals_are_those_of_left_out_errors():
    """Written out for every labelled sample, unlabelled ones between them."""
    rng = np.random.default_rng(7)
    data, (X, _) = line_data(rng, 22)
    y = data.y_target.copy()
    y[[0, 5, 13]] = np.nan
    paired = np.where(np.arange(22) < 9, np.arange(22), -1)
    data = replace(data, y_target=y, paired=paired)
    groups = data.groups()
    assert [rows.size for rows in groups] == [4, 4, 4, 4, 3]
    without, whole = [Line().fit(data.without(rows)) for rows in groups], Line()
    found = intervals_of(data, whole.fit(data), groups, without)
    errors, scaled = [], []
    for row in np.flatnonzero(np.isfinite(y)):
        (number,) = (k for k, rows in enumerate(groups) if row in rows)
        x = data.X_target[[row]]
        errors.append(abs(without[number](x)[0] - y[row]))
        scaled.append(errors[-1] / leverage(data.without(groups[number]), x)[0] ** 0.25)
    np.testing.assert_allclose(found.errors, errors)
    np.testing.assert_allclose(found.scaled, scaled)
    low, high = found.interval(X, 0.8)
    half = 0.88 * stats.t.ppf(0.9, 18) * np.sqrt(np.mean(np.square(scaled)))
    half = half * leverage(data, X) ** 0.25
    np.testing.assert_allclose(low, whole.fit(data)(X) - half)
    np.testing.assert_allclose(high, whole.fit(data)(X) + half)


def leverage(data, X):
    """1 / S + Mahalanobis distance / (S - 1), of spectra of the target."""
    paired = data.paired >= 0
    A, B = data.X_source, data.X_target
    if paired.any():
        A, B = A[data.paired[paired]], B[paired]
    moved = X + A.mean(axis=0) - B.mean(axis=0) - data.X_source.mean(axis=0)
    inverse = np.linalg.inv(np.cov(data.X_source.T))
    S = len(data.X_source)
    return 1 / S + np.sum(moved @ inverse * moved, axis=1) / (S - 1)


def test_intervals_of_the_ensemble_are_from_its_own_fits(paired_data):
    data, X, _ = paired_data(np.random.default_rng(8), n=19)
    fitted = Ensemble("classical").fit(data)
    found = intervals_of(data, fitted, fitted.groups, fitted.without)
    errors = np.empty(19)
    for rows, part in zip(fitted.groups, fitted.without, strict=True):
        errors[rows] = np.abs(part(data.X_target[rows]) - data.y_target[rows])
    np.testing.assert_array_equal(found.errors, errors)
    low, high = found.interval(X, 0.9)
    assert found.mark(0.9) == CALIBRATED and (low < high).all()


@pytest.mark.parametrize(
    ("n", "coverage", "mark"),
    [
        (9, 0.5, NOT_CALIBRATED),
        (10, 0.9, CALIBRATED),
        (10, 0.95, NOT_CALIBRATED),
        (19, 0.95, CALIBRATED),
    ],
)
def test_the_mark(n, coverage, mark):
    data, _ = line_data(np.random.default_rng(2), n)
    assert calibrate(Line(), data).mark(coverage) == mark


def test_few_samples_widen_by_the_instrument_shift(paired_data):
    data, X, _ = paired_data(np.random.default_rng(3), n=5)
    intervals = calibrate(make("mc/raw"), data)
    low, high = intervals.interval(X, 0.9)
    np.testing.assert_allclose((low + high) / 2, intervals.predict(X))
    np.testing.assert_allclose(
        high - low, 2 * (intervals.errors.max() + intervals.shift)
    )
    assert intervals.mark(0.9) == NOT_CALIBRATED and intervals.shift > 0


def test_few_samples_cover_at_least_what_was_asked(paired_data):
    covered = []
    for seed in range(20):
        data, X, y = paired_data(np.random.default_rng(seed), n=4)
        low, high = calibrate(make("mc/raw"), data).interval(X, 0.9)
        covered.append(np.mean((low <= y) & (y <= high)))
    assert np.mean(covered) > 0.9


def test_the_shift_grows_with_the_difference_between_instruments(two_instruments):
    shifts = []
    for gain, bump in ((1.0, 0.0), (0.95, 0.05), (0.8, 0.5)):
        A, B, y = two_instruments(
            np.random.default_rng(4), gain=gain, shift=bump, tilt=0
        )
        data = TransferData(A, y, B[:6], np.full(6, np.nan), np.arange(6))
        shifts.append(instrument_shift(data, make("none/raw").fit(data), y))
    assert shifts[0] < shifts[1] < shifts[2] and shifts[0] < 0.05


@pytest.mark.parametrize("targets", [0, 1, 6])
def test_without_labels_or_pairs(targets, two_instruments):
    A, B, y = two_instruments(np.random.default_rng(5))
    data = TransferData(
        A, y, B[:targets], np.full(targets, np.nan), np.full(targets, -1)
    )
    intervals = calibrate(make("none/raw"), data)
    assert intervals.mark(0.9) == NOT_CALIBRATED and np.isfinite(intervals.shift)
    assert intervals.shift > 0
    narrow, wide = (intervals.interval(B, c) for c in (0.5, 0.95))
    assert (wide[0] < narrow[0]).all() and (wide[1] > narrow[1]).all()
    if not targets:
        assert intervals.shift == pytest.approx(y.std())


@pytest.mark.parametrize("coverage", [1, 0, "0.9", None, float("nan")])
def test_impossible_coverage(coverage):
    data, (X, _) = line_data(np.random.default_rng(6), 10)
    with pytest.raises(SpektronError, match=f"coverage = {coverage!r}: must lie"):
        calibrate(Line(), data).interval(X, coverage)


@pytest.mark.parametrize(("share", "mark"), [(0.9, CALIBRATED), (1.1, TOO_WIDE)])
def test_intervals_wider_than_the_labels_are_marked(share, mark):
    data, _ = line_data(np.random.default_rng(7), 12)
    found = calibrate(Line(), data)
    moved = data.X_source - data.X_source.mean(axis=0) + spread(data).centre
    mean_leverage = np.mean(leverage(data, moved))
    half = 0.88 * stats.t.ppf(0.9, 11) * np.sqrt(np.mean(found.scaled**2))
    half *= mean_leverage**0.25
    assert replace(found, label_sd=half / share).mark(0.8) == mark
    assert replace(found, label_sd=half / share).mark(0.95) == NOT_CALIBRATED
