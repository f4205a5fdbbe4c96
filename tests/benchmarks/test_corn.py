"""Known numbers on the corn data, where the files are at hand.

The folder with corn.h5 and corn_protocol.json is SPEKTRON_DATA, or shared/data beside
the repository. Expected values come from an independent implementation.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks.averages import make
from benchmarks.corn import all_rows, main
from benchmarks.corn_coverage import measure
from benchmarks.harness import Row, Study, run, table
from benchmarks.protocol import check_duplicates
from benchmarks.tables import read_study
from spektron_jax.transfer.intervals import NOT_CALIBRATED, calibrate
from spektron_jax.transfer.risk import forecast
from spektron_jax.transfer.selection import compressed, kennard_stone
from spektron_jax.transfer.splits import Regime, transfer_data

BESIDE = Path(__file__).resolve().parents[3] / "shared" / "data"
DATA = Path(os.environ.get("SPEKTRON_DATA", BESIDE))
FILES = [str(DATA / name) for name in ("corn.h5", "corn_protocol.json")]
pytestmark = pytest.mark.skipif(
    not all(map(os.path.exists, FILES)),
    reason="needs corn.h5 and corn_protocol.json; set SPEKTRON_DATA to their folder",
)


@pytest.fixture(scope="module")
def study():
    return read_study(*FILES)


def test_transfer_samples_are_kennard_stones(study):
    for split in study.splits:
        check_duplicates(split, study.spectra["m5"], np.arange(80))
        for name, order in split.transfer_order.items():
            scores = compressed(study.spectra[name][split.calibration])
            ours = split.calibration[kennard_stone(scores, order.size)]
            # The first two are the ends of one distance: either may come first.
            assert set(ours[:2]) == set(order[:2])
            np.testing.assert_array_equal(ours[2:], order[2:])


def test_glsw_on_protein(study, tmp_path):
    expected = {
        ("m5", "mp5"): 0.896,
        ("m5", "mp6"): 0.895,
        ("mp5", "m5"): 0.925,
        ("mp5", "mp6"): 0.891,
        ("mp6", "m5"): 0.916,
        ("mp6", "mp5"): 0.897,
    }
    part = Study(study.spectra, {"protein": study.labels["protein"]}, study.splits)
    row = Row("glsw0.01/sg1", Regime("paired", 10))
    cells = table(run(part, [row], tmp_path / "r.jsonl"))[row.method, "paired 10"]
    found = {cell[:2]: errors["r2"] for cell, errors in cells["cells"].items()}
    assert found == pytest.approx(expected, abs=0.02)


def test_the_benchmark_reproduces_and_resumes(tmp_path, capsys):
    arguments = [f"--data={FILES[0]}", f"--protocol={FILES[1]}", "--n=10"]
    arguments += [f"--records={tmp_path / 'r.jsonl'}", "--rows=target_only/sg1"]
    main(arguments)
    first = capsys.readouterr().out
    main(arguments)
    assert capsys.readouterr().out == first
    # Mean of 24 cells over 15 splits; no random folds in this method.
    assert "| paired 10 | target_only/sg1 | 0.426 | 0.426 |" in first
    assert len((tmp_path / "r.jsonl").read_text().splitlines()) == 24


def test_every_row_of_the_benchmark_exists():
    for row in all_rows():
        assert hasattr(make(row.method), "fit")


def test_intervals_cover_about_what_was_asked(study):
    covered = []
    for source, target, name in study.cells()[::3]:
        y, X_target = study.labels[name], study.spectra[target]
        for split in study.splits[:1]:
            data = transfer_data(
                study.spectra[source], X_target, y, split, source, Regime("paired", 10)
            )
            intervals = calibrate(make("glsw0.01/sg1"), data)
            assert intervals.mark(0.9) != NOT_CALIBRATED  # some are wide
            low, high = intervals.interval(X_target[split.test], 0.9)
            covered.append(np.mean((low <= y[split.test]) & (y[split.test] <= high)))
    assert 0.8 < np.mean(covered) < 0.985


@pytest.mark.slow
@pytest.mark.parametrize("n", [10, 25])
def test_intervals_of_all_cells_cover_85_to_95_percent(study, n):
    part = Study(study.spectra, study.labels, study.splits[:5])
    found = measure(part, "glsw0.01/sg1", Regime("paired", n))
    assert NOT_CALIBRATED not in found["mark"] and 0.85 <= found["coverage"] <= 0.95


def test_risk_is_high_between_makes_and_lower_between_twins(study):
    rows = study.splits[0].calibration
    apart = forecast(study.spectra["m5"][rows[:40]], study.spectra["mp5"][rows[40:]])
    same = forecast(study.spectra["m5"][rows[:40]], study.spectra["m5"][rows[40:]])
    assert apart.level == "high" and same.level != "high"
    assert apart.distance > 3 * same.distance
