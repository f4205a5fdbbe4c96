"""The deployment checklist: every condition can fail, and exit code 0 needs all."""

import copy
import json

import numpy as np
import planted
import pytest

import spektron_jax
from spektron_jax import archive, main
from spektron_jax.commands import checklist, config_file
from spektron_jax.commands.result import Result
from spektron_jax.errors import SpektronError
from spektron_jax.probes import adaptation
from spektron_jax.training import checkpoint
from spektron_jax.training.evaluator import audit_evaluator

GOOD = {
    "instrument": {"accuracy": 0.27, "chance": 0.25, "low": 0.22, "high": 0.28},
    "instrument_mlp": {"accuracy": 0.26, "chance": 0.25, "low": 0.22, "high": 0.28},
    "molecule": {"accuracy": 0.86, "same": 0.90, "chance": 0.01},
}


def rows(**changes):
    """Two modalities, the second with some metrics changed."""
    other = copy.deepcopy(GOOD)
    for name, accuracy in changes.items():
        other[name]["accuracy"] = accuracy
    return {"IR": {"z_chem": GOOD}, "Raman": {"z_chem": other}}


def passed(lines):
    return [line.passed for line in lines]


@pytest.mark.parametrize(
    "changes, collapsed, rank, expected",
    [
        ({}, 0.0, 4.0, [True, True, True, True, True]),
        ({"molecule": 0.84}, 0.0, 5.0, [False, True, True, True, True]),
        ({"molecule": 0.79}, 0.0, 5.0, [False, True, False, True, True]),
        ({"instrument": 0.31}, 0.0, 5.0, [True, False, True, True, True]),
        ({"instrument_mlp": 0.31}, 0.0, 5.0, [True, False, True, True, True]),
        ({}, 0.30, 5.0, [True, True, True, False, True]),
        ({}, 0.0, 3.9, [True, True, True, True, False]),
    ],
)
def test_the_worst_modality_decides(changes, collapsed, rank, expected):
    lines = checklist.audit_lines(rows(**changes), collapsed, rank)
    assert passed(lines) == expected
    for line, its in zip(lines[:3], expected, strict=False):
        assert its or "(Raman)" in line.name


@pytest.mark.parametrize("after, expected", [(0.9, True), (0.79, True), (0.78, False)])
def test_test_time_training_may_not_hurt(after, expected):
    line = checklist.adaptation_line({"before": 0.8 - 1e-9, "after": after})
    assert line.passed is expected


@pytest.fixture
def weights(small, tmp_path):
    """Exported weights, whole."""
    params = {"dense": {"kernel": np.ones((3, 2), np.float32)}}
    return checkpoint.save_params(
        tmp_path / "weights", params, json.loads(small.to_json())
    )


def test_a_checkpoint_that_is_whole(weights):
    lines = checklist.checkpoint_lines(weights)
    assert [line.name for line in lines] == ["checksums", "settings", "version"]
    assert passed(lines) == [True, True, True]


def test_a_flipped_bit_ends_the_list(weights):
    file = weights / "config.json"
    content = bytearray(file.read_bytes())
    content[5] ^= 1
    file.write_bytes(content)
    (line,) = checklist.checkpoint_lines(weights)
    assert not line.passed and "config.json has changed" in line.value


def test_another_version_and_foreign_settings_are_named(weights, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(spektron_jax, "__version__", "9.0.1")
        with archive.writing(weights, {"format": 1, "leaves": {}}) as draft:
            foreign = json.dumps({"data": {"colour": "red"}})
            (draft / "config.json").write_text(foreign)
    lines = checklist.checkpoint_lines(weights)
    assert passed(lines) == [True, False, False]
    assert "colour" in lines[1].value and lines[2].value == "spektron_jax 9.0.1"


@pytest.mark.parametrize(
    "kind, code",
    [
        (planted.Ideal, 0),
        pytest.param(planted.Leaking, 2, marks=pytest.mark.slow),
        pytest.param(planted.Constant, 2, marks=pytest.mark.slow),
    ],
)
def test_only_good_weights_end_with_code_0(
    planted_encoder, weights, tmp_path, monkeypatch, capsys, kind, code
):
    monkeypatch.setattr(checklist, "load_encoder", lambda path: planted_encoder(kind))
    argv = ["--config=configs/checklist.py", f"--workdir={tmp_path / 'out'}"]
    argv += ["--config.molecules=20", "--config.seeds=(0,)", "--noconfig.progress"]
    assert main.main([*argv, f"--config.weights={weights}"]) == code
    out, err = capsys.readouterr()
    lines = json.loads((tmp_path / "out" / "checklist.json").read_text())
    failed = [line["name"] for line in lines if not line["passed"]]
    assert len(lines) == 10 and out.count("FAIL") == len(failed)
    assert bool(failed) == bool(code)
    assert all(name in err for name in failed)
    assert (tmp_path / "out" / "report.html").exists()
    if kind is planted.Leaking:
        assert any(name.startswith("instrument probe") for name in failed)
    if kind is planted.Constant:
        few = "effective rank of z_chem"
        assert failed == ["top-1 retrieval of the molecule (IR)", few]


def test_one_condition_that_fails_is_an_error(
    planted_encoder, weights, tmp_path, monkeypatch, capsys
):
    encoder = planted_encoder(planted.Ideal)
    monkeypatch.setattr(checklist, "load_encoder", lambda path: encoder)
    config = config_file.load("configs/checklist.py")
    config.update({"weights": str(weights), "molecules": 20})

    data = {
        "rows": rows(instrument=0.31),
        "headline": {"collapsed": 0.0, "effective_rank": 5.0},
    }
    audit = Result("audit", data=data)
    monkeypatch.setattr(checklist.latent, "audit", lambda *_: audit)
    with pytest.raises(
        SpektronError, match="1 of 10 conditions fail: instrument probe"
    ):
        checklist.run(config, tmp_path)
    assert capsys.readouterr().out.count("pass  ") == 9


def test_damaged_weights_are_not_even_loaded(weights, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(checklist, "load_encoder", None)
    (weights / "config.json").unlink()
    config = config_file.load("configs/checklist.py")
    config.weights = str(weights)
    with pytest.raises(SpektronError, match="1 of 1 conditions fail: checksums"):
        checklist.run(config, tmp_path)
    assert "FAIL  checksums" in capsys.readouterr().out


def test_harm_by_adaptation_is_seen(planted_encoder, monkeypatch):
    encoder = planted_encoder(planted.Ideal)
    evaluator = audit_evaluator(encoder.params, encoder.config, encoder.model)
    found = adaptation.adaptation(evaluator, encoder, 20)
    assert found["before"] == found["after"] > 0.9

    def harmful(encoder, spectra, axis, unit, modality):
        assert len(spectra) == adaptation.SPECTRA
        worse = copy.copy(encoder)
        worse.params = encoder.params | {"codes": -encoder.params["codes"]}
        return worse, None

    monkeypatch.setattr(adaptation, "adapt", harmful)
    worse = adaptation.adaptation(evaluator, encoder, 20)
    assert worse["before"] == found["before"] and worse["after"] < 0.5
    np.testing.assert_array_equal(evaluator.params["codes"], encoder.params["codes"])
