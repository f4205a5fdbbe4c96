"""The network that says where along the axis a calibration may look."""

import hashlib

import numpy as np
import pytest

from spektron_jax.transfer import coefficient_prior
from spektron_jax.transfer.coefficient_prior import features, scales
from spektron_jax.transfer.data import TransferData


def data_of(instruments, gain=1.0, points=120):
    X_s, _, X_t, _, y = instruments(points=points)
    return TransferData(gain * X_s, 7 * y, gain * X_t[:8], 7 * y[:8], np.arange(8))


def test_units_do_not_matter(instruments):
    s = scales(data_of(instruments))
    np.testing.assert_allclose(s, scales(data_of(instruments, 1000.0)), rtol=1e-5)
    assert s.shape == (120,) and np.isfinite(s).all()
    assert np.log(s).mean() == pytest.approx(0, abs=1e-9)


def test_the_network_tells_points_apart(instruments):
    assert np.ptp(np.log(scales(data_of(instruments)))) > 0.1


def test_the_card_is_of_these_weights():
    weights = coefficient_prior.WEIGHTS
    card = weights.with_name("PRIOR_CARD.md").read_text()
    assert hashlib.sha256(weights.read_bytes()).hexdigest() in card


def test_awkward_data_stay_finite(instruments):
    data = data_of(instruments)
    flat = np.ones_like(data.X_source)
    same = TransferData(flat, data.y_source, flat[:8], data.y_target, data.paired)
    assert np.isfinite(features(same)).all() and np.isfinite(scales(same)).all()


def test_it_computes_what_was_trained(instruments):
    """The same weights in Flax, where they were trained."""
    trained = pytest.importorskip("benchmarks.learned_prior")
    data, w = data_of(instruments), coefficient_prior._weights()
    layers: dict = {}
    for name, value in w.items():
        if "." in name:
            layer, part = name.split(".")
            layers.setdefault(layer, {})[part] = value
    x = ((features(data) - w["mean"]) / w["sd"])[None]
    logs = trained.Prior().apply({"params": layers}, x, np.ones(x.shape[:2]))
    np.testing.assert_allclose(scales(data), np.exp(logs[0]), rtol=1e-4)
