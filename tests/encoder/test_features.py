"""Features of spectra: encoded once, on demand, and linearised."""

import subprocess
import sys

import numpy as np
import pytest

import spektron_jax
from spektron_jax.encoder.features import DEPTHS, Features
from spektron_jax.encoder.linearised import LinearisedEncoder, linearised
from spektron_jax.errors import SpektronError


def test_each_spectrum_is_encoded_once(instruments, tiny_weights, monkeypatch):
    X_s, axis, *_ = instruments()
    features = Features(tiny_weights, axis, "nm", "NIR")
    calls = []
    encode = features.encoded
    monkeypatch.setattr(
        features, "encoded", lambda X, *how: calls.append(len(X)) or encode(X, *how)
    )
    first = features(X_s[:6])
    again = features(X_s[[5, 0, 6]])
    assert calls == [6, 1]
    assert set(first) == set(DEPTHS)
    for depth in DEPTHS:
        np.testing.assert_array_equal(again[depth][0], first[depth][5])
    assert features(X_s[:0])["chem"].shape == (0, 32)
    calls.clear()
    linear = linearised(features, X_s[0])
    found = linear(X_s[1:5])
    np.testing.assert_array_equal(linear(X_s[[3, 1]]), found[[2, 0]])
    assert linearised(features, X_s[0]) is linear
    assert sum(calls) == 8  # both ways


@pytest.mark.parametrize("unit", [1.0, 2e4])  # absorbance; counts
def test_the_linear_features_are_the_derivative_of_the_encoder(
    instruments, tiny_weights, unit
):
    X_s, axis, *_ = instruments()
    X_s = unit * X_s
    features = Features(tiny_weights, axis, "nm", "NIR")
    linear = LinearisedEncoder(features, X_s[0])
    rows = np.vstack([X_s[1:9] - X_s[0], X_s[2] - X_s[7], 3 * (X_s[2] - X_s[7])])
    images = linear(rows)
    size = np.abs(images).max()
    np.testing.assert_allclose(images[9], 3 * images[8], atol=0.01 * size)
    np.testing.assert_allclose(images[1] - images[6], images[8], atol=0.01 * size)
    vector = np.random.default_rng(0).normal(size=images.shape[1])
    expected = images @ vector
    size = np.abs(expected).max()
    np.testing.assert_allclose(rows @ linear.back(vector), expected, atol=0.01 * size)


def test_weights_are_found_without_loading_them(tiny_weights, tmp_path):
    code = f"""
import sys
import numpy as np
from spektron_jax.encoder.features import Features
features = Features({tiny_weights!r}, np.linspace(1100, 2300, 80), "nm", "NIR")
assert len(features.checksum) == 64 and "jax" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    axis = np.linspace(1100, 2300, 80)
    with pytest.raises(SpektronError, match="'missing': no such folder"):
        Features("missing", axis, "nm", "NIR")
    with pytest.raises(SpektronError, match="has no manifest.json; export the weights"):
        Features(tmp_path, axis, "nm", "NIR")
    with pytest.raises(SpektronError, match="weights: is a int; give a name"):
        Features(3, axis, "nm", "NIR")


def test_an_encoder_stands_for_its_weights(tiny_weights):
    axis, X = np.linspace(1100, 2300, 80), np.ones((2, 80))
    encoder = spektron_jax.load_encoder(tiny_weights)
    by_object, by_name = (
        Features(weights, axis, "nm", "NIR") for weights in (encoder, tiny_weights)
    )
    assert by_object.encoder is encoder
    assert (by_object.name, by_object.checksum) == (by_name.name, by_name.checksum)
    np.testing.assert_array_equal(by_object(X)["chem"], by_name(X)["chem"])
    with pytest.raises(SpektronError, match="needs spectra on its 80 points, got 79"):
        by_name.encode(X[:, 1:])
