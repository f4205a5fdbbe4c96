"""The file of finished trials: what is in it is not computed again."""

import json

import numpy as np
import pytest

from spektron_jax.errors import SpektronError
from spektron_jax.transfer.comparison import Outcome
from spektron_jax.transfer.trial_log import TrialLog

VALUES = np.array([0.1, 1 / 3, np.nan])


@pytest.fixture
def compute():
    """An outcome, and how often it was asked for."""

    def make():
        make.calls += 1
        return Outcome({"PDS": VALUES}, {"DS": "too few pairs"}, VALUES[:2])

    make.calls = 0
    return make


def filled(path, rests_on, compute, names="abc"):
    log = TrialLog(path, rests_on)
    return [log.once(name, compute) for name in names]


def test_outcomes_come_back_as_they_were(tmp_path, compute):
    path = tmp_path / "trials.jsonl"
    filled(path, "x", compute)
    for found in filled(path, "x", compute):
        assert np.array_equal(found.predicted["PDS"], VALUES, equal_nan=True)
        assert found.impossible == {"DS": "too few pairs"}
        assert np.array_equal(found.on_source, VALUES[:2])
    assert compute.calls == 3
    TrialLog(path, "x").once("d", lambda: Outcome({}, {}))
    assert TrialLog(path, "x").once("d", compute).on_source is None


def test_a_line_cut_by_a_crash_is_dropped_and_computed_again(tmp_path, compute):
    path = tmp_path / "trials.jsonl"
    filled(path, "x", compute)
    path.write_bytes(path.read_bytes()[:-9])
    filled(path, "x", compute)
    assert compute.calls == 4
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["trial"] for line in lines] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "line",
    ["3", '{"rests_on": "x"}', '{"rests_on": "x", "trial": [], "on_source": null}'],
)
def test_a_line_of_another_form_is_dropped(tmp_path, compute, line):
    path = tmp_path / "trials.jsonl"
    filled(path, "x", compute)
    with open(path, "a") as file:
        file.write(line + "\n" + "[" * 100_000 + "\n")
    filled(path, "x", compute)
    assert compute.calls == 3 and len(path.read_text().splitlines()) == 3


def test_lines_that_rest_on_something_else_are_dropped(tmp_path, compute):
    path = tmp_path / "trials.jsonl"
    filled(path, "x", compute)
    filled(path, "y", compute, "ab")
    assert compute.calls == 5 and len(path.read_text().splitlines()) == 2


def test_a_file_that_cannot_be_used_is_named(tmp_path, compute):
    (tmp_path / "trials.jsonl").mkdir()
    with pytest.raises(SpektronError, match="trials.jsonl: cannot be read"):
        TrialLog(tmp_path / "trials.jsonl", "x")
    log = TrialLog(tmp_path / "log.jsonl", "x")
    log.path.unlink()
    log.path.mkdir()
    with pytest.raises(SpektronError, match="log.jsonl: cannot be written"):
        log.once("a", compute)
