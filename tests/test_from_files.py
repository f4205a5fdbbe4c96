"""`spektron_jax.transfer`: a function and a package, from files to a report."""

import copy
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
from sklearn.base import clone

import spektron_jax
from spektron_jax import CalibrationTransfer, SpektronError, SpektronWarning, demo
from spektron_jax.from_files import FileTransfer

OLD, NEW, KEPT = (demo.path_of(name) for name in demo.FILES)


@pytest.fixture(scope="module")
def ct():
    return spektron_jax.transfer(OLD, NEW, property="moisture", modality="NIR")


@pytest.fixture(scope="module")
def kept():
    found = spektron_jax.read(KEPT)
    (one,) = found.instruments.values()
    return one.spectra.astype(float), found.target("Moisture")


def test_the_answer_is_that_of_the_command(ct, kept, tmp_path):
    from spektron_jax.commands.prompt.run import main

    argv = ["transfer", str(OLD), str(NEW), "--property", "Moisture", "--n", "0"]
    argv += ["--modality", "NIR", "--no-compare", "--weights", ""]
    assert main([*argv, "--out", str(tmp_path)]) == 0
    ours = CalibrationTransfer.load(tmp_path / "model")
    np.testing.assert_allclose(ct.predict(kept[0]), ours.predict(kept[0]), rtol=1e-9)
    assert ct.score(*kept) > 0.9


def test_the_report_is_one_page_that_names_the_call(ct, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert ct.report() == type(tmp_path)("report.html")
    page = (tmp_path / "report.html").read_text()
    assert "Calibration transfer: Moisture: old_instrument to new_instrument" in page
    assert "spektron_jax.transfer(old=" in page and "config.data" not in page
    assert list(tmp_path.iterdir()) == [tmp_path / "report.html"]
    with pytest.raises(SpektronError, match="cannot be written"):
        ct.report(tmp_path / "absent" / "report.html")


def test_it_is_the_estimator(ct, kept, tmp_path):
    assert isinstance(ct, CalibrationTransfer)
    for other in (pickle.loads(pickle.dumps(ct)), copy.deepcopy(ct)):
        np.testing.assert_array_equal(other.predict(kept[0]), ct.predict(kept[0]))
        assert other.report(tmp_path / "again.html").exists()
    loaded = FileTransfer.load(ct.save(tmp_path / "model"))
    np.testing.assert_allclose(loaded.predict(kept[0]), ct.predict(kept[0]), rtol=1e-9)
    for other in (clone(ct), loaded):
        with pytest.raises(SpektronError, match="not fitted on files"):
            other.report(tmp_path / "x.html")


def test_what_weakens_the_result_is_warned_of(tmp_path):
    lines = NEW.read_text().splitlines()
    row = lines[1].split(",")
    lines[1] = ",".join([row[0], *(f"{10 * float(x):.5f}" for x in row[1:])])
    bad = tmp_path / "bad.csv"
    bad.write_text("\n".join(lines) + "\n")
    with pytest.warns(SpektronWarning) as told:
        found = spektron_jax.transfer(OLD, bad, property="Moisture")
    said = {str(one.message) for one in told}
    assert set(found.warnings_) <= said and any(row[0] in text for text in said)


def test_a_modality_that_only_fits_is_told(ct, kept):
    found = spektron_jax.transfer(OLD, NEW, property="Moisture")
    assert len(found.notes_) == 2 and ct.notes_ == []
    assert all("modality NIR, since no other has an" in one for one in found.notes_)
    np.testing.assert_array_equal(found.predict(kept[0]), ct.predict(kept[0]))


def test_a_clean_transfer_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        spektron_jax.transfer(OLD, NEW, property="Moisture", modality="NIR")


@pytest.mark.parametrize(
    "given, message",
    [
        ({"property": "Fat"}, "property = 'Fat': choose one of Moisture, Protein in"),
        ({}, "property = '': choose one of"),
        ({"property": "Moisture", "regime": "x"}, "regime = 'x': must be one of"),
        ({"property": "Moisture", "n": -1}, "n = -1: must be 0"),
        ({"property": "Moisture", "n": 99}, "n = 99: only 10 samples"),
        ({"property": "Moisture", "labels": "l.csv"}, "l.csv: "),
    ],
)
def test_mistakes_name_arguments(given, message):
    with pytest.raises(SpektronError) as error:
        spektron_jax.transfer(OLD, NEW, **given)
    assert message in str(error.value) and "config" not in str(error.value)


def test_a_missing_unit_and_other_samples_are_said_in_python(tmp_path):
    bare, other = tmp_path / "bare.csv", tmp_path / "other.csv"
    bare.write_text(NEW.read_text().replace(" nm", ""))
    other.write_text(NEW.read_text().replace("\nS", "\nX"))
    with pytest.raises(SpektronError, match="give unit='nm', 'um' or 'cm-1'") as error:
        spektron_jax.transfer(OLD, bare, property="Moisture")
    assert "config" not in str(error.value)
    with pytest.raises(SpektronError, match="give regime=unpaired") as error:
        spektron_jax.transfer(OLD, other, property="Moisture")
    how = {"unit": "nm", "modality": "NIR"}
    assert spektron_jax.transfer(OLD, bare, property="Moisture", **how)


def test_both_words_work_whatever_is_imported_first():
    checks = (
        "import spektron_jax; assert callable(spektron_jax.transfer)",
        "import spektron_jax.transfer; assert callable(spektron_jax.transfer)",
        "from spektron_jax import transfer; assert callable(transfer)",
        "from spektron_jax.transfer.data import TransferData",
        "from spektron_jax.transfer.estimator import CalibrationTransfer\n"
        "import spektron_jax; assert callable(spektron_jax.transfer)",
        "import spektron_jax.transfer.data as d; d.TransferData",
        "import spektron_jax as s, importlib; importlib.reload(s.transfer)\n"
        "assert callable(s.transfer)",
    )
    for code in checks:
        subprocess.run([sys.executable, "-c", code], check=True)
