"""What a method may see: bookkeeping of pairs, and bad input named."""

import numpy as np
import pytest

from spektron_jax.errors import SpektronError
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.methods.workspace import Workspace

_PAIRED = {"paired": np.array([0, -1, 1])}


def arrays(**replaced):
    rng = np.random.default_rng(0)
    values = {
        "X_source": rng.normal(size=(6, 4)),
        "y_source": np.arange(6.0),
        "X_target": rng.normal(size=(3, 4)),
        "y_target": np.array([1.0, np.nan, 4.0]),
        "paired": np.array([1, -1, 4]),
    }
    return values | replaced


def test_pairs_are_the_same_samples():
    data = TransferData(**arrays())
    A, B = data.pairs()
    np.testing.assert_array_equal(A, data.X_source[[1, 4]])
    np.testing.assert_array_equal(B, data.X_target[[0, 2]])
    np.testing.assert_array_equal(data.labelled, [0, 2])


def test_a_left_out_sample_leaves_both_instruments():
    data = TransferData(**arrays())
    rest = data.without(np.array([0]))
    np.testing.assert_array_equal(rest.y_source, [0, 2, 3, 4, 5])
    np.testing.assert_array_equal(rest.X_target, data.X_target[1:])
    np.testing.assert_array_equal(rest.paired, [-1, 3])
    A, _ = rest.pairs()
    np.testing.assert_array_equal(A, data.X_source[[4]])


def test_an_unpaired_sample_leaves_the_source_whole():
    rest = TransferData(**arrays()).without(np.array([1]))
    assert rest.y_source.size == 6 and rest.y_target.size == 2


@pytest.mark.parametrize(("n", "groups"), [(4, 4), (8, 5), (19, 5)])
def test_leaving_out_visits_every_labelled_sample_once(n, groups, paired_data):
    data, _, _ = paired_data(np.random.default_rng(1), n=n)
    parts = data.groups()
    assert len(parts) == groups
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(n))
    sizes = [rows.size for rows in parts]
    assert max(sizes) - min(sizes) <= 1
    for rows in parts:
        rest = data.without(rows)
        assert not np.isin(rest.y_target, data.y_target[rows]).any()
        assert not np.isin(rest.y_source, data.y_target[rows]).any()


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ({"y_source": np.arange(5.0)}, "y_source: 6 spectra need 6 labels"),
        ({"y_target": np.zeros((3, 1))}, "y_target: 3 spectra"),
        ({"X_target": np.zeros((3, 5))}, "X_target: has 5 points and X_source 4"),
        ({"X_source": np.zeros(6)}, "X_source: must be"),
        ({"y_source": np.ones(6)}, "every label is 1"),
        ({"y_source": np.array([0, 1, np.nan, 3, 4, 5])}, "row 2 has no label"),
        ({"y_target": np.array([1.0, np.inf, 2])}, "y_target: holds infinity"),
        ({"paired": np.array([1, 2])}, "paired: 3 target spectra"),
        ({"paired": np.array([1, 1, -1])}, "paired twice"),
        ({"paired": np.array([1, 6, -1])}, "rows must lie in 0..5"),
        ({"X_target": np.full((3, 4), np.nan)}, "X_target: row 0 holds NaN"),
    ],
)
def test_bad_input_is_named(replaced, message):
    with pytest.raises(SpektronError, match=message):
        TransferData(**arrays(**replaced))


def test_groups_hold_labelled_rows_and_as_many_as_asked():
    data = TransferData(**arrays())
    assert [rows.tolist() for rows in data.groups()] == [[2], [0]]
    assert [rows.tolist() for rows in data.groups(most=1)] == [[2, 0]]


def test_groups_run_from_the_weakest_spectrum_to_the_strongest():
    strength = np.array([3.0, 1.0, 5.0, 2.0, 4.0])
    changed = {"X_target": np.outer(strength, np.ones(4)), "y_target": np.ones(5)}
    data = TransferData(**arrays(**changed, paired=np.full(5, -1)))
    assert [rows.tolist() for rows in data.groups(most=2)] == [[1, 0, 2], [3, 4]]


@pytest.mark.parametrize(
    ("replaced", "labels"),
    [
        ({"y_target": np.full(3, np.nan)}, 0),
        ({"y_target": np.array([1.0, np.nan, np.nan])}, 1),
        # Without a pair the source has two labels, or equal ones, left.
        ({"X_source": np.zeros((3, 4)), "y_source": np.arange(3.0)} | _PAIRED, 2),
        ({"y_source": np.array([1.0, 2, 2, 2, 2, 2])} | _PAIRED, 2),
    ],
)
def test_nothing_is_left_out_where_too_little_stays(replaced, labels):
    data = TransferData(**arrays(**replaced))
    assert data.groups() == []
    with pytest.raises(SpektronError, match=f"of the source, got {labels}"):
        Workspace(data).leave_out()


def test_a_workspace_leaves_out_the_same_groups():
    space = Workspace(TransferData(**arrays()))
    (first, rest), _ = space.leave_out()
    np.testing.assert_array_equal(first, [2])
    np.testing.assert_array_equal(rest.data.y_source, [0, 1, 2, 3, 5])
    assert space.leave_out() is space.leave_out()
