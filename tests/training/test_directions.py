"""Directions that hide the instrument: by hand, and where means tell nothing."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from spektron_jax.training import directions
from spektron_jax.training.directions import covariances, information_cost

F, K = 9, 6


@pytest.fixture
def blocks():
    """Samples in all of 6 numbers; instruments spread the last three unlike, and have
    one mean: no plane divides them."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(6):
        sample = rng.normal(size=(1, 80, F))
        spread = np.ones((4, 1, F))
        spread[:, :, 3:K] = np.array([0.3, 0.7, 1.5, 3.0])[:, None, None]
        found.append(spread * sample + 0.1 * rng.normal(size=(4, 80, F)))
    return found


def test_numbers_that_spread_unlike_on_the_instruments_are_left_out(blocks):
    some = np.eye(F, K)[:, ::-1]  # those of the instruments first
    found = directions.least_instrument(some, blocks, 3)
    found = found / np.linalg.norm(found, axis=0)
    # 80 samples a block: a few per cent of what spreads unlike are chance.
    assert np.abs(found[3:]).max() < 0.1
    np.testing.assert_allclose(np.abs(np.linalg.det(found[:3])), 1, atol=0.05)


def test_as_many_as_there_are_is_all_of_them(blocks):
    found = directions.least_instrument(np.eye(F, K), blocks, K)
    assert found.shape == (F, K) and np.linalg.matrix_rank(found) == K


def test_the_cost_is_information_in_nats(blocks, monkeypatch):
    """Against the mean log ratio of densities, one instrument after the other."""
    monkeypatch.setattr(directions, "INSTRUMENT_COST", 3.0)
    monkeypatch.setattr(directions, "RIDGE", 0.0)
    V = np.random.default_rng(1).normal(size=(K, 2))
    value, _ = information_cost(V, *covariances(np.eye(F, K), blocks))
    instrument, sample = [], []
    for h in blocks:
        z = h[:, :, :K] @ V
        z = z - z.mean(axis=(0, 1))
        flat = z.reshape(-1, 2)
        whole = multivariate_normal(np.zeros(2), flat.T @ flat / len(flat))
        for one in z:
            own = multivariate_normal(one.mean(axis=0), np.cov(one.T, bias=True))
            instrument.append(np.mean(own.logpdf(one) - whole.logpdf(one)))
        left = (z - z.mean(axis=0)).reshape(-1, 2)
        rest = multivariate_normal(np.zeros(2), left.T @ left / len(left))
        # The mean over a normal of its own log density has no data in it.
        sample.append(whole.entropy() - rest.entropy())
    # Own means and spreads make up the whole's: the squares cancel over a block.
    assert value == pytest.approx(3 * np.mean(instrument) - np.mean(sample), rel=1e-6)


def test_the_gradient_is_that_of_differences(blocks):
    stacks = covariances(np.eye(F, K), blocks)
    V = np.random.default_rng(2).normal(size=(K, 3))
    _, slope = information_cost(V, *stacks)
    for place in np.ndindex(V.shape):
        step = np.zeros_like(V)
        step[place] = 1e-6
        up, down = (information_cost(V + s, *stacks)[0] for s in (step, -step))
        assert slope[place] == pytest.approx((up - down) / 2e-6, rel=1e-4, abs=1e-3)


def test_what_no_molecule_spans_does_not_stop_it():
    """Fewer molecules than directions: covariances are singular."""
    rng = np.random.default_rng(3)
    few = [rng.normal(size=(3, 4, F)) for _ in range(2)]
    found = directions.least_instrument(np.eye(F, K), few, 5)
    assert found.shape == (F, 5) and np.isfinite(found).all()
