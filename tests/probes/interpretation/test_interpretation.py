"""Interpretation: arrays against independent computations, and the command."""

import json
import re
from types import SimpleNamespace

import h5py
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

import spektron_jax
from spektron_jax import main
from spektron_jax.errors import SpektronError
from spektron_jax.models.dlinoss import DLinOSS
from spektron_jax.models.moe import MixtureOfExperts, spline_bases
from spektron_jax.probes.interpretation import experts, oscillators, planted
from spektron_jax.probes.interpretation.saliency import (
    contributions,
    linear_readout,
    saliency,
)
from spektron_jax.probes.interpretation.samples import own_samples
from spektron_jax.training import checkpoint
from spektron_jax.training.state import build_model, init_params
from tests.training.micro_config import get_config

AXIS_NM = np.linspace(1100, 2498, 350)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Fresh weights of the smallest model; KAN experts, all chosen: no jumps."""
    config = get_config()
    config.model.update(kan=True, top_k=4)
    params = jax.device_get(init_params(build_model(config), 3))
    folder = tmp_path_factory.mktemp("weights") / "kan"
    checkpoint.save_params(folder, params, json.loads(config.to_json()))
    return folder


@pytest.fixture(scope="module")
def encoder(weights):
    return spektron_jax.load_encoder(weights)


@pytest.fixture(scope="module")
def spectra():
    rng = np.random.default_rng(0)
    return 0.1 * rng.normal(size=(40, AXIS_NM.size)).cumsum(axis=1) / 5


def test_gain_is_that_of_the_layers_impulse_response():
    width, points = 3, 512
    layer = DLinOSS(oscillators=4)
    params = jax.jit(layer.init)(
        jax.random.key(0), jnp.zeros((1, 8, width)), jnp.ones(1)
    )
    params = params["params"] | {"log_decay": jnp.log(jnp.array([0.1, 0.2, 0.3, 2.0]))}
    impulses = jnp.zeros((width, points, width)).at[:, 0].set(jnp.eye(width))
    answers = jax.jit(layer.apply)({"params": params}, impulses, jnp.ones(width))
    wave = 2 * np.pi * np.arange(1, 40) / points
    expected = np.linalg.norm(
        np.fft.fft(np.asarray(answers, np.float64), axis=1)[:, 1:40], axis=(0, 2)
    ) / np.sqrt(width)
    tree = {
        "backbone": {"layers": {"ssm": jax.tree.map(lambda x: x[None, None], params)}}
    }
    period = 2 * np.pi * oscillators.token_spacing_cm1(8) / wave
    found = oscillators.transfer_functions(tree, 8, period)
    np.testing.assert_allclose(found[0, 0], expected, rtol=1e-4)


def test_poles_are_in_wavenumbers():
    one = {
        "log_decay": np.log(np.full((1, 1, 1), 0.1)),
        "angle_logit": np.zeros((1, 1, 1)),  # a quarter of the circle a token
        "into": np.ones((1, 1, 2, 1, 2)),
        "out": np.ones((1, 1, 1, 2, 2)),
    }
    found = oscillators.oscillators({"backbone": {"layers": {"ssm": one}}}, stride=2)
    spacing = 2 * 3500 / 2047
    np.testing.assert_allclose(found.period_cm1, 4 * spacing, rtol=1e-4)
    np.testing.assert_allclose(found.decay_cm1, 10 * spacing, rtol=1e-4)
    np.testing.assert_allclose(found.strength, 1.0)


def test_expert_use_by_hand():
    use = experts.usage([[1, 0], [0.5, 0.5], [0, 1]], ["IR", "IR", "NIR"])
    np.testing.assert_allclose(use["IR"], [0.75, 0.25])
    assert experts.preference(use) == pytest.approx(0.75)
    assert experts.preference({"IR": use["IR"], "Raman": use["IR"]}) == 0


def test_curves_are_those_of_the_experts():
    """One unit, one direction of output: the shape is what the expert computes."""
    moe = MixtureOfExperts(experts=1, top_k=1, expert_width=1, kan=True)
    x = jnp.linspace(-1, 1, 12).reshape(1, 6, 2)
    valid = jnp.ones((1, 6, 1))
    params = jax.jit(lambda: moe.init(jax.random.key(1), x, valid, None))()["params"]
    direction = jnp.array([0.6, 0.8])
    weight = jnp.array([0.3, -1.0, 2.0, 0.5, 0.0, -0.7, 1.0, 0.2])
    params |= {
        "into": jnp.array([[1.5], [-0.5]]),
        "curve": (weight[:, None] * direction)[None],
        "out": 0.4 * direction[None],
    }
    y, _ = jax.jit(lambda p: moe.apply({"params": p}, x, valid, None))(params)
    found = experts.curves({"moe": params}, experts=1)
    centred = (x - x.mean(-1, keepdims=True)) / x.std(-1, keepdims=True)
    inputs = np.asarray(centred @ params["into"])[0, :, 0]
    expected = np.asarray((y - x)[0] @ direction)
    computed = np.interp(inputs, found.inputs, found.shape[0, 0]) * np.sqrt(2)
    sign = np.sign(computed @ expected)
    np.testing.assert_allclose(sign * computed, expected, atol=2e-2)
    assert 0 < found.spline_share[0, 0] < 1


def test_without_splines_the_shape_is_silu():
    params = {"moe": {"curve": jnp.zeros((2, 8, 3)), "out": jnp.ones((2, 3))}}
    found = experts.curves(params, experts=2)
    np.testing.assert_allclose(found.spline_share, 0, atol=1e-5)
    silu = np.asarray(jax.nn.silu(jnp.asarray(experts.INPUTS, jnp.float32)))
    np.testing.assert_allclose(found.shape[1, 0], silu, atol=1e-5)
    assert spline_bases(jnp.zeros(1)).shape == (1, 8)
    assert experts.curves({"moe": {"out": jnp.ones((2, 3))}}, 2) is None


def test_gradient_is_the_change_of_the_prediction(encoder, spectra):
    """On a falling axis with more points than the model has, and a missing one."""
    X = spectra[:2].copy()
    X[1, 7] = np.nan
    z = encoder.embed(spectra, AXIS_NM, "nm", "NIR")
    readout = linear_readout(z, spectra[:, 100:110].mean(axis=1))
    found = saliency(encoder, readout, X, AXIS_NM, "nm", "NIR")
    change = 1e-2 * np.random.default_rng(1).normal(size=AXIS_NM.size)

    def predicted(values):
        z = encoder.embed(values, AXIS_NM, "nm", "NIR")
        return z @ readout.weights + readout.intercept

    np.testing.assert_allclose(found.prediction, predicted(X), rtol=1e-3, atol=1e-5)
    slope = (predicted(X + change) - predicted(X - change)) / 2
    expected = found.gradient @ change
    np.testing.assert_allclose(expected, slope, rtol=0.03, atol=0.02 * abs(slope).max())
    assert found.gradient[1, 7] == 0 != found.gradient[0, 7]


def test_attributions_add_up_to_the_prediction(encoder, spectra):
    z = encoder.embed(spectra, AXIS_NM, "nm", "NIR")
    readout = linear_readout(z, spectra.mean(axis=1))
    mean = spectra.mean(axis=0)
    near = mean + 0.1 * (spectra[:12] - mean)  # alike, as samples of one kind are
    found = saliency(encoder, readout, near, AXIS_NM, "nm", "NIR", mean, steps=32)
    difference = found.prediction - found.baseline
    gap = difference - found.attribution.sum(axis=1)
    np.testing.assert_allclose(gap, found.gap, atol=1e-9)
    assert np.abs(gap).max() < 0.05 * np.abs(difference).max()
    assert contributions(found).sum() == pytest.approx(1, abs=0.05)


def test_bad_requests_are_refused(encoder, spectra):
    z = encoder.embed(spectra, AXIS_NM, "nm", "NIR")
    with pytest.raises(SpektronError, match="read-out needs"):
        linear_readout(z, np.ones(len(z)))
    readout = linear_readout(z, spectra[:, 0])
    with pytest.raises(SpektronError, match="baseline"):
        saliency(encoder, readout, spectra, AXIS_NM, "nm", "NIR", spectra[0, :9])


class Linear:
    """An encoder of 12 random projections that sees only some of the points."""

    def __init__(self, seen):
        points = seen.size
        data = SimpleNamespace(points=points, scale=0.1)
        self.config = SimpleNamespace(data=data)
        rng = np.random.default_rng(0)
        self.params = jnp.asarray(seen[:, None] * rng.normal(size=(points, 12)))
        self.model = self

    def apply(self, variables, values, *rest, method):
        return None, {"chem_mean": values @ variables["params"]}

    def embed(self, spectra, axis, unit, modality):
        return spectra / 0.1 @ np.asarray(self.params)


def test_a_planted_band_is_found_only_by_who_can_see_it():
    axis = np.linspace(500, 4000, 256)
    rng = np.random.default_rng(0)
    scores, bands = rng.normal(size=(120, 3)), rng.normal(size=(3, 8))
    hills = [planted.band(axis, place, 300) for place in np.linspace(600, 3900, 8)]
    mixtures = 0.1 * scores @ bands @ np.stack(hills)
    (found,) = planted.plant(
        Linear(np.ones(256)), mixtures, axis, "cm-1", "IR", places=(0.5,)
    )
    assert found.found and found.r2 > 0.9
    assert found.place == pytest.approx(2250)
    assert not found._replace(share=1.9).found
    assert not found._replace(control=-0.3).found
    blind = Linear((np.abs(axis - 2250) > 400).astype(float))
    (missed,) = planted.plant(blind, mixtures, axis, "cm-1", "IR", places=(0.5,))
    assert not missed.found and missed.share == pytest.approx(0, abs=1e-6)


@pytest.fixture(scope="module")
def samples(tmp_path_factory, spectra):
    path = tmp_path_factory.mktemp("samples") / "own.h5"
    with h5py.File(path, "w") as file:
        file.attrs.update(format="spectra-set", format_version=1, title="own")
        file.attrs.update(source="", licence="", citation="", description="")
        file.attrs["modality"] = "NIR"
        file["sample_ids"] = [f"s{k}" for k in range(len(spectra))]
        file["targets"] = spectra[:, 100:101].astype(np.float32)
        file["targets"].attrs.update(names=["fat"], units=["%"])
        group = file.create_group("instruments/one")
        group.attrs.update(description="", quantity="absorbance")
        group["spectra"] = spectra.astype(np.float32)
        group["axis"] = AXIS_NM
        group["axis"].attrs["unit"] = "nm"
    return path


def command(weights, samples, workdir, *more):
    return main.main(
        [
            "--config=configs/interpret.py",
            f"--workdir={workdir}",
            f"--config.weights={weights}",
            f"--config.data.path={samples}",
            "--config.molecules=16",
            "--noconfig.progress",
            *more,
        ]
    )


def test_one_command_writes_the_report(weights, samples, tmp_path, capsys):
    assert command(weights, samples, tmp_path, "--config.data.property=fat") == 0
    assert "planted bands found" in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {
        "report.html",
        "results.json",
        "results.npz",
    }
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["oscillators"]["median_move_of_period"] >= 0
    assert set(results["experts"]["use"]) == {"IR", "Raman"}
    assert results["saliency"]["property"] == "fat, %"
    benzene = next(
        r for r in results["completeness"]["known"] if r["name"] == "benzene"
    )
    assert benzene["found"] == benzene["expected"] == [30, 7, 12, 19, 0]
    page = (tmp_path / "report.html").read_text()
    assert "KAN activations" in page and page.count("<figure>") == 7
    words = re.sub(r'src="data:[^"]*"', "", page)
    assert "http:" not in words and "https:" not in words


def test_a_missing_choice_is_named(weights, samples, tmp_path, capsys):
    for name, choice in (("property", "fat"), ("instrument", "one")):
        assert command(weights, samples, tmp_path, f"--config.data.{name}=x") == 2
        said = capsys.readouterr().err
        assert f"config.data.{name} = 'x': choose one of {choice} in" in said


def test_labels_in_a_table_of_their_own(samples, tmp_path):
    (tmp_path / "labels.csv").write_text("id;oil (g)\ns1;1,5\ns4;2\n")
    given = dict.fromkeys(("instrument", "property", "unit", "modality"), "")
    given |= {"path": str(samples), "labels_path": str(tmp_path / "labels.csv")}
    found = own_samples(ConfigDict(given))
    assert found.y.tolist() == [1.5, 2.0] and len(found.spectra) == 2
    assert found.name == "oil, g" and found.source.endswith("own.h5, instrument one")
