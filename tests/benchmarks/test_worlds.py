"""Virtual tasks of every kind: the same from a seed, different between seeds."""

import numpy as np
import pytest

from spektron_jax.training.transfer_network import powder_tasks

worlds = pytest.importorskip("benchmarks.worlds")


@pytest.fixture(scope="module")
def corpus():
    return worlds.LineCorpus.load(modalities=("NIR",))


def test_tasks_come_from_seeds(corpus):
    spectra, true, labels = powder_tasks.draw(corpus, 9001, "validation")
    again, *_ = powder_tasks.draw(corpus, 9001, "validation")
    other, *_ = powder_tasks.draw(corpus, 9002, "validation")
    np.testing.assert_array_equal(spectra, again)
    assert other.shape != spectra.shape or not np.allclose(other, spectra)
    assert spectra.shape[:2] == (2, 164) and np.isfinite(spectra).all()
    assert true[:64].mean() == pytest.approx(0, abs=1e-9)
    assert true[:64].std() == pytest.approx(1)
    assert 0 < np.std(labels - true) < 1


def test_transfer_samples_are_of_the_calibration_set(corpus):
    (A, B), _, labels = powder_tasks.draw(corpus, 9001, "validation")
    data = worlds.data_of(A, B, labels, 5)
    assert len(data.X_source) == 64 and len(data.X_target) == 5
    np.testing.assert_array_equal(data.X_target, B[data.paired])
    np.testing.assert_array_equal(data.y_target, labels[data.paired])
    assert len(worlds.data_of(A, B, labels, -10).X_target) == 10
    assert len(worlds.data_of(A, B, labels, 0).labelled) == 0


def test_error_is_a_share_of_the_variance():
    true = np.r_[np.zeros(64), 1.0, -1.0]
    assert worlds.judged(np.zeros(2), true) == pytest.approx(np.log(1.003))
    assert worlds.judged(true[64:], true) == pytest.approx(np.log(0.003))
