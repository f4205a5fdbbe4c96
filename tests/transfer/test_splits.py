"""Splits, regimes and transfer samples; nothing crosses from test to calibration."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spektron_jax.errors import SpektronError
from spektron_jax.transfer.splits import (
    Regime,
    Split,
    check_duplicates,
    random_splits,
    read_splits,
    transfer_data,
)


def instruments(rng, samples=20, points=30):
    return {name: rng.normal(size=(samples, points)).cumsum(axis=1) for name in "ab"}


def a_split(**replaced):
    values = {
        "seed": 3,
        "calibration": np.arange(8),
        "test": np.array([8, 9]),
        "transfer_order": {"a": np.array([5, 2, 7])},
    }
    return Split(**(values | replaced))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), share=st.floats(0.1, 0.6))
def test_random_splits_keep_physical_samples_together(seed, share):
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, 10, size=20).astype(str)
    splits = random_splits(
        instruments(rng), ids, test_share=share, repeats=3, transfer=5, seed=seed
    )
    for split in splits:
        assert not set(ids[split.calibration]) & set(ids[split.test])
        both = np.concatenate([split.calibration, split.test])
        np.testing.assert_array_equal(np.sort(both), np.arange(20))
        for order in split.transfer_order.values():
            assert np.isin(order, split.calibration).all()
            assert np.unique(order).size == order.size == min(5, len(split.calibration))


def test_transfer_samples_are_chosen_from_the_source_alone():
    rng = np.random.default_rng(0)
    spectra, ids = instruments(rng), np.arange(20)
    first = random_splits(spectra, ids, repeats=2)
    spectra["b"] = rng.permutation(spectra["b"]) ** 2
    second = random_splits(spectra, ids, repeats=2)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(
            one.transfer_order["a"], other.transfer_order["a"]
        )
    assert len(random_splits(spectra, ids)) == 15


def test_unmeasured_samples_are_not_chosen():
    spectra = instruments(np.random.default_rng(1))
    spectra["a"][4] = np.nan
    for split in random_splits(spectra, np.arange(20), repeats=5):
        assert 4 not in split.transfer_order["a"]


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


def test_duplicates_across_a_split():
    spectra, ids = np.arange(40.0).reshape(10, 4), np.arange(10)
    check_duplicates(a_split(), spectra, ids)
    ids[9] = 1
    with pytest.raises(SpektronError, match="sample 1 is in calibration and test"):
        check_duplicates(a_split(), spectra, ids)
    spectra[8] = spectra[2]
    with pytest.raises(SpektronError, match="rows 2 .* and 8 .* the same spectrum"):
        check_duplicates(a_split(), spectra, np.arange(10))


def test_splits_are_read_and_checked(tmp_path):
    path = tmp_path / "protocol.json"
    entry = {
        "seed": 0,
        "calibration": [0, 1, 2],
        "test": [3],
        "transfer_order": {"a": [2, 0]},
    }

    def read(**replaced):
        path.write_text(json.dumps({"splits": [entry | replaced]}))
        return read_splits(path)

    (split,) = read()
    np.testing.assert_array_equal(split.transfer_order["a"], [2, 0])
    for replaced, message in (
        ({"test": [2]}, "row 2 is in calibration and test"),
        ({"transfer_order": {"a": [3]}}, "must be different calibration rows"),
        ({"transfer_order": {"a": [1, 1]}}, "must be different calibration rows"),
        ({"seed": "x"}, "not a protocol file"),
    ):
        with pytest.raises(SpektronError, match=message):
            read(**replaced)
    path.write_text('{"splits": []}')
    with pytest.raises(SpektronError, match="holds no split"):
        read_splits(path)
    path.write_text("{")
    with pytest.raises(SpektronError, match="not a protocol file"):
        read_splits(path)
    with pytest.raises(SpektronError, match="cannot be read"):
        read_splits(tmp_path / "missing.json")


def test_a_share_that_leaves_nothing():
    spectra = instruments(np.random.default_rng(6))
    with pytest.raises(SpektronError, match="test_share = 0.99"):
        random_splits(spectra, np.arange(20), test_share=0.99)
