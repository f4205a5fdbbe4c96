"""Adapters: small files, one for each target instrument, with provenance."""

import numpy as np
import pytest
from sklearn.base import clone

from spektron_jax import CalibrationTransfer, SpektronError
from spektron_jax.encoder.adaptation import Adaptation


def two(instruments, weights=None, most=10, labelled=True, **settings):
    """The same calibration taken to two instruments with axes of their own."""
    fitted = []
    for n, points in ((most, None), (3, 97)):
        X_s, axis, X_t, axis_t, y = instruments(points_target=points)
        ct = CalibrationTransfer(weights, **settings)
        known = (y[:n], np.arange(n)) if labelled else ()
        ct.fit(X_s, y, axis, X_t[:n], axis_t, *known)
        fitted.append((ct, X_t))
    return fitted


def check_switching(pair, folder):
    (first, X), (second, Z) = pair
    files = [
        ct.save_adapter(folder / f"{name}.npz", name, "2026-11-22")
        for (ct, _), name in zip(pair, ("one", "two"), strict=True)
    ]
    assert all(file.stat().st_size < 400_000 for file in files)
    expected = first.predict_interval(X), second.predict_interval(Z)
    loaded = CalibrationTransfer.load(first.save(folder / "model"))
    for ct in (loaded, first):
        assert ct.switch(files[1]) is ct
        np.testing.assert_array_equal(ct.predict_interval(Z), expected[1])
        assert ct.provenance_["instrument"] == "two" and ct.provenance_["n"] == 3
        ct.switch(files[0])
        np.testing.assert_array_equal(ct.predict_interval(X), expected[0])
    assert first.provenance_["date"] == "2026-11-22"
    assert first.regime_ == first.provenance_["regime"]
    assert len(first.provenance_["target_sha256"]) == 64


def test_a_model_switches_between_instruments(instruments, tmp_path):
    check_switching(two(instruments), tmp_path)


def test_adapted_encoders_travel_in_the_adapter(instruments, tiny_weights, tmp_path):
    how = Adaptation(spectra=3, rate=1e-3, lora=2)
    pair = two(instruments, tiny_weights, 4, labelled=False, adaptation=how)
    assert all(ct.network_share_ > 0 for ct, _ in pair)
    check_switching(pair, tmp_path)


def test_adapters_of_something_else_are_refused(instruments, tmp_path):
    (first, _), _ = two(instruments)
    X_s, axis, X_t, _, y = instruments(seed=1)
    other = CalibrationTransfer(None).fit(X_s, y, axis, X_t[:5])
    file = other.save_adapter(tmp_path / "other.npz", "other", "2026-11-22")
    with pytest.raises(SpektronError, match="was made with another source"):
        first.switch(file)
    with pytest.raises(SpektronError, match="call fit or load first"):
        CalibrationTransfer(None).switch(file)
    with pytest.raises(SpektronError, match="cannot be read"):
        first.switch(tmp_path / "missing.npz")
    np.savez(tmp_path / "x.npz", a=np.zeros(3))
    with pytest.raises(SpektronError, match="damaged"):
        first.switch(tmp_path / "x.npz")
    with np.load(file) as content:
        arrays = dict(content)
    arrays["model0/intercept"] = np.array(1.0)
    np.savez(file, **arrays)
    with pytest.raises(SpektronError, match="has changed since it was written"):
        other.switch(file)
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(SpektronError, match="damaged"):
        other.switch(file)


def test_it_is_a_scikit_learn_estimator(instruments):
    ct = CalibrationTransfer(None, random_state=3, adaptation=Adaptation(steps=5))
    assert ct.get_params(deep=False) == {
        "weights": None,
        "compare": False,
        "random_state": 3,
        "adaptation": Adaptation(steps=5),
        "preprocessing": None,
    }
    X_s, axis, X_t, _, y = instruments()
    ct.set_params(adaptation=None).fit(X_s, y, axis, X_t)
    copy = clone(ct)
    assert copy.get_params() == ct.get_params()
    for call in (copy.predict, copy.predict_interval, copy.applicability, copy.save):
        with pytest.raises(SpektronError, match="call fit or load first"):
            call("somewhere" if call == copy.save else X_t)
    with pytest.raises(ValueError, match="Invalid parameter"):
        ct.set_params(weight="nano")
