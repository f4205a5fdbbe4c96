"""Weights of the encoder that cannot be loaded, at the prompt."""

import json
import shutil

import pytest

from spektron_jax import demo
from spektron_jax.commands.prompt import run
from spektron_jax.encoder.weights import SHIPPED


@pytest.fixture
def transfer(tmp_path):
    """Transfers the demo with a damaged copy of the weights; returns the exit code."""
    weights = shutil.copytree(SHIPPED / "nano", tmp_path / "weights")
    largest = max(weights.rglob("*"), key=lambda one: one.stat().st_size)
    damaged = bytearray(largest.read_bytes())
    damaged[len(damaged) // 2] ^= 255
    largest.write_bytes(damaged)

    def transferred(*more):
        files = [str(demo.path_of(name)) for name in demo.FILES[:2]]
        argv = ["transfer", *files, "--property=Moisture", f"--weights={weights}"]
        return run.main([*argv, "--no-compare", f"--out={tmp_path / 'out'}", *more])

    return transferred


def test_an_answer_that_needs_none_stands(transfer, tmp_path, capsys):
    """With labels the encoder draws a map alone, after the model was written."""
    assert transfer() == 0
    said = "no map of latent codes, and the model stands without: "
    assert f"warning: {said}" in capsys.readouterr().out
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert any(one.startswith(said) for one in results["warnings"])
    assert said in (tmp_path / "out" / "report.html").read_text()


def test_without_labels_it_is_told_before_any_answer(transfer, capsys):
    assert transfer("--regime=unlabelled") == 2
    found = capsys.readouterr()
    assert "damaged" in found.err and "model:" not in found.out
