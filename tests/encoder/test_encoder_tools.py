"""The encoder's own methods: adapted, nearest neighbours, re-rendered."""

import numpy as np
import pytest

from spektron_jax import CalibrationTransfer, SpektronError
from spektron_jax.encoder.adaptation import Adaptation
from spektron_jax.encoder.features import Features
from spektron_jax.encoder.neighbours import Neighbours, code_shift
from spektron_jax.encoder.rerender import instrument_code, rerender
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.ensemble import Ensemble

STRONG = Adaptation(spectra=4, rate=1e-2)


@pytest.fixture(scope="module")
def features(tiny_weights):
    return Features(tiny_weights, np.linspace(1100, 2300, 80), "nm", "NIR")


def adapting_as(features, how):
    return Features(features.encoder, features.axis, "nm", "NIR", how)


def data_of(instruments, n=8, kind="paired"):
    X_s, _, X_t, _, y = instruments()
    labels = np.full(n, np.nan) if kind == "unlabelled" else y[:n]
    paired = np.arange(n) if kind == "paired" else np.full(n, -1)
    return TransferData(X_s[:24], y[:24], X_t[:n], labels, paired), X_t[24:]


@pytest.mark.parametrize("kind, n", [("paired", 8), ("unlabelled", 8), ("paired", 0)])
def test_every_method_fits(features, instruments, kind, n):
    data, X = data_of(instruments, n, kind)
    adapting = adapting_as(features, Adaptation())
    for method in (Ensemble("encoder", encoder=adapting), Neighbours(adapting)):
        assert np.isfinite(method.fit(data)(X)).all()


def test_adaptation_moves_the_features_and_not_the_encoder(features, instruments):
    data, X = data_of(instruments, 8, "unlabelled")
    before = features.encoded(X)["chem"]
    strong, still = (
        adapting_as(features, how) for how in (STRONG, Adaptation(steps=0))
    )
    moved = strong.adapted(data.X_target).encoded(X)["chem"]
    assert np.abs(moved - before).max() > 1e-4 * np.abs(before).max()
    unmoved = still.adapted(data.X_target).encoded(X)["chem"]
    np.testing.assert_array_equal(unmoved, before)
    np.testing.assert_array_equal(features.using(features.encoder)(X)["chem"], before)
    assert strong.adapted(X[:0]) is strong and features.adapted(X) is features


def test_a_known_spectrum_is_its_own_neighbour(features, instruments):
    data, _ = data_of(instruments, 0)
    known = Neighbours(features, k=1).fit(data)(data.X_source)
    np.testing.assert_array_equal(known, data.y_source)


def test_codes_are_moved_by_pairs_if_there_are_any(instruments):
    source = np.arange(48.0).reshape(24, 2)
    data, _ = data_of(instruments, 8)
    target = source[:8] + [3.0, -1.0]
    np.testing.assert_allclose(code_shift(data, source, target), [-3, 1])
    data, _ = data_of(instruments, 8, "unlabelled")
    expected = source.mean(0) - target.mean(0)
    np.testing.assert_allclose(code_shift(data, source, target), expected)


def test_rerendering_reads_the_latents_alone(features, instruments):
    data, X = data_of(instruments)
    code = instrument_code(features, data.X_source)
    spectra = rerender(features, X, code)
    assert spectra.shape == X.shape
    other = instrument_code(features, X)
    assert np.abs(rerender(features, X, other) - spectra).max() > 1e-6
    # The same sample twice: the same spectrum, whatever stands beside it.
    np.testing.assert_allclose(
        rerender(features, X[[2, 2]], code)[1], spectra[2], rtol=1e-3, atol=1e-5
    )
    with pytest.raises(SpektronError, match="needs a spectrum of the instrument"):
        instrument_code(features, X[:0])


def test_the_class_offers_them(instruments, tiny_weights, tmp_path):
    X_s, axis, X_t, _, y = instruments()
    ct = CalibrationTransfer(tiny_weights, adaptation=STRONG).fit(
        X_s, y, axis, X_t[:6], y_target=y[:6], paired=np.arange(6)
    )
    assert ct.rerender(X_t[:3]).shape == (3, 80)
    rows, cosine = ct.neighbours(X_t, k=4)
    assert rows.shape == cosine.shape == (30, 4) and rows.max() < 30
    loaded = CalibrationTransfer.load(ct.save(tmp_path / "model"))
    assert loaded.adaptation == STRONG
    for call in (loaded.rerender, loaded.neighbours):
        with pytest.raises(SpektronError, match="a loaded model keeps no spectra"):
            call(X_t)
    with pytest.raises(SpektronError, match="there is no network to adapt"):
        CalibrationTransfer(None, adaptation=STRONG).fit(X_s, y, axis, X_t)
