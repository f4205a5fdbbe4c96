"""The benchmark of wrong labels plants one, and weighs by what it says."""

from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import wrong_labels
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.ensemble import Ensemble


@pytest.fixture
def data(instruments):
    X_s, _, X_t, _, y = instruments()
    return TransferData(X_s[:24], y[:24], X_t[:10], y[:10].copy(), np.arange(10))


def test_one_label_is_wrong_by_one_to_four_sds(data):
    moved = wrong_labels.with_a_wrong_label(data, "a task").y_target - data.y_target
    assert np.count_nonzero(moved) == 1
    assert 1 <= np.abs(moved).max() / data.y_source.std() <= 4
    again = wrong_labels.with_a_wrong_label(data, "a task").y_target - data.y_target
    np.testing.assert_array_equal(moved, again)


def test_ours_is_what_the_ensemble_predicts_and_the_others_differ(data, instruments):
    X_s, _, X_t, _, y = instruments()
    data = wrong_labels.with_a_wrong_label(data, "a task")
    task = SimpleNamespace(modality="unknown")
    found = wrong_labels.scores(data, task, X_t[24:], y[24:])
    fitted = Ensemble("combination", "unknown").fit(data)
    expected = wrong_labels.score(y[24:], fitted(X_t[24:]))
    assert found["ours"][0] == pytest.approx(expected)
    assert len({score for score, _ in found.values()}) == 3
