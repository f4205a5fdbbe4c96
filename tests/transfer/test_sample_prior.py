"""What is said of differences from sample to sample, and where it is taken."""

import numpy as np
import pytest

from spektron_jax.transfer import members
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.ensemble import Ensemble
from spektron_jax.transfer.priors import KINDS, difference_terms, kinds_of_terms
from spektron_jax.transfer.sample_prior import sample_sizes


def spectra(rng, count):
    """Three bands in amounts of their own, on 120 points; amounts of the first."""
    t = np.linspace(-1, 1, 120)
    bands = np.exp(-0.5 * ((t - np.array([[-0.5], [0.0], [0.4]])) / 0.15) ** 2)
    amounts = rng.uniform(0.2, 1, (count, 3))
    X = amounts @ bands + 0.0005 * rng.normal(size=(count, t.size))
    return X, amounts[:, 0]


def task(offsets=0.0, paired=False):
    """30 source and 12 target spectra; offsets of each of the target's."""
    rng = np.random.default_rng(5)
    (A, y), (B, _) = spectra(rng, 30), spectra(rng, 12)
    B = B + 0.01 + offsets * rng.normal(size=(12, 1))
    partner = np.arange(12) if paired else np.full(12, -1)
    return TransferData(A, y, B, np.full(12, np.nan), partner)


def test_there_is_a_size_for_every_term():
    sizes = sample_sizes(task(), "NIR")
    assert sizes.shape == (len(difference_terms(np.linspace(0, 1, 120))),)
    assert np.all(sizes > 0) and np.isfinite(sizes).all()
    kinds = kinds_of_terms()
    for kind in range(len(KINDS)):
        assert np.ptp(sizes[kinds == kind]) == 0


def test_offsets_that_vary_are_seen():
    offset = kinds_of_terms() == KINDS.index("offset")
    still, moving = (sample_sizes(task(x), "NIR")[offset] for x in (0.0, 0.05))
    assert moving[0] > 1.5 * still[0]


@pytest.mark.parametrize("factor", [1e-3, 1e4])
def test_the_unit_of_spectra_is_of_no_account(factor):
    data = task(0.02)
    scaled = data.on(factor * data.X_source, factor * data.X_target)
    sizes = [sample_sizes(one, "NIR") for one in (data, scaled)]
    assert np.allclose(*sizes, rtol=1e-4)  # floors before logarithms are absolute


def test_it_is_taken_without_labels_and_not_with(monkeypatch):
    unlabelled, labelled = task(0.05), task(0.05)
    labelled.y_target[:6] = np.linspace(0.3, 0.9, 6)
    with_it = [Ensemble().fit(one)(one.X_target) for one in (unlabelled, labelled)]
    monkeypatch.setattr(members, "sample_sizes", lambda data, modality: None)
    without = [Ensemble().fit(one)(one.X_target) for one in (unlabelled, labelled)]
    assert np.abs(with_it[0] - without[0]).max() > 1e-3
    assert np.array_equal(with_it[1], without[1])


def test_nothing_is_said_of_pairs_of_too_little_or_of_nothing():
    assert sample_sizes(task(paired=True), "NIR") is None
    data = task()
    assert sample_sizes(data.without(np.arange(11)), "NIR") is None
    assert (
        sample_sizes(data.on(data.X_source[:, :9], data.X_target[:, :9]), "NIR") is None
    )
    alike = data.on(np.ones((30, 40)), np.ones((12, 40)))
    assert sample_sizes(alike, "NIR") is None
