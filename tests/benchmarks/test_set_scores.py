"""Scores by hand, and records that are not made twice."""

import json

import numpy as np
import pytest

from benchmarks import set_records, set_scores, transfer_sets
from benchmarks.set_scores import Cell, compare, is_lost
from benchmarks.task_sets import r2, score
from benchmarks.transfer_sets import HEADS
from spektron_jax.errors import SpektronError
from spektron_jax.training.transfer_network.transfer_task import Pair, Task, one_split
from spektron_jax.transfer.splits import Regime

REGIMES = (Regime("paired", 5), Regime("unpaired", 25))
CALLS = []


class Constant:
    """Predicts one value; counts its fits."""

    def __init__(self, value):
        self.value = value

    def fit(self, space):
        CALLS.append(space.data)
        return lambda X: np.full(len(X), self.value)


def methods(regime, modality):
    return {"zero": Constant(0.0), "one": Constant(1.0)}


def more_methods(regime, modality):
    return methods(regime, modality) | {"two": Constant(2.0)}


@pytest.fixture
def task(two_instruments):
    A, B, y = two_instruments(np.random.default_rng(0), samples=36)
    axis = np.arange(A.shape[1], dtype=float)
    pair = Pair(A, axis, B, axis, "nm", y, y, [one_split(A, 26)])
    facts = ("a set", "twin", "to simulated", False, "NIR", {"number": 1}, 1)
    return Task("a task", *facts, make=lambda: pair)


def test_score_and_r2_by_hand():
    y = np.array([0.0, 2.0])  # variance 1
    assert score(y, np.array([1.0, 2.0])) == pytest.approx(np.log(0.5 + 0.003))
    assert score(y, y) == pytest.approx(np.log(0.003))
    assert r2(y, np.array([1.0, 2.0])) == pytest.approx(0.5)
    assert r2(y, y + 10) == -1


def test_a_finished_run_fits_nothing_and_new_methods_alone(task, tmp_path):
    path = tmp_path / "deep" / "records.jsonl"
    CALLS.clear()
    found = set_records.evaluate([task], methods, path, regimes=REGIMES)
    assert len(CALLS) == 2  # the second regime would leave one source sample
    again = set_records.evaluate([task], methods, path, regimes=REGIMES)
    assert len(CALLS) == 2 and set(again) == set(found)
    more = set_records.evaluate([task], more_methods, path, regimes=REGIMES)
    assert len(CALLS) == 3
    own = more[task.checksum, 0, "paired 5"]
    assert set(own.of) == {"zero", "one", "two"}
    y = task.trial(REGIMES[0]).y
    np.testing.assert_allclose(own.of["two"], 2 - y, rtol=1e-4)
    assert own.variance == pytest.approx(y.var())
    cells = set_scores.cells_of([task], REGIMES[0], more)
    assert np.log(cells["a task"].missed("two") + 0.003) == pytest.approx(
        score(y, np.full(y.size, 2.0)), abs=1e-3
    )
    assert not set_scores.cells_of([task], REGIMES[1], more)


def test_a_stopped_run_goes_on_after_its_last_whole_line(task, tmp_path):
    path = tmp_path / "records.jsonl"
    set_records.evaluate([task], methods, path, regimes=REGIMES)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text(lines[0][:-20])
    CALLS.clear()
    set_records.evaluate([task], methods, path, regimes=REGIMES)
    assert len(CALLS) == 2
    set_records.evaluate([task], methods, path, regimes=REGIMES)
    assert len(CALLS) == 2
    assert [json.loads(line) for line in path.read_text().splitlines()[1:]]


def test_other_parameters_are_another_task(task):
    other = Task(**{**vars(task), "parameters": {"number": 2}})
    assert other.checksum != task.checksum


def test_predictions_that_are_not_finite_are_refused(task, tmp_path):
    with pytest.raises(SpektronError, match="bad, a task: 10 finite predictions"):
        set_records.evaluate(
            [task], lambda *_: {"bad": Constant(np.nan)}, tmp_path / "records.jsonl"
        )


def test_lost_cells_are_those_beyond_chance():
    rng = np.random.default_rng(0)
    error = rng.normal(size=60)
    rows = np.arange(60)
    clear = Cell(rows, 1.0, {"ours": error, "other": 0.5 * error})
    assert is_lost(clear, "ours", "other") and not is_lost(clear, "other", "ours")
    near = Cell(rows, 1.0, {"ours": error, "other": 0.95 * error})
    assert not is_lost(near, "ours", "other")  # certain, but less than a tenth
    # Four times less in all, through one sample: resampling may leave it out.
    one = np.r_[10.0, np.full(59, 0.5)]
    chance = Cell(rows, 1.0, {"ours": one, "other": np.full(60, 0.6)})
    assert not is_lost(chance, "ours", "other")
    # The same sample in 60 splits is one sample.
    same = Cell(np.zeros(60, int), 1.0, {"ours": 2 * error, "other": error})
    assert is_lost(same, "ours", "other")


def test_a_row_of_the_table_by_hand():
    def cell(a, b, ours):
        errors = {"a": a, "b": b, "ours": ours}
        of = {name: np.full(20, e) for name, e in errors.items()}
        return Cell(np.arange(20), 4.0, of)

    cells = {"x": cell(1.0, 2.0, 1.0), "y": cell(1.0, 0.5, 3.0)}
    row = compare(cells, ("a", "b"), "ours")
    a = np.log(0.25 + 0.003)
    b = np.mean(np.log([1.003, 0.0625 + 0.003]))
    assert row["best_fixed"] == ("a" if a < b else "b")
    assert row["fixed"] == pytest.approx([min(a, b), 0.75], abs=1e-3)
    assert row["oracle"][0] == pytest.approx((a + np.log(0.0655)) / 2, abs=1e-3)
    assert row["ours"][1] == pytest.approx((0.75 - 1) / 2, abs=1e-3)  # floored
    change = (np.log(0.253) + np.log(2.253)) / 2 - a
    assert row["difference"][0] == pytest.approx(change, abs=1e-3)
    assert row["difference"][1] <= row["difference"][0] <= row["difference"][2]
    assert (row["lost"], row["won"]) == (0.5, 0.0)
    cells |= {"z": cell(1.0, 2.0, 0.5), "v": cell(1.0, 2.0, 0.8)}
    row = compare(cells, ("a", "b"), "ours")
    assert (row["lost"], row["won"]) == (0.25, 0.5)


def test_the_command_prints_and_writes_a_table(task, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(transfer_sets, "tasks", lambda *_: iter([task]))
    monkeypatch.setattr(transfer_sets, "HEADS", dict.fromkeys(HEADS, ("none",)))
    path = tmp_path / "table.json"
    where = [f"--records={tmp_path / 'records.jsonl'}", f"--json={path}"]
    transfer_sets.main(["--data=data", "--every-set", *where])
    content = json.loads(path.read_text())
    groups = {row["group"] for row in content["rows"]}
    assert groups == {"semi-real", "semi-real, open", "semi-real, twin", "a set"}
    assert content["made_with"].startswith("ours#")
    row = next(r for r in content["rows"] if r["group"] == "a set")
    fixed, group, oracle = content["cells"]["a task"][row["regime"]]
    assert fixed == group == pytest.approx(row["fixed"][0], abs=1e-3)
    assert oracle == pytest.approx(row["oracle"][0], abs=1e-3) and oracle <= fixed
    printed = capsys.readouterr().out
    assert "| a set | paired 10 | 1 | none/" in printed and "unpaired 25" not in printed
