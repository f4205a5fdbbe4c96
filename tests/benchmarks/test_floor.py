"""Weights of simple recipes, and when a switch was false."""

import numpy as np
import pytest

from benchmarks import floor
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.ensemble import Ensemble
from spektron_jax.transfer.splits import Trial


@pytest.fixture
def trial(two_instruments):
    X, Z, y = two_instruments(np.random.default_rng(0))
    data = TransferData(X, y, Z[:10], y[:10], np.arange(10))
    return Trial(data, Z[20:], y[20:], np.arange(20, len(y)))


def test_with_is_what_the_package_fits_and_shares_add_up(trial):
    found = floor.fit(trial, "NIR")
    fitted = Ensemble("combination", "NIR").fit(trial.data)
    error = np.sqrt(np.mean((fitted(trial.X) - trial.y) ** 2))
    assert found["with"] == pytest.approx(error, rel=1e-9)
    shares = [p.weight for p in fitted.members if p.name.split("/")[0] in floor.SIMPLE]
    assert len(shares) >= 4 and found["share"] == pytest.approx(sum(shares))


def test_a_switch_is_false_where_the_others_err_less():
    one = {"share": 0.9, "with": 2.0, "without": 1.0, "with_score": 0.0}
    one |= {"without_score": -1.0}
    right = one | {"with": 1.0, "without": 2.0}
    unswitched = one | {"share": 0.1}
    row = floor.row_of("corn", [one, right, unswitched, one | {"with": 1.05}])
    assert row["switched"] == 0.75 and row["false"] == 0.5 and row["costly"] == 0.25
