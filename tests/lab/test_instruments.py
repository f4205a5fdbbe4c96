"""Simulated instruments: ranges, seeds, audit set, baseline and noise."""

import jax
import numpy as np
import pytest
from numpy.polynomial import legendre

from spektron_jax.errors import SpektronError
from spektron_jax.lab.instruments import (
    BASELINE_ABSORBANCE,
    audit_instruments,
    baseline,
    draw,
    ideal,
    noise,
    training_pool,
)
from spektron_jax.lab.presets import NOISE_UAU, PRESETS
from spektron_jax.lab.resample import GAUSSIAN_FWHM

POOL, SEEDS = 8, 51
SHIFTS, SIGMAS = (
    [-1.303680181503296, 1.728583574295044],
    [2.625742197036743, 4.063925743103027],
)
pool_of = jax.jit(lambda seed: training_pool(seed, POOL))
audit_of = jax.jit(lambda seed: audit_instruments(seed, POOL))


@pytest.fixture(scope="module")
def pools():
    """The pools of seeds 0 .. 50 one after the other: 408 instruments."""
    each = [jax.tree.map(np.asarray, pool_of(seed)) for seed in range(SEEDS)]
    return jax.tree.map(lambda *values: np.concatenate(values), *each)


def test_same_seed_same_instruments_other_seed_others():
    first, again, other = (pool_of(seed) for seed in (3, 3, 4))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    for a, c in zip(first[:4], other[:4], strict=True):
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


def test_draws_of_the_documents_are_those_of_the_shipped_weights():
    """Values of the release that trained them: its evaluation depends on these."""
    pool = training_pool(0, 2)
    # One unit in the last place: tests compile without the usual optimisations.
    np.testing.assert_allclose(pool.shift, np.float32(SHIFTS), rtol=2e-7)
    np.testing.assert_allclose(pool.sigma, np.float32(SIGMAS), rtol=2e-7)
    for name, value in pool._asdict().items():
        if name not in ("shift", "sigma", "snr_db", "baseline"):
            assert (np.asarray(value) == (1.0 if name == "gain" else 0.0)).all(), name


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_every_preset_draws_within_its_ranges(preset):
    kind = PRESETS[preset]
    pool = training_pool(0, 300, preset)
    pool = jax.tree.map(np.asarray, pool)
    fwhm = pool.sigma * GAUSSIAN_FWHM
    for values, (low, high) in (
        (fwhm, kind.fwhm),
        (pool.stray, kind.stray),
        (pool.noise, 1e-6 * np.array(NOISE_UAU[kind.noise])),
        (pool.nonlinearity, (-kind.nonlinearity, kind.nonlinearity)),
    ):
        assert low * (1 - 1e-5) - 1e-9 <= values.min() and values.max() <= high * 1.0001
        assert values.max() - values.min() > 0.8 * (high - low)
    # 300 draws: a standard deviation is known to 4 %; 4 times that.
    assert pool.shift.std() == pytest.approx(kind.shift_sd, rel=0.16)
    assert pool.stretch.std() == pytest.approx(kind.shift_sd / 2, rel=0.16)
    assert pool.gain.std() == pytest.approx(kind.gain_sd, rel=0.16)
    assert np.isinf(pool.snr_db).all()
    audit = audit_instruments(0, 300, preset)
    assert not np.isin(np.asarray(audit.sigma), pool.sigma).any()


def test_presets_have_nothing_in_common():
    gains = np.stack([training_pool(0, 100, name).gain for name in sorted(PRESETS)[:4]])
    assert np.abs(np.corrcoef(gains)[np.triu_indices(4, 1)]).max() < 0.4


def test_a_drawn_instrument_is_reproducible_and_an_ideal_one_neutral():
    first, again, other = (draw("ft_nir", seed) for seed in (5, 5, 6))
    assert first.name == "ft_nir-5" and first.unit == "cm-1"
    for a, b in zip(first.parameters, again.parameters, strict=True):
        np.testing.assert_array_equal(a, b)
    assert float(first.parameters.sigma) != float(other.parameters.sigma)
    assert first.axis()[[0, -1]].tolist() == [4000.0, 10000.0]
    perfect = ideal("grating_nir", shift=1.0, fwhm=15.0)
    assert float(perfect.parameters.shift) == 1.0
    assert float(perfect.parameters.sigma) * GAUSSIAN_FWHM == pytest.approx(15.0)
    with pytest.raises(SpektronError, match="slit: unknown; use fwhm"):
        ideal("grating_nir", slit=3)
    with pytest.raises(SpektronError, match="'nirvana': unknown; use one of documents"):
        draw("nirvana", 0)


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
