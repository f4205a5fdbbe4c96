"""What more labels are expected to give: by hand, its limits, and its constants."""

import json
from pathlib import Path

import numpy as np
import pytest

from spektron_jax.errors import SpektronError
from spektron_jax.transfer import expected_errors
from spektron_jax.transfer.expected_errors import expected

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "more_labels.json"


def test_by_hand():
    now, five, ten = expected(np.array([1.0, -1, 1, -1, 1, -1, 1, -1, 1, -1]), [10, 5])
    assert now == (10, 1.0, 1.0, 1.0) and (five.n, ten.n) == (15, 20)
    assert ten.error == pytest.approx(2**-expected_errors.RATE)
    ratio = np.log([ten.low, ten.high]) - np.log(ten.error)
    assert ratio / np.sqrt(np.log(2)) == pytest.approx(
        [expected_errors.LOW, expected_errors.HIGH]
    )
    assert five.low < five.error < 1.0 < five.high and ten.error < five.error


@pytest.mark.parametrize(
    "errors, more, message",
    [
        (np.ones(4), [5], "needs 5 labelled target samples or more, the fit has 4"),
        (np.ones(5), [], "give numbers from 1 to 20"),
        (np.ones(5), [0], "give numbers from 1 to 20"),
        (np.ones(5), [5, 21], "give numbers from 1 to 20"),
    ],
)
def test_what_cannot_be_told(errors, more, message):
    with pytest.raises(SpektronError, match=message):
        expected(errors, more)


def test_the_constants_are_those_of_the_results():
    found = json.loads(RESULTS.read_text())["law"]
    own = {name: getattr(expected_errors, name.upper()) for name in found}
    assert own == found


def test_the_law_is_found_again():
    more_labels = pytest.importorskip("benchmarks.more_labels")
    rng, tasks = np.random.default_rng(0), []
    for _ in range(300):
        n = np.array([5, 10, 20])
        curve = n**-0.2 * np.exp(np.cumsum(rng.normal(scale=[0, 0.1, 0.1])))
        tasks.append({"errors": {"paired": np.c_[n, curve].tolist()}})
    found = more_labels.law(more_labels.changes(tasks))
    assert found["rate"] == pytest.approx(0.2, abs=0.02)
    assert found["high"] == pytest.approx(1.645 * 0.1 / np.sqrt(np.log(2)), rel=0.15)
    assert found["low"] == pytest.approx(-found["high"], rel=0.2)
