"""The command line of export, from a model folder to a file."""

import json

import numpy as np
import pytest

from spektron_jax import CalibrationTransfer, main


@pytest.fixture(scope="module")
def model(instruments, tmp_path_factory):
    X_s, axis, X_t, _, y = instruments()
    ct = CalibrationTransfer(None).fit(
        X_s[:24], y[:24], axis, X_t[:5], y_target=y[:5], paired=np.arange(5)
    )
    return ct.save(tmp_path_factory.mktemp("model") / "model")


def run(folder, *arguments):
    base = ["--config=configs/export.py", f"--workdir={folder / 'out'}"]
    return main.main([*base, *arguments])


def test_a_file_by_its_ending_or_in_the_workdir(model, tmp_path, capsys):
    given, out = f"--config.model={model}", tmp_path / "fat.json"
    assert run(tmp_path, given, f"--config.out={out}", "--config.coverage=0.8") == 0
    assert json.loads(out.read_text())["interval"]["coverage"] == 0.8
    assert f"written: {out}" in capsys.readouterr().out
    assert run(tmp_path, given, "--config.format=page") == 0
    assert (tmp_path / "out" / "calibration.html").is_file()


@pytest.mark.parametrize(
    "given, said",
    [
        ((), "config.model: give the model folder"),
        (("--config.model=x",), "is no form of export; use one of json"),
        (("--config.model=x", "--config.out=a.docx"), "ending '.docx'"),
        (("--config.model=nowhere", "--config.out=a.json"), "nowhere: no transfer"),
    ],
)
def test_mistakes_end_with_a_sentence(tmp_path, capsys, given, said):
    assert run(tmp_path, *given) == 2
    assert said in capsys.readouterr().err


def test_another_property_than_the_models_is_refused(model, tmp_path, capsys):
    ct = CalibrationTransfer.load(model)
    ct.about_["property"] = "Moisture"
    ct.save(tmp_path / "named")
    given = f"--config.model={tmp_path / 'named'}", f"--config.out={tmp_path / 'a.csv'}"
    assert run(tmp_path, *given, "--config.property=Protein") == 2
    assert "'Protein': the model predicts Moisture; give" in capsys.readouterr().err
    assert not (tmp_path / "a.csv").exists()
    assert run(tmp_path, *given, "--config.property=moisture") == 0
