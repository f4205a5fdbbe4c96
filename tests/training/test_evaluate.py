"""The evaluation after training, and the command line from config to report."""

import json
import re
from html.parser import HTMLParser

import jax
import numpy as np
import pytest

from spektron_jax import main
from spektron_jax.commands import runner
from spektron_jax.commands.report import pretrain_page
from spektron_jax.lab.instruments import audit_instruments, training_pool
from spektron_jax.losses.objective import NAMES
from spektron_jax.spectra.grid import MODALITIES
from spektron_jax.training import checkpoint, evaluate, evaluator
from spektron_jax.training.state import (
    build_model,
    build_optimizer,
    create,
    parameter_count,
)

METHODS = ("model", "mean", "linear", "spline")


def command(micro_config, workdir, *overrides):
    return [f"--config={micro_config}", f"--workdir={workdir}", *overrides]


@pytest.fixture(scope="module")
def workdir(micro_config, tmp_path_factory):
    """A whole run by the command line, on both virtual devices."""
    workdir = tmp_path_factory.mktemp("runs") / "micro"
    assert main.main(command(micro_config, workdir)) == 0
    return workdir


@pytest.fixture(scope="module")
def figures(workdir):
    return json.loads((workdir / "evaluation.json").read_text())


@pytest.fixture(scope="module")
def arrays(workdir):
    return dict(np.load(workdir / "evaluation.npz", allow_pickle=False))


@pytest.fixture(scope="module")
def untrained(micro, corpus, tmp_path_factory):
    """The same evaluation of parameters as they were drawn."""
    folder = tmp_path_factory.mktemp("untrained")
    config = micro()
    model = build_model(config)
    state = create(config, model, build_optimizer(config))
    figures = evaluate.run(config, model, state, corpus, folder)
    return figures, dict(np.load(folder / "evaluation.npz"))


# The command line


def test_a_run_leaves_everything_in_its_workdir(workdir):
    assert {path.name for path in workdir.iterdir()} == {
        *("config.json", "metrics.jsonl", "checkpoints"),
        *("evaluation.json", "evaluation.npz", "report.html", "results.json"),
    }
    assert checkpoint.steps(workdir) == [10, 20]
    lines = (workdir / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [4, 8, 10, 12, 16, 20]


def test_the_same_command_evaluates_again_to_the_same_figures(
    workdir, micro_config, figures, arrays, capsys, monkeypatch
):
    written = []
    monkeypatch.setattr(pretrain_page, "pretrain_result", lambda *parts: iter([parts]))
    monkeypatch.setattr(runner, "write", lambda *parts: written.append(parts))
    log = (workdir / "metrics.jsonl").read_bytes()
    assert main.main(command(micro_config, workdir)) == 0
    out = capsys.readouterr().out
    assert "steps 20 to 20" in out
    (((evaluation, *_, name), _, folder, *_),) = written
    assert (name, folder) == ("micro", workdir)
    found = json.loads((workdir / "evaluation.json").read_text())
    assert evaluation == found
    for name in found.keys() | figures.keys():
        assert name == "peak_memory_gb" or found[name] == figures[name], name
    again = np.load(workdir / "evaluation.npz")
    assert set(again) == set(arrays)
    for name, value in arrays.items():
        np.testing.assert_array_equal(again[name], value, err_msg=name)
    assert (workdir / "metrics.jsonl").read_bytes() == log


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"devices": 3, "batch_size": 12}, "devices = 3: only 2 local cpu devices"),
        ({"devices": 3}, "batch_size = 8: must be a multiple of 6"),
        ({"batch_size": 6}, "batch_size = 6: must be a multiple of 4"),
        ({"accumulate": 4}, "batch_size = 8: must be a multiple of 16"),
        ({"batch_size": 10**5}, "too few for a batch of 100000"),
    ],
)
def test_what_the_devices_cannot_carry_is_one_line(
    micro_config, tmp_path, capsys, settings, message
):
    overrides = [f"--config.train.{name}={value}" for name, value in settings.items()]
    assert main.main(command(micro_config, tmp_path / "run", *overrides)) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    assert err.startswith("error: ") and message in err
    assert not list(tmp_path.glob("run/*"))


# What is written


def test_figures_have_the_keys_of_the_design(figures, micro):
    config = micro()
    assert figures.keys() >= {
        *("config", "seed", "step", "parameters", "molecules", "instruments"),
        *("device", "versions", "reconstruction", "probes", "kl", "experts", "density"),
    }
    assert figures["config"] == json.loads(config.to_json())
    assert figures["seed"] == 0 and figures["step"] == 20
    state = create(config, build_model(config), build_optimizer(config))
    assert figures["parameters"] == parameter_count(state.params)
    assert 2 <= figures["molecules"] <= config.eval.molecules
    assert figures["instruments"] == config.eval.instruments
    assert {"spektron_jax", "jax", "numpy", "python"} <= figures["versions"].keys()
    assert figures["reconstruction"].keys() == {"short", "long"}
    for errors in figures["reconstruction"].values():
        for method in METHODS:
            error = errors[method]
            assert 0 < error["low"] <= error["mse"] <= error["high"]
            assert error["rmse"] == pytest.approx(error["mse"] ** 0.5)
        for rival in METHODS[1:]:
            quotient = errors["model"]["mse"] / errors[rival]["mse"]
            assert errors["ratio"][rival]["ratio"] == pytest.approx(quotient)
    for name in ("z_chem", "z_inst"):
        probes, kl = figures["probes"][name], figures["kl"][name]
        assert probes["instrument"]["chance"] == 1 / config.eval.instruments
        assert probes["instrument"].keys() == {"accuracy", "chance", "low", "high"}
        assert probes["molecule"].keys() == {"accuracy", "chance"}
        for probe in probes.values():
            assert all(0 <= value <= 1 for value in probe.values())
        assert kl["mean"] > 0 and 0 <= kl["collapsed"] <= 1
    assert figures["experts"].keys() == {"IR", "Raman"}
    for shares in figures["experts"].values():
        assert len(shares) == config.model.experts
        assert sum(shares) == pytest.approx(1, rel=1e-5)
    assert -1 <= figures["density"]["cosine"] <= 1
    assert figures["density"]["relative_move"] > 0


def test_arrays_have_the_shapes_of_the_design(arrays, micro, corpus):
    config = micro()
    model, points = config.model, config.data.points
    spectra = config.eval.molecules * config.eval.instruments
    poles = (model.layers, 2, model.oscillators)
    examples = min(evaluate.EXAMPLES, config.eval.molecules)
    expected = {
        "axis_cm1": (points,),
        "example_title": (examples,),
        "z_chem": (spectra, model.z_chem),
        "z_inst": (spectra, model.z_inst),
        "kl_z_chem": (model.z_chem,),
        "kl_z_inst": (model.z_inst,),
    }
    for name in ("clean", "observed", "hidden", "model", "linear", "spline"):
        expected[f"example_{name}"] = (examples, points)
    expected |= dict.fromkeys(("instrument", "molecule", "modality"), (spectra,))
    for when in ("before", "after"):
        expected[f"poles_angle_{when}"] = expected[f"poles_radius_{when}"] = poles
    assert {name: value.shape for name, value in arrays.items()} == expected
    for name, value in arrays.items():
        assert value.dtype.kind in "US" or np.isfinite(value).all(), name
    assert arrays["example_hidden"].dtype == bool
    # Test molecules only, each in its title.
    assert set(corpus.split[arrays["molecule"]]) == {"test"}
    for title, row, code in zip(
        arrays["example_title"], arrays["molecule"], arrays["modality"], strict=False
    ):
        assert title == f"{corpus.smiles[row]} · {MODALITIES[code]}"
    assert (arrays["poles_radius_after"] < 1).all()
    assert not np.array_equal(arrays["poles_angle_before"], arrays["poles_angle_after"])


def test_gaps_are_where_the_mask_says(arrays, micro):
    """Outside the hidden points every method shows what was observed."""
    hidden, seen = arrays["example_hidden"], arrays["example_observed"]
    share = hidden.mean(1)
    assert (abs(share - micro().mask.share) < 0.05).all()
    for name in ("model", "linear", "spline"):
        filled = arrays[f"example_{name}"]
        np.testing.assert_allclose(filled[~hidden], seen[~hidden], atol=1e-6)
        assert not np.allclose(filled[hidden], seen[hidden], atol=1e-3)
    # Observed is clean plus noise of 30 dB or less below a band of 1.
    assert 1e-5 < np.std((seen - arrays["example_clean"])[hidden]) < 0.05


def test_masks_noise_and_molecules_do_not_depend_on_the_model(
    figures, arrays, untrained
):
    other, other_arrays = untrained
    for name in ("clean", "observed", "hidden", "linear", "spline", "title"):
        name = f"example_{name}"
        np.testing.assert_array_equal(other_arrays[name], arrays[name], err_msg=name)
    for gaps in ("short", "long"):
        errors, others = figures["reconstruction"][gaps], other["reconstruction"][gaps]
        for method in ("mean", "linear", "spline"):
            assert errors[method] == others[method]
        assert errors["model"]["mse"] != others["model"]["mse"]
    np.testing.assert_array_equal(
        other_arrays["poles_angle_after"], arrays["poles_angle_before"]
    )


# Instruments


def test_audit_instruments_are_in_no_pool():
    count, seeds = 16, range(12)
    pooled = [jax.device_get(training_pool(seed, count)) for seed in seeds]
    audits = [jax.device_get(audit_instruments(seed, count)) for seed in seeds]
    for field in ("shift", "sigma", "snr_db"):
        known = np.concatenate([getattr(pool, field) for pool in pooled])
        found = np.concatenate([getattr(audit, field) for audit in audits])
        assert len(np.unique(known)) == known.size == count * len(seeds)
        assert not np.isin(found, known).any(), field


def test_the_evaluation_uses_audit_instruments(
    micro, corpus, monkeypatch, tmp_path, untrained
):
    """What it encodes changes when they do."""
    config = micro()
    model = build_model(config)
    state = create(config, model, build_optimizer(config))
    asked = []

    def pool_of_audits(seed, count):
        asked.append((seed, count))
        return training_pool(seed, count)

    monkeypatch.setattr(evaluator, "audit_instruments", pool_of_audits)
    evaluate.run(config, model, state, corpus, tmp_path)
    assert asked == [(config.seed, config.eval.instruments)]
    changed = np.load(tmp_path / "evaluation.npz")
    usual = untrained[1]
    np.testing.assert_array_equal(changed["molecule"], usual["molecule"])
    assert (np.abs(changed["z_chem"] - usual["z_chem"]).max(1) > 1e-4).all()


# The report


class Page(HTMLParser):
    """Collects every tag, and every address that a browser would fetch."""

    def __init__(self):
        super().__init__()
        self.tags, self.addresses = set(), []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        for name, value in attributes:
            if name in ("src", "href", "xlink:href", "srcset", "action", "data"):
                self.addresses.append(value)


def test_the_report_opens_without_a_network(workdir, figures):
    text = (workdir / "report.html").read_text()
    found = Page()
    found.feed(text)
    assert found.addresses, "figures are images in the page"
    assert all(x.startswith(("data:", "#")) for x in found.addresses)
    assert not found.tags & {"script", "link", "iframe", "object", "embed"}
    words = re.sub(r'src="data:[^"]*"', "", text)
    assert "@import" not in words and "url(" not in words
    for name in NAMES:
        assert name in text
    assert (
        f"{figures['reconstruction']['long']['ratio']['linear']['ratio']:.2g}" in text
    )
