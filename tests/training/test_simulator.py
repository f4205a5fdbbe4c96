"""Wide mixes of instruments and the NIR: axes, values, masks, preparations."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spektron_jax.config import get_default, validate
from spektron_jax.corpus.line_corpus import LineCorpus
from spektron_jax.errors import SpektronError
from spektron_jax.lab.instruments import audit_instruments, training_pool
from spektron_jax.spectra.grid import MODALITIES, NIR_CM1
from spektron_jax.training.draws import example_keys
from spektron_jax.training.instrument_pool import INSTRUMENT_EMBEDDING
from spektron_jax.training.simulator import make_simulator

NIR, IR, RAMAN = (MODALITIES.index(name) for name in ("NIR", "IR", "Raman"))
POINTS = 512


@pytest.fixture(scope="module")
def config():
    config = get_default()
    config.lab.update({"preset": "wide", "pool": 64})
    config.data.update({"modalities": ("IR", "Raman", "NIR"), "points": POINTS})
    config.mask.long_fraction = 1.0
    validate(config)
    return config


@pytest.fixture(scope="module")
def batch(config):
    corpus = LineCorpus.load(modalities=config.data.modalities)
    molecule, modality = corpus.examples("train")
    rows = np.concatenate([np.flatnonzero(modality == c)[:4] for c in (NIR, IR, RAMAN)])
    return {
        "index": np.arange(12),
        "modality": modality[rows],
        **corpus.fetch(molecule[rows], modality[rows]),
    }


@pytest.fixture(scope="module")
def draw(config):
    simulator = make_simulator(config)
    pool = simulator.instruments(training_pool, 64)
    seed = jax.random.key_data(jax.random.key(0))
    return jax.jit(lambda step, b: simulator.inputs(pool, seed, step, b))


def axes_of(config, seen):
    """The axis of each row, (rows, L)."""
    return np.asarray(make_simulator(config).axes(seen.modality))


def test_each_example_has_the_axis_of_its_modality(config, draw, batch):
    seen = draw(0, batch)
    axes = axes_of(config, seen)
    assert axes.shape == seen.values.shape == (30, POINTS)
    for code, axis in zip(np.asarray(seen.modality), axes, strict=True):
        ends = NIR_CM1 if code == NIR else (500.0, 4000.0)
        np.testing.assert_allclose(axis[[0, -1]], ends)
        np.testing.assert_allclose(np.diff(axis), np.diff(ends)[0] / (POINTS - 1), 1e-3)


def test_what_belongs_to_an_axis_is_worked_out_once_for_each(config, draw, batch):
    calls, seen = [], draw(0, batch)

    def squared(axis):
        calls.append(axis.shape)
        return axis**2

    found = make_simulator(config).on_axes(squared, seen.modality)
    np.testing.assert_array_equal(found, axes_of(config, seen) ** 2)
    assert calls == [(POINTS,)] * 2


def test_views_are_spectra_of_the_sample_on_two_instruments(draw, batch):
    seen = draw(0, batch)
    values, clean = np.asarray(seen.values), np.asarray(seen.clean)
    assert np.isfinite(values).all() and np.isfinite(clean).all()
    assert (clean.max(1) >= 5).all() and (clean.max(1) <= 15.001).all()  # 0.5 to 1.5
    for view in (values[:12], values[12:24]):
        alike = [np.corrcoef(a, b)[0, 1] for a, b in zip(view, clean, strict=True)]
        assert min(alike) > 0.6, alike
        assert not np.allclose(view, clean, atol=0.05)
    assert not np.allclose(values[:12], values[12:24], atol=0.05)


def test_long_masks_are_60_to_100_cm1_in_every_modality(config, draw, batch):
    seen = draw(1, batch)
    for axis, hidden in zip(
        axes_of(config, seen)[:24], np.asarray(seen.hidden[:24]), strict=True
    ):
        spacing = axis[1] - axis[0]
        edges = np.flatnonzero(np.diff(np.concatenate([[0], hidden, [0]])))
        widths = (edges[1::2] - edges[::2]) * spacing
        assert len(set(np.round(widths, 3))) == 1
        assert 60 - spacing / 2 <= widths[0] <= 100 + spacing / 2


def test_bonds_are_drawn_anew_at_every_step_and_the_same_on_both_views(draw, batch):
    one, two, again = (np.asarray(draw(step, batch).clean) for step in (0, 1, 0))
    scaled = [y / y.max(1, keepdims=True) for y in (one, two)]
    change = np.abs(scaled[0] - scaled[1]).max(1)
    assert (change[:4] > 0.02).all() and (change[4:] < 1e-5).all()
    np.testing.assert_array_equal(one, again)


def test_instruments_of_audits_are_in_no_pool(config):
    simulator = make_simulator(config)
    pool = simulator.instruments(training_pool, 64)
    audit = simulator.instruments(audit_instruments, 64)
    for ours, theirs in zip(audit, pool, strict=True):
        assert not np.isin(np.asarray(ours.sigma), np.asarray(theirs.sigma)).any()
    assert float(pool.at(jnp.int32(3)).near.sigma) == float(pool.near.sigma[3])


def test_nir_needs_lines_and_the_wide_preset():
    config = get_default()
    config.data.modalities = ("IR", "NIR")
    with pytest.raises(SpektronError, match="NIR needs data.kind = 'lines'"):
        validate(config)


@pytest.fixture(scope="module")
def made_up(config):
    """Clean spectra (8, L) of two pairs each of NIR and Raman, and draws of them."""
    settings = config.copy_and_resolve_references()
    settings.lab.update({"mixtures": 0.5, "powders": 0.5, "fluorescence": 0.5})
    validate(settings)
    clean = jnp.asarray(np.random.default_rng(0).uniform(size=(8, POINTS)), jnp.float32)
    code = jnp.array([NIR] * 4 + [RAMAN] * 4)

    def run(step, path=1.0):
        keys = example_keys(jax.random.key_data(jax.random.key(0)), step, jnp.arange(8))
        lengths = jnp.full((8, 1), path)
        return np.asarray(make_simulator(settings).prepare(clean, lengths, code, keys))

    return np.asarray(clean), run


def test_mixtures_are_of_neighbours_and_powders_of_the_nir(made_up):
    clean, run = made_up
    mixed, powders, steps = np.zeros(8), np.zeros(8), 60
    for step in range(steps):
        for row, spectrum in enumerate(run(step)):
            share, rest = np.linalg.lstsq(clean.T, spectrum, rcond=None)[:2]
            if rest < 1e-6 * POINTS:  # a sum of the pure ones: not a powder
                assert share.sum() == pytest.approx(1, abs=1e-3)
                away = np.abs(share - np.eye(8)[row]) > 1e-3
                assert not away[[k for k in range(8) if k not in (row, row ^ 1)]].any()
                mixed[row] += away.any()
            else:
                powders[row] += 1
    assert (powders[4:] == 0).all() and (mixed[[1, 3, 5, 7]] == 0).all()
    assert abs(powders[:4].mean() / steps - 0.5) < 0.15
    # half of all Raman examples: every first one of a pair
    assert (mixed[[4, 6]] == steps).all() and (mixed[[0, 2]] > 0).all()


def test_a_powder_is_what_kubelka_and_munk_say(config, made_up):
    clean, run = made_up
    settings = config.copy_and_resolve_references()
    settings.lab.powders = 1.0
    keys = example_keys(jax.random.key_data(jax.random.key(0)), 0, jnp.arange(8))
    path = jnp.full((8, 1), 0.7)
    code = jnp.array([NIR] * 4 + [RAMAN] * 4)
    got = np.asarray(
        make_simulator(settings).prepare(jnp.asarray(clean), path, code, keys)
    )
    ratio = 0.7 * clean[:4].astype(np.float64)
    reflectance = 1 + ratio - np.sqrt(ratio**2 + 2 * ratio)
    np.testing.assert_allclose(0.7 * got[:4], -np.log10(reflectance), rtol=2e-3)
    np.testing.assert_array_equal(got[4:], clean[4:])


def test_fluorescence_lies_under_raman_spectra_alone_and_not_in_the_clean_ones(
    config, batch
):
    pool = make_simulator(config).instruments(training_pool, 64)
    seed = jax.random.key_data(jax.random.key(0))
    fluorescent = config.copy_and_resolve_references()
    fluorescent.lab.fluorescence = 1.0
    a, b = (
        jax.jit(partial(make_simulator(settings).inputs, pool, seed, 0))(batch)
        for settings in (config, fluorescent)
    )
    np.testing.assert_array_equal(a.clean, b.clean)
    moved = np.abs(np.asarray(b.values - a.values)[:24]).max(1) > 0.05
    np.testing.assert_array_equal(moved, np.asarray(a.modality[:24]) == RAMAN)


def test_preparations_need_the_wide_preset(config):
    settings = get_default()
    settings.lab.mixtures = 0.1
    with pytest.raises(SpektronError, match="need the preset 'wide'"):
        validate(settings)


@pytest.mark.parametrize("preset", ["documents", "wide"])
def test_descriptions_tell_the_instruments_of_a_pool_apart(config, preset):
    settings = config.copy_and_resolve_references()
    settings.lab.preset = preset
    simulator = make_simulator(settings)
    pool = simulator.instruments(training_pool, 64)
    table = np.asarray(simulator.instrument_table(pool))
    assert table.shape == (64, INSTRUMENT_EMBEDDING) and np.isfinite(table).all()
    np.testing.assert_allclose(table[:, :-1].mean(0), 0, atol=1e-3)
    # Asked for its own description, an instrument's logit is the largest.
    logits = np.concatenate([table[:, :-1], np.full((64, 1), -0.5)], 1) @ table.T
    assert (logits.argmax(1) == np.arange(64)).all()
