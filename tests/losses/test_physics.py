"""Each term by hand, zero for an ideal spectrum, positive for each violation."""

import jax
import numpy as np

from spektron_jax.losses.physics import (
    FLOOR,
    REACH,
    SMOOTHNESS,
    SYMMETRY,
    linearity,
    non_negativity,
    peak_symmetry,
    physics,
    smoothness,
)

POINTS = 60


def band(centre, width=6.0, height=4.0, points=POINTS):
    return height * np.exp(-0.5 * ((np.arange(points) - centre) / width) ** 2)


def rows(*spectra):
    return np.stack(spectra).astype(np.float32)


def valid_like(spectra):
    return np.ones(spectra.shape, bool)


def test_linearity_by_hand():
    a, b = rows([1.0, 2.0, 0.0]), rows([3.0, 0.0, 4.0])
    share = np.array([0.25], np.float32)
    exact = 0.25 * a + 0.75 * b
    everywhere = valid_like(a)
    np.testing.assert_allclose(linearity(a, b, share, exact, everywhere), 0.0)
    wrong = exact + rows([0.0, 1.0, 2.0])
    np.testing.assert_allclose(linearity(a, b, share, wrong, everywhere), 5 / 3)
    seen = np.array([[True, True, False]])
    np.testing.assert_allclose(linearity(a, b, share, wrong, seen), 0.5)


def test_smoothness_by_hand():
    """Zero for a line; a step bends it at two points by its height."""
    line = rows(np.linspace(0, 3, 10))
    np.testing.assert_allclose(smoothness(line, valid_like(line)), 0.0, atol=1e-6)
    step = rows(np.where(np.arange(10) < 5, 0.0, 2.0))
    np.testing.assert_allclose(smoothness(step, valid_like(step)), (4 + 4) / 8)
    # Only where three neighbours are valid.
    valid = valid_like(step)
    valid[0, 5] = False
    np.testing.assert_allclose(smoothness(step, valid), 0.0, atol=1e-6)


def test_non_negativity_by_hand():
    spectra = rows([1.0, -2.0, 0.0, 3.0], [1.0, 1.0, 1.0, 1.0])
    valid = valid_like(spectra)
    np.testing.assert_allclose(non_negativity(spectra, valid), [1.0, 0.0])
    valid[0, 1] = False
    np.testing.assert_allclose(non_negativity(spectra, valid), [0.0, 0.0])
    gradient = jax.grad(lambda x: non_negativity(x, valid_like(x)).sum())(spectra)
    np.testing.assert_allclose(gradient[0], [0, -1.0, 0, 0])


def test_peak_symmetry_by_hand():
    symmetric = rows([0, 0, 1, 2, 5, 2, 1, 0, 0])
    np.testing.assert_allclose(peak_symmetry(symmetric, valid_like(symmetric)), 0.0)
    leaning = rows([0, 0, 1, 2, 5, 3, 1, 1, 0])
    # Left 2, 1, 0 against right 3, 1, 1: squares 1, 0, 1 over REACH.
    wanted = (1 + 0 + 1) / REACH
    np.testing.assert_allclose(peak_symmetry(leaning, valid_like(leaning)), wanted)
    # Noise below FLOOR is no peak; nor is a point beside a higher one.
    low = leaning * FLOOR / 5.001
    np.testing.assert_allclose(peak_symmetry(low, valid_like(low)), 0.0)
    slope = rows(np.arange(9.0) ** 2)
    np.testing.assert_allclose(peak_symmetry(slope, valid_like(slope)), 0.0)


def test_peak_symmetry_near_an_invalid_point_is_not_judged():
    """An unmeasured point within REACH of the maximum, on either side."""
    leaning = rows([0, 0, 0, 1, 2, 5, 3, 1, 1, 0, 0])
    assert peak_symmetry(leaning, valid_like(leaning))[0] > 0
    for hole in range(2, 9):
        valid = valid_like(leaning)
        valid[0, hole] = False
        np.testing.assert_allclose(peak_symmetry(leaning, valid), 0.0)


def ideal():
    """Two isolated bands each, and their exact mixtures."""
    clean = rows(band(20) + band(45), band(30), band(15), band(40))
    share = np.array([0.3, 0.8], np.float32)
    mixture = share[:, None] * clean[0::2] + (1 - share[:, None]) * clean[1::2]
    return clean, valid_like(clean), mixture, share, valid_like(mixture)


def test_ideal_spectra_cost_next_to_nothing_and_violations_cost():
    run = jax.jit(physics)
    values, parts = run(*ideal())
    assert values.shape == (4,)
    assert set(parts) == {"linearity", "non_negativity", "smoothness", "peak_symmetry"}
    assert parts["linearity"] < 1e-10 and parts["non_negativity"] == 0
    # Sampled symmetric bands; a band 6 points wide bends by 4 / 36 at its top.
    assert parts["peak_symmetry"] < 1e-3 and parts["smoothness"] < 0.01

    clean, valid, mixture, share, seen = ideal()
    noise = np.random.default_rng(0).normal(0, 0.5, clean.shape).astype(np.float32)
    skew = np.where(np.arange(POINTS) > 20, band(20, 8.0), band(20, 4.0))
    for name, changed in (
        ("linearity", (clean, valid, 1.2 * mixture, share, seen)),
        ("non_negativity", (clean - 1.0, valid, mixture - 1.0, share, seen)),
        ("smoothness", (clean + noise, valid, mixture, share, seen)),
        ("peak_symmetry", (rows(*[skew] * 4), valid, rows(skew, skew), share, seen)),
    ):
        worse, worse_parts = run(*changed)
        assert worse_parts[name] > 10 * parts[name] + 0.01, name
        assert (worse > values).all(), name


def test_total_is_the_weighted_sum_and_pairs_share_their_linearity():
    clean, valid, mixture, share, seen = ideal()
    rng = np.random.default_rng(1)
    clean = clean + rng.normal(0, 0.5, clean.shape).astype(np.float32)
    values, parts = jax.jit(physics)(clean, valid, mixture, share, seen)
    linear = np.asarray(linearity(clean[0::2], clean[1::2], share, mixture, seen))
    wanted = (
        np.array([linear[0], linear[0], linear[1], linear[1]])
        + non_negativity(clean, valid)
        + SMOOTHNESS * smoothness(clean, valid)
        + SYMMETRY * peak_symmetry(clean, valid)
    )
    np.testing.assert_allclose(values, wanted, rtol=1e-5)
    np.testing.assert_allclose(parts["linearity"], linear.mean(), rtol=1e-5)


def test_gradients_are_finite_and_reach_both_decodings():
    clean, valid, mixture, share, seen = ideal()

    @jax.jit
    def gradient(clean, mixture):
        return jax.grad(
            lambda c, m: physics(c, valid, m, share, seen)[0].sum(), argnums=(0, 1)
        )(clean, mixture)

    for value in gradient(clean - 0.5, 1.1 * mixture):
        assert np.isfinite(value).all() and (np.asarray(value) != 0).mean() > 0.5
