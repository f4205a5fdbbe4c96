"""Mixtures, powders, warmth and backgrounds against their equations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spektron_jax.lab.samples import (
    add_water,
    beer_lambert,
    bonded_share,
    draw_composition,
    draw_samples,
    fluorescence,
    kubelka_munk,
    scatter,
)

KEY = jax.random.key(0)
WAVENUMBER = np.linspace(4000.0, 9000.0, 50, dtype=np.float32)
PURE = np.random.default_rng(0).random((8, 50)).astype(np.float32)
samples = jax.jit(
    draw_samples,
    static_argnums=3,
    static_argnames=("path", "water", "powder", "scatter_power"),
)
shares = jax.jit(draw_composition, static_argnums=(1, 2, 3, 4))


def test_compositions_are_two_to_six_shares_that_add_up():
    drawn = np.asarray(shares(KEY, 2000, 8))
    np.testing.assert_allclose(drawn.sum(1), 1, atol=1e-5)
    assert (drawn >= 0).all()
    # Shares below 1e-30 underflow to 0, hence 1 also occurs; never more than 6.
    members = (drawn > 0).sum(1)
    assert members.max() == 6 and (members >= 2).mean() > 0.95
    assert np.bincount(members)[2:7].min() > 300
    # Every component is chosen equally often, and near-pure samples occur.
    np.testing.assert_allclose((drawn > 0).mean(0), 0.5, atol=0.05)
    assert (drawn.max(1) > 0.95).mean() > 0.02 and (drawn.max(1) < 0.5).mean() > 0.05
    two = np.asarray(shares(KEY, 50, 2))
    assert two.shape == (50, 2) and ((two > 0).sum(1) == 2).mean() > 0.9


def test_water_takes_its_share_of_everything():
    with_water = np.asarray(add_water(KEY, shares(KEY, 400, 3), (0.05, 0.2)))
    np.testing.assert_allclose(with_water.sum(1), 1, atol=1e-5)
    assert 0.05 <= with_water[:, -1].min() < 0.06
    assert 0.19 < with_water[:, -1].max() <= 0.2


def test_beer_lambert_is_linear_in_composition_and_path():
    a, b = shares(KEY, 5, 8), shares(jax.random.key(1), 5, 8)
    np.testing.assert_allclose(
        beer_lambert(PURE, 0.3 * a + 0.7 * b, 1.0),
        0.3 * beer_lambert(PURE, a, 1.0) + 0.7 * beer_lambert(PURE, b, 1.0),
        atol=1e-6,
    )
    path = jnp.arange(1.0, 6.0)
    np.testing.assert_allclose(
        beer_lambert(PURE, a, path),
        path[:, None] * beer_lambert(PURE, a, 1.0),
        rtol=1e-6,
    )
    warming = 0.01 * PURE[::-1]
    np.testing.assert_allclose(
        beer_lambert(PURE, a, 1.0, warming, 35.0),
        beer_lambert(PURE + 10 * warming, a, 1.0),
        rtol=1e-5,
    )


def test_kubelka_munk_inverts_its_remission_function():
    """(1 - R)^2 / (2 R) = K / S."""
    ratio = np.geomspace(1e-4, 50, 60).astype(np.float32)
    reflectance = 10.0 ** -np.asarray(kubelka_munk(ratio), float)
    np.testing.assert_allclose(
        (1 - reflectance) ** 2 / (2 * reflectance), ratio, rtol=2e-3
    )
    assert np.isfinite(jax.grad(kubelka_munk)(0.0))


def test_scatter_is_a_power_law_and_one_at_mid_range():
    found = np.asarray(scatter(WAVENUMBER, jnp.array([0.0, 4.0])))
    np.testing.assert_allclose(found[0], 1)
    np.testing.assert_allclose(found[1], (WAVENUMBER / 6500.0) ** 4, rtol=1e-4)


def test_hydrogen_bonds_break_with_warmth():
    assert float(bonded_share(25.0, 0.8)) == pytest.approx(0.8, abs=1e-5)
    # Odds of 4 at 25 C times exp(H / R (1/T - 1/T0)) with H = 20 kJ/mol.
    odds = 4 * np.exp(20 / 8.314e-3 * (1 / 333.15 - 1 / 298.15))
    assert float(bonded_share(60.0, 0.8)) == pytest.approx(odds / (1 + odds), rel=1e-4)


def test_samples_are_their_own_labels():
    drawn = samples(KEY, PURE, WAVENUMBER, 40, path=(1.0, 1.0), water=(0.1, 0.2))
    found = np.linalg.lstsq(PURE.T, np.asarray(drawn.spectra).T, rcond=None)[0].T
    np.testing.assert_allclose(found, drawn.composition, atol=1e-4)
    assert drawn.composition[:, -1].min() >= 0.1
    again = samples(KEY, PURE, WAVENUMBER, 40, path=(1.0, 1.0), water=(0.1, 0.2))
    np.testing.assert_array_equal(drawn.spectra, again.spectra)
    powder = samples(
        KEY, PURE, WAVENUMBER, 40, path=(1.0, 1.0), powder=True, scatter_power=(0, 0)
    )
    liquid = samples(KEY, PURE, WAVENUMBER, 40, path=(1.0, 1.0))
    np.testing.assert_allclose(powder.spectra, kubelka_munk(liquid.spectra), rtol=1e-5)


def test_fluorescence_is_broad_and_as_high_as_asked():
    axis = np.linspace(200.0, 3200.0, 301)
    keys = jax.random.split(KEY, 30)
    found = np.asarray(fluorescence(keys, axis, jnp.full(30, 2.5)))
    np.testing.assert_allclose(found.max(1), 2.5, rtol=1e-5)
    assert (found >= 0).all() and len(np.unique(found.argmin(1))) > 1
    # Nowhere steeper than a Gaussian of sigma 800 cm-1.
    assert np.abs(np.diff(found, axis=1)).max() < 2.5 * 10 / 800
