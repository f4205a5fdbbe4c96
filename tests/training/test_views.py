"""Views with wide mixes of instruments and with the NIR: axes, values, masks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spektron_jax.config import get_default, validate
from spektron_jax.data.corpus import LineCorpus
from spektron_jax.errors import SpektronError
from spektron_jax.grid import MODALITIES, NIR_CM1
from spektron_jax.lab.instruments import audit_instruments, training_pool
from spektron_jax.training import views

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
    pool = views.instruments_of(config, training_pool, 64)
    seed = jax.random.key_data(jax.random.key(0))
    axis = views.axis_of(config)
    return jax.jit(lambda step, b: views.inputs(config, axis, pool, seed, step, b))


def axes_of(config, seen):
    """The axis of each row, (rows, L)."""
    return np.asarray(views.axes(config, views.axis_of(config), seen.modality))


def test_each_example_has_the_axis_of_its_modality(config, draw, batch):
    seen = draw(0, batch)
    axes = axes_of(config, seen)
    assert axes.shape == seen.values.shape == (30, POINTS)
    for code, axis in zip(np.asarray(seen.modality), axes, strict=True):
        ends = NIR_CM1 if code == NIR else (500.0, 4000.0)
        np.testing.assert_allclose(axis[[0, -1]], ends)
        np.testing.assert_allclose(np.diff(axis), np.diff(ends)[0] / (POINTS - 1), 1e-3)


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
    pool = views.instruments_of(config, training_pool, 64)
    audit = views.instruments_of(config, audit_instruments, 64)
    for ours, theirs in zip(audit, pool, strict=True):
        assert not np.isin(np.asarray(ours.sigma), np.asarray(theirs.sigma)).any()
    assert float(pool.at(jnp.int32(3)).near.sigma) == float(pool.near.sigma[3])


def test_nir_needs_lines_and_the_wide_preset():
    config = get_default()
    config.data.modalities = ("IR", "NIR")
    with pytest.raises(SpektronError, match="NIR needs data.kind = 'lines'"):
        validate(config)
