"""Splits, regimes and transfer samples; nothing crosses from test to calibration."""

from dataclasses import replace

import numpy as np
import pytest

from spektron_jax.errors import SpektronError
from spektron_jax.spectra.samples import PairedSamples
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.splits import (
    Regime,
    Split,
    TransferSplits,
    held_out,
    transfer_data,
    trials_inside,
)


def a_split(**replaced):
    values = {
        "seed": 3,
        "calibration": np.arange(8),
        "test": np.array([8, 9]),
        "transfer_order": {"a": np.array([5, 2, 7])},
    }
    return Split(**(values | replaced))


@pytest.mark.parametrize(
    ("regime", "sources", "targets", "paired", "labelled"),
    [
        (Regime("none"), range(8), [], [], 0),
        (Regime("unlabelled", 2), range(8), [5, 2], [-1, -1], 0),
        (Regime("unlabelled"), range(8), range(8), [-1] * 8, 0),
        (Regime("unpaired", 2), [0, 1, 3, 4, 6, 7], [5, 2], [-1, -1], 2),
        (Regime("paired", 3), range(8), [5, 2, 7], [5, 2, 7], 3),
        (Regime("paired"), range(8), range(8), range(8), 8),
    ],
)
def test_what_each_regime_shows(regime, sources, targets, paired, labelled):
    rng = np.random.default_rng(2)
    A, B, y = rng.normal(size=(10, 4)), rng.normal(size=(10, 4)), rng.normal(size=10)
    data = transfer_data(A, B, y, a_split(), "a", regime)
    np.testing.assert_array_equal(data.X_source, A[list(sources)])
    np.testing.assert_array_equal(data.X_target, B[list(targets)].reshape(-1, 4))
    np.testing.assert_array_equal(data.paired, list(paired))
    assert data.labelled.size == labelled


def test_test_spectra_and_labels_reach_no_regime():
    rng = np.random.default_rng(3)
    A, B, y = rng.normal(size=(10, 4)), rng.normal(size=(10, 4)), rng.normal(size=10)
    for kind, n in [
        ("none", None),
        ("unlabelled", None),
        ("unpaired", 2),
        ("paired", 3),
    ]:
        before = transfer_data(A, B, y, a_split(), "a", Regime(kind, n))
        for array in (A, B, y):
            array[[8, 9]] += 100
        after = transfer_data(A, B, y, a_split(), "a", Regime(kind, n))
        for name in ("X_source", "y_source", "X_target", "y_target", "paired"):
            np.testing.assert_array_equal(getattr(before, name), getattr(after, name))


def test_samples_not_measured_or_not_labelled_are_left_out():
    rng = np.random.default_rng(4)
    A, B, y = rng.normal(size=(10, 4)), rng.normal(size=(10, 4)), rng.normal(size=10)
    A[5], B[2], y[0] = np.nan, np.nan, np.nan
    data = transfer_data(A, B, y, a_split(), "a", Regime("paired", 2))
    np.testing.assert_array_equal(data.X_source, A[[1, 2, 3, 4, 6, 7]])
    np.testing.assert_array_equal(data.X_target, B[[5, 7]])
    np.testing.assert_array_equal(data.paired, [-1, 5])  # 5 is not on the source


def test_n_larger_than_what_is_there():
    arrays = np.random.default_rng(5).normal(size=(10, 4))
    with pytest.raises(SpektronError, match="n = 4: split 3 has only 3 transfer"):
        transfer_data(arrays, arrays, arrays[:, 0], a_split(), "a", Regime("paired", 4))
    with pytest.raises(SpektronError, match="no transfer order for 'b'"):
        transfer_data(arrays, arrays, arrays[:, 0], a_split(), "b", Regime("paired", 2))


@pytest.mark.parametrize(
    ("kind", "n", "message"),
    [("few", 3, "'few'"), ("none", 3, "so no n"), ("paired", 0, "n = 0")],
)
def test_wrong_regimes(kind, n, message):
    with pytest.raises(SpektronError, match=message):
        Regime(kind, n)


@pytest.mark.parametrize(("count", "size"), [(5, 2), (20, 4), (28, 6)])
def test_a_fifth_is_held_out_and_differs_between_repeats(count, size):
    held = list(held_out(np.arange(count) + 7, 15, seed=3))
    assert len(held) == 15 and len({tuple(sorted(rows)) for rows in held}) > 3
    for rows in held:
        assert rows.size == size == np.unique(rows).size
        assert np.isin(rows, np.arange(count) + 7).all()
    for one, other in zip(held, held_out(np.arange(count) + 7, 15, 3), strict=True):
        np.testing.assert_array_equal(one, other)


def test_trials_inside_hide_a_sample_on_both_instruments():
    rng = np.random.default_rng(6)
    A, B, y = rng.normal(size=(12, 4)), rng.normal(size=(10, 4)), rng.normal(size=12)
    data = TransferData(A, y, B, y[:10], np.arange(10))
    for trial in trials_inside(data, repeats=5):
        assert trial.rows.size == 2 and len(trial.data.X_target) == 8
        np.testing.assert_array_equal(trial.X, B[trial.rows])
        np.testing.assert_array_equal(trial.on_source, A[trial.rows])
        for row in trial.rows:
            assert not (trial.data.X_target == B[row]).all(axis=1).any()
            assert not (trial.data.X_source == A[row]).all(axis=1).any()
    few = TransferData(A, y, B[:4], y[:4], np.arange(4))
    with pytest.raises(SpektronError, match="needs 5 labelled target samples"):
        trials_inside(few)


REGIMES = [Regime("none"), Regime("unlabelled", 5), Regime("paired", 5)]


def splits_of(instruments):
    X_s, axis, X_t, _, y = instruments(samples=20)
    X_s[7], X_t[11], X_t[3] = X_s[2], X_t[2], X_t[15]  # 2, 7, 11 and 3, 15
    ids = np.array([f"s{i}" for i in range(20)])
    samples = PairedSamples(ids, X_s, axis, X_t, axis, y, "nm", "NIR", {})
    return TransferSplits(samples)


@pytest.mark.parametrize("regime", REGIMES, ids=str)
def test_twins_are_held_out_together(instruments, regime):
    trials = splits_of(instruments).trials(regime, 20, 0)
    held = [set(trial.rows.tolist()) for trial in trials]
    for twins in ({2, 7, 11}, {3, 15}):
        assert {len(twins & rows) for rows in held} == {0, len(twins)}
    for trial in trials:
        known = {row.tobytes() for row in trial.data.X_target}
        assert not known & {row.tobytes() for row in trial.X}
        source = {row.tobytes() for row in trial.data.X_source}
        assert not source & {row.tobytes() for row in trial.on_source}


def test_transfer_samples_are_chosen_from_the_source_alone(instruments):
    splits = splits_of(instruments)
    _, first = splits.chosen(Regime("paired", 6))
    mixed = np.random.default_rng(0).permutation(splits.samples.X_target) ** 2
    other = TransferSplits(replace(splits.samples, X_target=mixed))
    np.testing.assert_array_equal(first, other.chosen(Regime("paired", 6))[1])


def test_unmeasured_samples_are_not_chosen(instruments):
    samples = splits_of(instruments).samples
    samples.X_source[4] = np.nan
    splits = TransferSplits(samples)
    for trial in splits.trials(Regime("paired", 5), 5):
        assert np.isfinite(trial.data.X_source).all()
        assert not (trial.data.X_target == samples.X_target[4]).all(axis=1).any()
    source, rows = splits.chosen(Regime("paired"))
    assert 4 not in rows and 4 not in source


def test_more_samples_than_there_are(instruments):
    with pytest.raises(SpektronError, match="n = 21: only 20 samples"):
        splits_of(instruments).chosen(Regime("paired", 21))
