"""Layers that take the place of D-LinOSS: sizes, directions, equations."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import backbone_layers as layers
from benchmarks.backbones import NUMBERS, SEEDS, STEPS, settings, summary
from spektron_jax.training.state import init_shapes, parameter_count

CONFIG = settings()
TOKENS, WIDTH = 24, 32
OWN = sorted(set(layers.NETWORKS) - {"none"})
LAYERS = [name for name in OWN if name != "d-linoss, wavelets"]


def of(name):
    """The backbone of a network with fresh parameters, and tokens."""
    parts = getattr(layers.NETWORKS[name], "parts", {})
    kind = parts.get("Backbone", layers.dlinoss.Backbone)
    backbone = kind(CONFIG.model.layers, CONFIG.model.oscillators)
    x = jax.random.normal(jax.random.key(1), (2, TOKENS, WIDTH))
    valid, step = jnp.ones((2, TOKENS, 1)), jnp.ones(())
    params = jax.jit(
        lambda: backbone.init(jax.random.key(0), x, valid, step, train=False)
    )()

    @jax.jit
    def run(x, step=step):
        return backbone.apply(params, x, valid, step, train=False)

    return run, x


def test_parameters_agree_within_three_per_cent():
    counts = {name: init_shapes(layers.build(CONFIG, name)) for name in layers.NETWORKS}
    whole = {name: parameter_count(params) for name, params in counts.items()}
    assert whole["d-linoss"] == 144_251  # docs/model.md: tiny
    for name in OWN:
        assert abs(whole[name] / whole["d-linoss"] - 1) < 0.03
        share = parameter_count(counts[name]["backbone"]) / 17_152
        assert abs(share - 1) < 0.03
    assert "backbone" not in counts["none"]


@pytest.mark.slow
def test_each_reads_both_sides_and_no_two_are_the_same():
    found = {}
    for name in LAYERS:
        run, x = of(name)
        found[name] = np.asarray(run(x))
        assert found[name].shape == x.shape
        assert np.isfinite(found[name]).all()
        # A token in the middle moves tokens on both sides of it.
        moved = np.abs(run(x.at[0, 12, 0].add(1.0)) - found[name]).max(axis=-1)
        assert moved[0, 11] > 1e-6
        assert moved[0, 13] > 1e-6
        assert moved[1].max() == 0
    for first, second in itertools.combinations(LAYERS, 2):
        assert np.abs(found[first] - found[second]).max() > 0.1


@pytest.mark.parametrize("block", [layers.S4DBlock, layers.MambaBlock])
def test_a_layer_of_one_direction_looks_back_only(block):
    x = jax.random.normal(jax.random.key(1), (1, TOKENS, WIDTH))
    layer, rest = block(16), (jnp.ones((1, TOKENS, 1)), jnp.ones(()), False)
    run = jax.jit(lambda x: layer.init_with_output(jax.random.key(0), x, *rest)[0][0])
    before, after = run(x), run(x.at[0, 12, 0].add(1.0))
    moved = np.abs(after - before).max(axis=-1)[0]
    assert moved[:12].max() < 1e-5  # float32 rounding of the FFT
    assert moved[13:].min() > 1e-6


def test_s4d_is_its_recurrence():
    u = jax.random.normal(jax.random.key(1), (1, 40, 3))
    layer, step = layers.S4D(4), jnp.float32(2.0)
    params = layer.init(jax.random.key(0), u, step)
    p = {k: np.asarray(v, np.float64) for k, v in params["params"].items()}
    A = -np.exp(p["log_decay"]) + 1j * p["frequency"]
    dt = 2.0 * np.exp(p["log_step"])[:, None]
    C, x = p["out"][..., 0] + 1j * p["out"][..., 1], np.zeros((3, 4), complex)
    rows = []
    for now in np.asarray(u[0], np.float64):
        x = np.exp(dt * A) * x + np.expm1(dt * A) / A * now[:, None]
        rows.append(2 * (C * x).sum(axis=1).real + p["skip"] * now)
    # float32: 1e-4, the repository's tolerance of deep modules.
    np.testing.assert_allclose(layer.apply(params, u, step)[0], rows, rtol=0, atol=1e-4)


def test_selective_scan_is_its_recurrence():
    decay = jax.random.uniform(jax.random.key(0), (2, 20, 3, 4))
    force = jax.random.normal(jax.random.key(1), decay.shape)
    h, found = np.zeros((2, 3, 4)), jax.jit(layers.selective_scan)(decay, force)
    decay, force, found = (np.asarray(x) for x in (decay, force, found))
    for k in range(20):
        h = decay[:, k] * h + force[:, k]
        np.testing.assert_allclose(found[:, k], h, rtol=0, atol=1e-5)


def test_wavelets_see_no_straight_line_and_keep_the_energy():
    line = jnp.linspace(-1.0, 2.0, 128)[None, :, None]
    for level in jax.jit(layers.wavelet)(line)[:-1]:
        # The ends are continued by their own values: a line bends there.
        np.testing.assert_allclose(level[0, 1:-1], 0, atol=1e-5)
    # Far from the ends, so that nothing is lost there.
    bump = jnp.exp(-(((jnp.arange(2048.0) - 999) / 3) ** 2))[None, :, None]
    energy = sum(float((level**2).sum()) for level in jax.jit(layers.wavelet)(bump))
    assert energy == pytest.approx(float((bump**2).sum()), rel=1e-5)  # float32


def test_a_summary_reads_each_network_at_its_own_steps():
    def run(steps, value):
        ratio = {"short": {"ratio": value}, "long": {"ratio": value}}
        return {steps: ratio | {"molecule": value, "instrument": value}}

    runs = {
        "d-linoss": {str(x): run("400", x) | run("300", 9.0) for x in SEEDS},
        "none": {"0": run("400", 8.0) | run("600", 7.0)},
    }
    found = summary(runs, "equal_time", {"d-linoss": STEPS, "none": 600})
    for key in NUMBERS:
        assert found["d-linoss"][key] == {"mean": 1, "low": 0, "high": 2}
        assert found["none"][key] == {"mean": 7, "low": 7, "high": 7}
    assert [row["seeds"] for row in found.values()] == [3, 1]
    assert [row["steps"] for row in found.values()] == [STEPS, 600]
