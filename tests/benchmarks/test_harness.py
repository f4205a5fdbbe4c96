"""The harness: resuming, sharing a file, refusing what cannot be judged."""

import json

import numpy as np
import pytest

from benchmarks.harness import Row, Study, read_records, run, table
from spektron_jax.errors import SpektronError
from spektron_jax.transfer.splits import Regime, Split

CALLS = []


class MeanOfLabels:
    """Predicts the mean of the source labels; counts its fits."""

    def fit(self, data):
        CALLS.append(data)
        return lambda X: np.full(len(X), data.y_source.mean())


def build(name):
    return {"mean": MeanOfLabels()}[name]


@pytest.fixture
def study(two_instruments):
    A, B, y = two_instruments(np.random.default_rng(0), samples=25)
    spectra = {"a": A, "b": B}
    splits = []
    for seed in range(3):
        rows = np.random.default_rng(seed).permutation(25)
        orders = {"a": rows[5:11], "b": rows[11:17]}
        splits.append(Split(seed, np.sort(rows[5:]), np.sort(rows[:5]), orders))
    return Study(spectra, {"y": y, "z": y**2}, splits)


ROWS = [Row("mean", Regime("none")), Row("mean", Regime("paired", 5))]


def test_a_finished_run_fits_nothing(study, tmp_path):
    path = tmp_path / "deep" / "rows.jsonl"
    CALLS.clear()
    first = run(study, ROWS, path, build=build)
    assert len(CALLS) == 2 * 4 * 3  # rows, cells, splits
    assert run(study, ROWS, path, build=build) == first
    assert len(CALLS) == 2 * 4 * 3
    assert len(first) == len(path.read_text().splitlines()) == 8


def test_a_stopped_run_goes_on_after_its_last_whole_line(study, tmp_path):
    path = tmp_path / "rows.jsonl"
    whole = run(study, ROWS, path, build=build)
    text = path.read_text().splitlines(keepends=True)
    path.write_text("".join(text[:3]) + text[3][:40])
    CALLS.clear()
    assert run(study, ROWS, path, build=build) == whole
    assert len(CALLS) == 5 * 3
    assert [json.dumps(r) for r in read_records(path)] == [t.strip() for t in text]


def test_other_data_do_not_mix_in_one_file(study, tmp_path):
    path = tmp_path / "rows.jsonl"
    run(study, ROWS, path, build=build)
    CALLS.clear()
    other = Study(study.spectra, study.labels, study.splits[:2])
    assert len(run(other, ROWS, path, build=build)[0]["seeds"]) == 2
    assert len(CALLS) == 2 * 4 * 2


def test_processes_give_what_one_process_gives(study, tmp_path):
    rows = [Row("glsw0.01/raw", Regime("paired", 5)), Row("none/raw", Regime("none"))]
    alone = run(study, rows, tmp_path / "one.jsonl")
    shared = run(study, rows, tmp_path / "two.jsonl", workers=2)
    assert alone == shared


def test_methods_in_one_cell_do_not_influence_one_another(study, tmp_path):
    regime = Regime("paired", 6)
    names = ["mc@t/raw", "prior_ridge@t/raw", "mc+bias@t/raw", "sbc@t/raw"]
    together = run(study, [Row(n, regime) for n in names], tmp_path / "all.jsonl")
    alone = run(study, [Row(names[2], regime)], tmp_path / "one.jsonl")
    assert alone == [r for r in together if r["method"] == names[2]]


def test_test_labels_change_no_prediction(study, tmp_path):
    rows = [Row("prior_ridge@t/raw", Regime("paired", 6))]
    split = study.splits[0]
    labels = {"y": study.labels["y"].copy()}
    before = Study(study.spectra, {"y": labels["y"].copy()}, [split])
    labels["y"][split.test] += 5
    after = Study(study.spectra, labels, [split])
    one, two = (run(s, rows, tmp_path / "r.jsonl") for s in (before, after))
    assert one[0]["predicted"] == two[0]["predicted"]
    assert one[0]["measured"] != two[0]["measured"]


def test_the_mean_scores_about_zero(study, tmp_path):
    result = table(run(study, ROWS[:1], tmp_path / "r.jsonl", build=build))
    row = result["mean", "none"]
    assert row["sse"].shape == row["sst"].shape == (4, 3)
    for errors in row["cells"].values():
        assert -0.6 < errors["r2"] <= 0


@pytest.mark.parametrize("bad", [np.nan, "short"])
def test_predictions_that_cannot_be_judged(bad, study, tmp_path):
    class Bad:
        def fit(self, data):
            if bad == "short":
                return lambda X: np.zeros(len(X) - 1)
            return lambda X: np.full(len(X), np.nan)

    with pytest.raises(SpektronError, match="bad: 5 finite predictions expected"):
        run(study, [Row("bad", Regime("none"))], tmp_path / "r", build=lambda _: Bad())
    assert read_records(tmp_path / "r") == []
