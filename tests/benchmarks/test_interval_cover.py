"""Coverage and width of intervals, against the estimator's own."""

import numpy as np
import pytest

from benchmarks import interval_cover
from spektron_jax import CalibrationTransfer
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.splits import Trial


def test_it_measures_what_a_user_gets(two_instruments):
    X, Z, y = two_instruments(np.random.default_rng(0))
    n, axis = 12, np.linspace(1100.0, 1700.0, X.shape[1])
    trial = Trial(
        TransferData(X, y, Z[:n], y[:n], np.arange(n)),
        Z[20:],
        y[20:],
        np.arange(20, 60),
    )
    found = interval_cover.measured(trial, "NIR")

    ct = CalibrationTransfer()
    ct.fit(X, y, axis, Z[:n], axis, y[:n], np.arange(n), unit="nm", modality="NIR")
    low, high = ct.predict_interval(Z[20:], coverage=0.9)
    inside = (low <= y[20:]) & (y[20:] <= high)
    error = np.abs(ct.predict(Z[20:]) - y[20:])
    assert found["covered"] == pytest.approx(inside.mean(), abs=1e-9)
    needed = np.quantile(error, 0.9)
    assert found["width"] == pytest.approx(np.median(high - low) / 2 / needed, rel=1e-6)


def test_a_row_counts_tasks_that_are_poorly_covered():
    one = {"covered": 0.95, "width": 1.0, "half": 0.5, "too wide": False}
    poor = {"covered": 0.70, "width": 3.0, "half": 2.0, "too wide": True}
    row = interval_cover.row_of("corn", "paired 10", [one, one, poor, one])
    assert row["covered"] == 0.887 and row["poor"] == 0.25 and row["too_wide"] == 0.25
    assert row["width"] == 1.0 and row["half"] == 0.5
