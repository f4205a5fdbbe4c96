"""Families of members: every one has its place, and shares add up."""

import numpy as np
import pytest

from benchmarks import member_weights
from benchmarks.member_weights import FAMILIES, family_of, weights_of
from benchmarks.task_sets import REGIMES
from spektron_jax.transfer.data import UNPAIRED, TransferData
from spektron_jax.transfer.ensemble import Ensemble, Part
from spektron_jax.transfer.splits import Trial


@pytest.mark.parametrize("kind", ["paired", "unpaired", "unlabelled"])
def test_shares_are_those_of_what_the_package_fits(two_instruments, kind):
    X, Z, y = two_instruments(np.random.default_rng(0))
    n = 10
    known = y[:n] if kind != "unlabelled" else np.full(n, np.nan)
    pairs = np.arange(n) if kind == "paired" else np.full(n, UNPAIRED)
    data = TransferData(
        X[n:] if kind != "paired" else X,
        y[n:] if kind != "paired" else y,
        Z[:n],
        known,
        pairs,
    )
    found = weights_of(Trial(data, Z[20:], y[20:], np.arange(20, len(y))), "NIR")
    assert sum(found[name] for name in FAMILIES) == pytest.approx(1.0)

    parts = Ensemble("combination", "NIR").fit(data).members
    on_raw = [p.weight for p in parts if p.kind == "bayes" and p.name.endswith("/raw")]
    alone = [p.weight for p in parts if "target alone/raw" in p.name]
    expected = sum(on_raw) - sum(alone[:1])
    assert found["bayes raw"] == pytest.approx(expected)
    assert found["heaviest"] == max(p.weight for p in parts)


def test_a_member_of_no_family_is_an_error():
    assert family_of(Part("sbc/snv", "classical", 0.1)) == "slope, bias"
    assert family_of(Part("bayes, target alone/sg1", "bayes", 0.1)) == "target alone"
    with pytest.raises(KeyError, match="new"):
        family_of(Part("new/raw", "classical", 0.1))


def test_a_row_is_a_mean_and_says_how_many():
    some = [{"bayes raw": 0.2, "heaviest": 0.5}, {"bayes raw": 0.4, "heaviest": 0.9}]
    row = member_weights.row_of("corn", str(REGIMES[0]), some)
    assert row["tasks"] == 2 and row["bayes raw"] == 0.3 and row["heaviest"] == 0.7
