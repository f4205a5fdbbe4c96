"""The assembly: sizes, shapes, leaks, padding, gradients, precision, intensity."""

import importlib.util
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spektron_jax.lab.render import render_lines
from spektron_jax.models import dlinoss
from spektron_jax.models.spektron import (
    REFERENCE_SPACING_CM1,
    Spektron,
    segment,
    summarise,
)
from spektron_jax.spectra.grid import MODALITIES
from spektron_jax.training.state import build_model

PRETRAIN = Path(__file__).parents[2] / "configs" / "pretrain.py"

# Parameters of every variant. A change is a decision: docs/model.md has them, too.
COUNTS = {
    **dict.fromkeys(("", "base", "documents"), 6_488_685),
    **dict.fromkeys(("nano", "nano-documents"), 995_227),
    "tiny": 144_251,
}

SMALL = {
    "width": 16,
    "stride": 4,
    "oscillators": 8,
    "layers": 2,
    "expert_width": 12,
    "blocks": 1,
    "heads": 2,
    "ff_width": 16,
    "z_chem": 12,
    "z_inst": 6,
    "dropout": 0.0,
    "dtype": "float32",
    "remat": False,
}
POINTS, BATCH = 64, 4
# As dense as the pretraining axis: on a coarser one most oscillators are silent.
AXIS = (500.0 + REFERENCE_SPACING_CM1 * np.arange(POINTS)).astype(np.float32)
MODALITY = np.arange(BATCH, dtype=np.int32)


def pretrain_config():
    spec = importlib.util.spec_from_file_location("pretrain", PRETRAIN)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shapes_of(model):
    """Parameters of a model as shapes; computes nothing."""
    points = 8 * model.stride
    valid = np.ones((1, points), bool)
    axis = np.linspace(500.0, 4000.0, points, dtype=np.float32)

    def init(key):
        return model.init(key, jnp.zeros((1, points)), axis, valid, jnp.zeros(1, int))

    return jax.eval_shape(init, jax.random.key(0))["params"]


def test_every_variant_has_a_pinned_parameter_count():
    assert set(COUNTS) == set(pretrain_config().VARIANTS)


@pytest.mark.parametrize("variant", COUNTS)
def test_parameter_count(variant):
    params = shapes_of(build_model(pretrain_config().get_config(variant)))
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == COUNTS[variant]
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype("float32")}


def test_nano_has_at_most_a_million():
    assert COUNTS["nano"] <= 1_000_000


def inputs(seed=0):
    """Values, axis, validity, modality and hidden points of four spectra."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(BATCH, POINTS)).astype(np.float32)
    hidden = rng.uniform(size=values.shape) < 0.2
    return values, AXIS, np.ones_like(hidden), MODALITY, hidden


@pytest.fixture(scope="module")
def small(random_parameters):
    """A function of (params, *inputs, keys), and the parameters."""
    model = Spektron(**SMALL)
    return jax.jit(model.apply), random_parameters(model, *inputs())


def close(a, b, atol=1e-5):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=atol), a, b)


def test_returns_output_and_named_intermediates(small):
    run, params = small
    spectra, out = run(params, *inputs())
    assert spectra.shape == (BATCH, POINTS, 2)
    shapes = {name: value.shape[1:] for name, value in out.items()}
    assert {value.shape[0] for value in out.values()} == {BATCH}
    assert shapes == {
        "tokens": (16, 16),
        "routing": (18, 4),
        "cls": (16,),
        "summary": (160,),
        "z_chem": (12,),
        "z_inst": (6,),
        "chem_mean": (12,),
        "chem_log_variance": (12,),
        "inst_mean": (6,),
        "inst_log_variance": (6,),
        "load": (4,),
        "importance": (4,),
        "transfer": (POINTS,),
        "regression": (1,),
        "chem_instrument": (8,),
        "inst_instrument": (8,),
        "projection": (16,),
        "prediction": (16,),
    }
    z, encoded = jax.eval_shape(
        lambda *x: Spektron(**SMALL).apply(*x, method="encode"), params, *inputs()
    )
    assert z.shape == (BATCH, 12)
    assert {*encoded} == {*out} - {
        "transfer",
        "regression",
        "chem_instrument",
        "inst_instrument",
        "projection",
        "prediction",
    }


def test_segments_are_places_on_the_axis_of_the_modality():
    modality = np.array([MODALITIES.index(name) for name in ("IR", "NIR", "unknown")])
    axis = np.array([100.0, 500.0, 940.0, 3999.0, 4000.0, 4637.0, 9089.0, 12000.0])
    expected = [[0, 0, 1, 7, 7, 7, 7, 7], [0, 0, 0, 0, 0, 1, 7, 7]]
    found = segment(axis, modality)
    np.testing.assert_array_equal(found[:2], expected)
    np.testing.assert_array_equal(found[2], expected[0])


def test_the_summary_holds_means_of_segments_and_where_they_are_known():
    rng = np.random.default_rng(0)
    cls, tokens = rng.normal(size=(1, 3)), rng.normal(size=(1, 6, 3))
    valid = np.array([1, 1, 1, 1, 0, 1.0])[None, :, None]
    place = np.array([[0, 0, 2, 2, 2, 7]])
    summary, known = summarise(cls, jnp.asarray(tokens), valid, place)
    spread = tokens[0, [0, 1, 2, 3, 5]].std(axis=0)
    parts = np.zeros((8, 3))
    parts[0], parts[2] = tokens[0, :2].mean(axis=0), tokens[0, 2:4].mean(axis=0)
    parts[7] = tokens[0, 5]
    expected = np.concatenate([cls[0], spread, parts.ravel()])
    np.testing.assert_allclose(summary[0], expected, atol=1e-5)
    np.testing.assert_array_equal(known[0, :6], True)
    measured = known[0, 6:].reshape(8, 3)
    assert np.flatnonzero(measured.all(axis=1)).tolist() == [0, 2, 7]
    assert np.flatnonzero(measured.any(axis=1)).tolist() == [0, 2, 7]


def test_without_keys_latents_are_means_and_keys_make_them_reproducible(small):
    run, params = small
    _, out = run(params, *inputs())
    np.testing.assert_array_equal(out["z_chem"], out["chem_mean"])
    np.testing.assert_array_equal(out["z_inst"], out["inst_mean"])
    keys = jax.random.split(jax.random.key(0), BATCH)
    _, first = run(params, *inputs(), keys)
    _, again = run(params, *inputs(), keys)
    np.testing.assert_array_equal(first["z_chem"], again["z_chem"])
    assert (np.asarray(first["z_chem"]) != first["chem_mean"]).all()


def test_an_example_does_not_depend_on_its_batch(small):
    """Nor does its noise: order the batch otherwise and only the order changes."""
    run, params = small
    keys = jax.random.split(jax.random.key(0), BATCH)
    values, axis, valid, modality, hidden = inputs()
    order = np.array([2, 0, 3, 1])
    straight = run(params, values, axis, valid, modality, hidden, keys)
    mixed = run(
        params,
        values[order],
        axis,
        valid,
        modality[order],
        hidden[order],
        keys[order],
    )
    close(jax.tree.map(lambda x: np.asarray(x)[order], straight), mixed)


def test_hidden_values_leak_into_nothing(small):
    run, params = small
    values, axis, valid, modality, hidden = inputs()
    other = np.where(hidden, 50 * inputs(1)[0], values)
    assert np.abs(other - values).max() > 10
    before = run(params, values, axis, valid, modality, hidden)
    after = run(params, other, axis, valid, modality, hidden)
    jax.tree.map(np.testing.assert_array_equal, before, after)


def test_padding_changes_nothing(small):
    """40 points alone, and with 24 points of padding as grid.to_tokens appends."""
    run, params = small
    values, axis, valid, modality, hidden = inputs()
    short, out_short = run(
        params, values[:, :40], axis[:40], valid[:, :40], modality, hidden[:, :40]
    )
    padded_axis = np.where(np.arange(POINTS) < 40, axis, axis[39])
    valid = np.broadcast_to(np.arange(POINTS) < 40, values.shape)
    values = np.where(valid, values, np.nan)
    long, out_long = run(params, values, padded_axis, valid, modality, hidden)
    close(long[:, :40], short, 1e-4)
    for name in set(out_short) - {"tokens", "routing", "transfer"}:
        np.testing.assert_allclose(
            out_long[name], out_short[name], atol=1e-4, err_msg=name
        )
    close(out_long["tokens"][:, :10], out_short["tokens"], 1e-4)
    np.testing.assert_array_equal(out_long["routing"][:, :12], out_short["routing"])


def test_shared_axis_equals_one_axis_for_each_example(small):
    run, params = small
    values, axis, valid, modality, hidden = inputs()
    shared = run(params, values, axis, valid, modality, hidden)
    own = run(params, values, np.tile(axis, (BATCH, 1)), valid, modality, hidden)
    close(shared, own, 1e-4)


def test_spacing_is_of_neighbouring_valid_points():
    axis = np.array([500.0, 502.0, 504.0, 510.0, 512.0, 512.0], np.float32)
    valid = np.array([[1, 1, 1, 0, 0, 0], [1, 1, 0, 1, 1, 0]], bool)
    np.testing.assert_allclose(Spektron.spacing(jnp.tile(axis, (2, 1)), valid), 2.0)
    # One shared axis: points valid in any spectrum; 12 cm-1 in 4 steps.
    np.testing.assert_allclose(Spektron.spacing(jnp.asarray(axis), valid), 3.0)
    reference = jnp.linspace(500.0, 4000.0, 2048)
    step = Spektron.spacing(reference, jnp.ones((1, 2048), bool))
    np.testing.assert_allclose(step, REFERENCE_SPACING_CM1, rtol=1e-5)


def test_a_spectrum_too_sparse_for_the_oscillators_stays_finite(small):
    """17 points over a wide range: 330 reference spacings from point to point."""
    run, params = small
    values, _, valid, modality, hidden = inputs()
    axis = np.linspace(500.0, 9500.0, 17)
    axis = np.append(axis, np.full(POINTS - 17, 9500.0)).astype(np.float32)
    valid = np.broadcast_to(np.arange(POINTS) < 17, valid.shape)
    result = run(params, values, axis, valid, modality, hidden)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(result))


def weighted_sum(outputs):
    """A scalar that depends on every output, on each entry with another weight."""
    rng = np.random.default_rng(9)
    leaves = jax.tree.leaves(outputs)
    return sum(jnp.sum(x * rng.normal(size=x.shape) / x.size) for x in leaves)


def test_every_parameter_but_the_regression_head_has_a_gradient(random_parameters):
    """Also: pretraining leaves the regression head alone."""
    model = Spektron(**SMALL)
    params = random_parameters(model, *inputs())
    keys = jax.random.split(jax.random.key(0), BATCH)

    @jax.jit
    @jax.grad
    def gradient(params):
        spectra, out = model.apply(params, *inputs(), keys)
        used = {
            name: value
            for name, value in out.items()
            if name not in ("regression", "load")
        }
        return weighted_sum((spectra, used))

    for path, leaf in jax.tree_util.tree_leaves_with_path(gradient(params)["params"]):
        name, leaf = jax.tree_util.keystr(path), np.asarray(leaf)
        assert np.isfinite(leaf).all(), name
        if path[0].key == "regression":
            assert (leaf == 0).all(), name
        else:
            # Nearly all entries; but these few tokens may leave an expert idle, and
            # no spectrum here covers all segments.
            partly = {"moe": 0.4, "'chem']['": 0.25, "'inst']['": 0.25}
            least = [share for part, share in partly.items() if part in name]
            assert (leaf != 0).mean() > min([*least, 0.9]), name


def test_classifier_turns_the_gradient_only_through_the_adversary(small):
    """A plain call teaches the encoder nothing; the adversary's logits reverse."""
    _, params = small
    model = Spektron(**SMALL)
    z = np.random.default_rng(2).normal(size=(BATCH, 12)).astype(np.float32)
    cotangent = np.random.default_rng(3).normal(size=(BATCH, 8)).astype(np.float32)
    table = np.eye(8, dtype=np.float32)

    @jax.jit
    def pull(z, alpha):
        logits, back = jax.vjp(
            lambda z, params: model.apply(
                params, z, table, alpha, method="instrument_logits"
            ),
            z,
            params,
        )
        return logits, *back(cotangent)

    logits, off, _ = pull(z, np.zeros(BATCH, np.float32))
    assert logits.shape == (BATCH, 8) and (off == 0).all()
    alpha = np.array([1.0, 0.5, 0.0, 2.0], np.float32)
    _, d_z, d_params = pull(z, alpha)
    _, full, same = pull(z, np.ones(BATCH, np.float32))
    np.testing.assert_allclose(d_z, alpha[:, None] * full, atol=1e-6)
    close(d_params, same, 1e-6)  # the classifier itself learns alike
    # Downhill for the classifier is uphill for z.
    step = 1e-2
    moved, _, _ = pull(z - step * np.asarray(full), alpha)
    assert np.sum((np.asarray(moved) - logits) * cotangent) > 0


def test_bfloat16_leaves_oscillators_and_latents_in_float32(
    random_parameters, monkeypatch
):
    seen = []
    run = dlinoss.dlinoss

    def watched(layer, u, **options):
        out = run(layer, u, **options)
        seen.append({x.dtype for x in (*layer, u, out)})
        return out

    monkeypatch.setattr(dlinoss, "dlinoss", watched)
    model = Spektron(**SMALL | {"dtype": "bfloat16"})
    params = random_parameters(model, *inputs())
    keys = jax.random.split(jax.random.key(0), BATCH)
    spectra, out = jax.jit(model.apply)(params, *inputs(), keys)
    assert seen and all(types == {jnp.dtype("float32")} for types in seen)
    assert out.pop("routing").dtype == bool
    for name, value in (out | {"spectra": spectra}).items():
        assert value.dtype == jnp.float32, name
        assert np.isfinite(value).all(), name
    # The rest does compute in bfloat16: it differs, by about its 8 bits.
    exact, _ = jax.jit(Spektron(**SMALL).apply)(params, *inputs(), keys)
    error = np.abs(np.asarray(spectra) - exact).max() / np.abs(exact).max()
    assert 1e-4 < error < 0.2


def test_dropout_is_live_in_training_only(random_parameters):
    model = Spektron(**SMALL | {"dropout": 0.3, "layers": 1})
    values, axis, valid, modality, hidden = inputs()
    few = (values[:, :16], axis[:16], valid[:, :16], modality, hidden[:, :16])
    params = random_parameters(model, *few)
    keys = jax.random.split(jax.random.key(0), BATCH)

    @jax.jit
    def train(key):
        return model.apply(params, *few, keys, rngs={"dropout": key}, method="encode")[
            0
        ]

    first, second, again = (np.asarray(train(jax.random.key(s))) for s in (0, 1, 0))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - second).max() > 0.01


def test_intensity_survives_into_the_embedding():
    """Peak height, 0.3 to 2 absorbance, by ridge regression from a fresh network."""
    model = Spektron(**SMALL | {"width": 32, "z_chem": 32, "oscillators": 16})
    rng = np.random.default_rng(0)
    axis = (500.0 + REFERENCE_SPACING_CM1 * np.arange(256)).astype(np.float32)
    count, fwhm = 240, 20.0
    height = rng.uniform(0.3, 2.0, count).astype(np.float32)
    position = rng.uniform(550, 890, (count, 1)).astype(np.float32)
    strength = height[:, None] * (0.5 * np.pi * fwhm)  # of a Lorentzian
    values = np.asarray(jax.jit(render_lines)(position, strength, axis, fwhm)) / 0.1
    rest = (axis, np.ones(values.shape, bool), np.ones(count, np.int32))

    @jax.jit
    def init(key):
        few = (values[:1, :16], axis[:16], rest[1][:1, :16], rest[2][:1])
        return model.init(key, *few, method="encode")

    params = init(jax.random.key(0))

    @jax.jit
    def encode(values):
        return model.apply(params, values, *rest, method="encode")[1]

    def r2(x):
        x = np.asarray(x, np.float64)
        x = np.column_stack([np.ones(count), (x - x.mean(0)) / x.std(0)])
        train, test = slice(0, 160), slice(160, None)
        gram = x[train].T @ x[train] + 1e-2 * np.eye(x.shape[1])
        guess = x[test] @ np.linalg.solve(gram, x[train].T @ height[train])
        error = np.sum((guess - height[test]) ** 2)
        return 1 - error / np.sum((height[test] - height[test].mean()) ** 2)

    out = encode(values)
    assert r2(out["cls"]) > 0.9
    assert r2(out["chem_mean"]) > 0.9
    # The test can fail: each spectrum standardised, as the design forbids, loses it.
    blind = (values - values.mean(1, keepdims=True)) / values.std(1, keepdims=True)
    assert r2(encode(blind)["chem_mean"]) < 0.5
