"""Every notebook runs at a small setting, and both of its forms hold the same cells."""

import base64
import json
import re
from pathlib import Path

import jax
import matplotlib.pyplot as plt
import pytest

from spektron_jax.training import checkpoint
from spektron_jax.training.state import build_model, init_params
from tests.training.micro_config import get_config

COLABS = Path(__file__).parents[2] / "colabs"
SCRIPTS = sorted(COLABS.glob("*.py"))
# Notebook: what is made smaller, and what it has to print. {weights} are fresh ones.
SMALL = {
    "quickstart": (
        {"MOLECULES = 100": "MOLECULES = 12", '"nano"': '"{weights}"'},
        "top-1 retrieval",
    ),
    "own_csv": ({}, "RMSEP 0."),
    "export": ({}, "RMSEP of the file"),
    "transfer_network": ({}, "with the network"),
    "identification": (
        {"COMPOUNDS, MISSING = 80, 20": "COMPOUNDS, MISSING = 12, 3"},
        "cosine first",
    ),
    "few_shot_transfer": ({'WEIGHTS = "nano"': "WEIGHTS = None"}, "RMSEP"),
    "virtual_instruments": (
        {"STEPS = 7": "STEPS = 3", "range(12)": "range(2)"},
        "RMSEP with 1 nm of shift",
    ),
    "latent_analysis": (
        {
            '"nano"': '"{weights}"',
            "MOLECULES = 40": "MOLECULES = 10",
            "INSTRUMENTS = 4": "INSTRUMENTS = 2",
        },
        "verdict: ",
    ),
}
LARGEST_PNG = 80_000  # bytes


def cells(script):
    """Source of each cell of a percent script, comment marks of text taken off."""
    for part in re.split(r"(?m)^# %%", script)[1:]:
        head, _, body = part.partition("\n")
        lines = body.strip("\n").split("\n")
        if "[markdown]" in head:
            lines = [line.removeprefix("#").removeprefix(" ") for line in lines]
        yield "\n".join(lines)


def notebook(script):
    return json.loads(script.with_suffix(".ipynb").read_text())["cells"]


def run(source, monkeypatch, name):
    """Run a notebook's code; how many figures it showed."""
    shown = []

    def show():
        shown.extend(plt.get_fignums())
        for number in plt.get_fignums():
            plt.figure(number).canvas.draw()
        plt.close("all")

    monkeypatch.setattr(plt, "show", show)
    exec(compile(source, name, "exec"), {"__name__": "__main__"})
    assert len(shown) == source.count("plt.show()") - ("if shapes is None" in source)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Fresh weights of the smallest model."""
    config = get_config()
    params = jax.device_get(init_params(build_model(config), 3))
    folder = tmp_path_factory.mktemp("weights") / "fresh"
    checkpoint.save_params(folder, params, json.loads(config.to_json()))
    return folder


def test_every_notebook_has_a_small_setting():
    assert [script.stem for script in SCRIPTS] == sorted(SMALL)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_both_forms_agree(script):
    assert ["".join(cell["source"]) for cell in notebook(script)] == list(
        cells(script.read_text())
    )


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_outputs_are_there_and_small(script):
    outputs = [o for cell in notebook(script) for o in cell.get("outputs", [])]
    assert not [o for o in outputs if o["output_type"] == "error"]
    images = [
        o["data"]["image/png"] for o in outputs if "image/png" in o.get("data", {})
    ]
    assert images, f"run {script.name} and keep its outputs"
    for image in images:
        assert len(base64.b64decode("".join(image))) < LARGEST_PNG
    texts = "".join("".join(o.get("text", "")) for o in outputs)
    assert SMALL[script.stem][1] in texts
    assert str(Path.home()) not in texts and "/tmp" not in texts


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_runs(script, weights, capsys, monkeypatch):
    source = script.read_text()
    changes, says = SMALL[script.stem]
    for large, small in changes.items():
        assert large in source
        source = source.replace(large, small.format(weights=weights))
    run(source, monkeypatch, script.name)
    assert says in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_runs_in_full(script, capsys, monkeypatch):
    run(script.read_text(), monkeypatch, script.name)
    assert SMALL[script.stem][1] in capsys.readouterr().out
