"""What the benchmarks of transfer share: rows, differences, files, joined tasks."""

import json

import numpy as np
import pytest

from benchmarks import tables
from benchmarks.harness import Row, evaluate_cell
from benchmarks.virtual_tasks import draw, joined
from spektron_jax.corpus.line_corpus import LineCorpus
from spektron_jax.transfer.splits import Regime

REGIME = Regime("paired", 10)


def record(method, error, measured):
    values = np.array(measured)
    return {
        **{"study": "x", "method": method, "regime": str(REGIME)},
        **{"source": "a", "target": "b", "property": "share"},
        "measured": measured,
        "predicted": (values + error).tolist(),
    }


def test_tasks_join_as_splits_and_rows_are_compared_pairwise(tmp_path):
    tasks = [[[0.0, 1.0, 2.0]], [[5.0, 6.0, 8.0]]]
    parts = [[record("base#v1", 0.5, t), record("mine#v1", 0.1, t)] for t in tasks]
    records = joined(parts)
    assert [len(r["measured"]) for r in records] == [2, 2]
    rows = [Row(name, REGIME) for name in ("base#v1", "mine#v1")]
    base, mine = tables.entries_of(rows, records, "base#v1")
    sst = 2.0 + 14 / 3
    assert base["mean_r2"] == pytest.approx(1 - 6 * 0.25 / sst, abs=1e-4)
    assert mine["method"] == "mine" and "minus_base" not in base
    gain = 6 * (0.25 - 0.01) / sst
    assert mine["minus_base"]["difference"] == pytest.approx(gain, abs=1e-4)
    assert mine["minus_base"]["low"] <= gain <= mine["minus_base"]["high"]
    assert "| paired 10 | mine | 0.991 | +0.216 [" in tables.show([base, mine], "base")
    tables.write(tmp_path / "x" / "rows.json", {"command": "run"}, [base, mine])
    content = json.loads((tmp_path / "x" / "rows.json").read_text())
    assert content["rows"][1] == mine and content["command"] == "run"


def test_numbers_stand_for_regimes():
    found = [str(tables.regime_of(n)) for n in (10, -5, 0)]
    assert found == ["paired 10", "unlabelled 5", "unlabelled all"]


def test_rows_of_other_code_are_other_rows(tmp_path, monkeypatch):
    package = tmp_path / "package"
    (package / "transfer" / "methods").mkdir(parents=True)
    file = package / "transfer" / "methods" / "one.py"
    monkeypatch.setattr(tables.spektron_jax, "__file__", str(package / "__init__.py"))
    seen = set()
    for text in ("a = 1", "a = 2"):
        file.write_text(text)
        seen.add(tables.checksum())
    assert len(seen) == 2


@pytest.mark.slow
def test_a_virtual_task_can_be_solved_from_labels_and_repeats():
    corpus = LineCorpus.load(modalities=("NIR",))
    study, axis = draw(corpus, 3, "typical")
    again, _ = draw(corpus, 3, "typical")
    assert study.checksum() == again.checksum() and axis.size == 700
    (split,) = study.splits
    assert split.calibration.size == 64 and split.test.size == 16
    found = evaluate_cell(study, Regime("paired"), ["ceiling/sg1"], study.cells()[0])
    y, predicted = np.array(found[0]["measured"]), np.array(found[0]["predicted"])
    assert np.sum((y - predicted) ** 2) < 0.2 * np.sum((y - y.mean()) ** 2)
