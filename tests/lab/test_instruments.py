"""Simulated instruments: ranges, seeds, audit set, baseline and noise."""

import jax
import numpy as np
import pytest
from numpy.polynomial import legendre

from spektron_jax.lab.instruments import (
    BASELINE_ABSORBANCE,
    audit_instruments,
    baseline,
    noise,
    training_pool,
)

POOL, SEEDS = 8, 51
pool_of = jax.jit(lambda seed: training_pool(seed, POOL))
audit_of = jax.jit(lambda seed: audit_instruments(seed, POOL))


@pytest.fixture(scope="module")
def pools():
    """The pools of seeds 0 .. 50 one after the other: 408 instruments."""
    each = [jax.tree.map(np.asarray, pool_of(seed)) for seed in range(SEEDS)]
    return jax.tree.map(lambda *values: np.concatenate(values), *each)


def test_same_seed_same_instruments_other_seed_others():
    first, again, other = (pool_of(seed) for seed in (3, 3, 4))
    for a, b, c in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(a, b)
        assert (np.asarray(a) != np.asarray(c)).any()


def test_instruments_are_distinct_and_within_the_documented_ranges(pools):
    for values, low, high in (
        (pools.shift, -3, 3),
        (pools.sigma, 2, 8),
        (pools.snr_db, 30, 60),
    ):
        assert values.shape == (POOL * SEEDS,)
        assert len(np.unique(values)) > 0.99 * values.size
        assert low <= values.min() < low + 0.05 * (high - low)
        assert high - 0.05 * (high - low) < values.max() <= high
    order = 4 - np.argmax(pools.baseline[:, ::-1] != 0, axis=1)
    assert set(order) == {2, 3, 4}
    np.testing.assert_allclose(np.bincount(order)[2:] / order.size, 1 / 3, atol=0.09)
    used = pools.baseline[:, :3]
    np.testing.assert_allclose(used.std(), BASELINE_ABSORBANCE, rtol=0.1)
    # Properties are drawn apart from each other.
    columns = np.stack([pools.shift, pools.sigma, pools.snr_db, used[:, 0]])
    assert np.abs(np.corrcoef(columns)[np.triu_indices(4, 1)]).max() < 0.2


def test_audit_instruments_are_in_no_pool(pools):
    """Nor do they share a property with one."""
    for seed in (0, 1, 50):
        audit = audit_of(seed)
        for ours, theirs in zip(audit[:3], pools[:3], strict=True):
            assert not np.isin(ours, theirs).any()
    np.testing.assert_array_equal(audit_of(50).baseline, audit.baseline)


def test_at_picks_one_instrument_by_a_traced_index():
    pool = pool_of(0)
    one = jax.jit(lambda index: pool.at(index))(2)
    for all_of, picked in zip(pool, one, strict=True):
        np.testing.assert_array_equal(picked, all_of[2])


def test_baseline_is_the_legendre_series():
    coefficients = np.array([0.3, -0.2, 0.5, 0.1, -0.4], np.float32)
    wanted = legendre.legval(np.linspace(-1, 1, 101), coefficients)
    curve = jax.jit(baseline, static_argnums=1)(coefficients, 101)
    np.testing.assert_allclose(curve, wanted, atol=1e-5)


def test_noise_has_the_snr_it_is_asked_for():
    """Standard deviation 10^(-dB / 20) of the strongest band, also a negative one."""
    axis = np.linspace(-1, 1, 4000)
    spectra = np.stack([2.0 * np.exp(-(axis**2)), -0.5 * np.exp(-(axis**2))])
    keys = jax.random.split(jax.random.key(0), 2)
    draw = jax.jit(noise)
    for snr_db in (30.0, 60.0):
        sd = np.std(draw(keys, spectra.astype(np.float32), snr_db), axis=1)
        measured = 20 * np.log10(np.array([2.0, 0.5]) / sd)
        # 4,000 draws: the deviation is known to 1.1 %, 0.1 dB; 4 times that.
        np.testing.assert_allclose(measured, snr_db, atol=0.4)
    one, two = np.asarray(draw(keys, spectra.astype(np.float32), 30.0))
    assert abs(np.corrcoef(one, two)[0, 1]) < 0.08
    assert abs(np.corrcoef(one[1:], one[:-1])[0, 1]) < 0.08
