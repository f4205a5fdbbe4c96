"""Differences of instruments, and where along the axis a calibration may look."""

import hashlib

import numpy as np
import pytest

from spektron_jax.transfer import priors
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.priors import (
    coefficient_scales,
    difference_terms,
    point_features,
)


def data_of(instruments, gain=1.0, points=120):
    X_s, _, X_t, _, y = instruments(points=points)
    return TransferData(gain * X_s, 7 * y, gain * X_t[:8], 7 * y[:8], np.arange(8))


def test_units_do_not_matter(instruments):
    s = coefficient_scales(data_of(instruments))
    np.testing.assert_allclose(
        s, coefficient_scales(data_of(instruments, 1000.0)), rtol=1e-5
    )
    assert s.shape == (120,) and np.isfinite(s).all()
    assert np.log(s).mean() == pytest.approx(0, abs=1e-9)


def test_the_network_tells_points_apart(instruments):
    assert np.ptp(np.log(coefficient_scales(data_of(instruments)))) > 0.1


def test_the_card_is_of_these_weights():
    weights = priors.WEIGHTS
    card = weights.with_name("PRIOR_CARD.md").read_text()
    assert hashlib.sha256(weights.read_bytes()).hexdigest() in card


def test_awkward_data_stay_finite(instruments):
    data = data_of(instruments)
    flat = np.ones_like(data.X_source)
    same = TransferData(flat, data.y_source, flat[:8], data.y_target, data.paired)
    assert (
        np.isfinite(point_features(same)).all()
        and np.isfinite(coefficient_scales(same)).all()
    )


def test_it_computes_what_was_trained(instruments):
    """The same weights in Flax, where they were trained."""
    trained = pytest.importorskip("benchmarks.learned_prior")
    data, w = data_of(instruments), priors._weights()
    layers: dict = {}
    for name, value in w.items():
        if "." in name:
            layer, part = name.split(".")
            layers.setdefault(layer, {})[part] = value
    x = ((point_features(data) - w["mean"]) / w["sd"])[None]
    logs = trained.Prior().apply({"params": layers}, x, np.ones(x.shape[:2]))
    np.testing.assert_allclose(coefficient_scales(data), np.exp(logs[0]), rtol=1e-4)


def test_terms_are_differences_of_instruments():
    axis = np.linspace(-1, 1, 400)
    mean = np.exp(-(((axis - 0.1) / 0.2) ** 2))
    J = difference_terms(mean)
    moved = np.exp(-(((axis - 0.1 + 0.004) / 0.2) ** 2)) - mean  # by 0.002 of the axis
    found = np.linalg.lstsq(J[3:4].T, moved, rcond=None)[0]
    assert found[0] == pytest.approx(2.0, rel=0.02)
    np.testing.assert_allclose(difference_terms(3 * mean), 3 * J, rtol=1e-9, atol=1e-12)
    assert difference_terms(np.ones(1)).shape[1] == 1
