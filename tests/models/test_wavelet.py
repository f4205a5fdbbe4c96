"""Wavelet coefficients: blind to straight lines, energy kept, each at its token."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spektron_jax.models.wavelet import HIGH_PASS, at_tokens, coefficients

LEVELS = 6
spread = jax.jit(coefficients, static_argnums=1)


def bump(points, centre, width=3.0):
    return jnp.exp(-(((jnp.arange(float(points)) - centre) / width) ** 2))[
        None, :, None
    ]


def test_straight_lines_have_no_details():
    line = jnp.linspace(-1.0, 2.0, 512)[None, :, None]
    for level in spread(line, LEVELS)[:-1]:
        # The ends are continued by their own values: a line bends there.
        np.testing.assert_allclose(level[0, 1:-1], 0, atol=1e-5)
    bent = jnp.abs(line)
    assert max(np.abs(level[0, 1:-1]).max() for level in spread(bent, LEVELS)) > 0.01


def test_the_energy_is_kept():
    x = bump(2048, 999)  # far from the ends, so that nothing is lost there
    energy = sum(float((level**2).sum()) for level in spread(x, LEVELS))
    assert energy == pytest.approx(float((x**2).sum()), rel=1e-5)  # float32


@pytest.mark.parametrize("points", [2048, 300, 17, 1])
def test_any_length_has_half_as_many_in_each_level(points):
    x = bump(points, points / 2)
    counts = [level.shape[1] for level in spread(x, LEVELS)]
    wanted = [-(-points // 2**k) for k in range(1, LEVELS + 1)]
    assert counts == [*wanted, wanted[-1]]


@pytest.mark.parametrize(("points", "stride"), [(64, 1), (56, 8), (64, 32), (60, 6)])
def test_a_token_reads_the_coefficients_over_its_own_points(points, stride):
    x = jax.random.normal(jax.random.key(0), (1, points, 1))
    found = np.asarray(at_tokens(x, 3, stride))
    assert len(found[0]) == points // stride
    levels = [np.asarray(level)[0, :, 0] for level in coefficients(x, 3)]
    for token, its in enumerate(found[0]):
        wanted = []
        for level, spacing in zip(levels, (2, 4, 8, 8), strict=True):
            first = token * stride // spacing
            for place in range(first, first + -(-stride // spacing)):
                wanted.append(level[min(place, len(level) - 1)])
        np.testing.assert_array_equal(its, wanted)


def test_the_finest_details_are_the_filter_at_every_second_point():
    x = np.random.default_rng(0).normal(size=32).astype(np.float32)
    fine = coefficients(jnp.asarray(x)[None, :, None], 1)[0][0, :, 0]
    for k in range(1, 15):
        assert fine[k] == pytest.approx(HIGH_PASS @ x[2 * k - 1 : 2 * k + 3], abs=1e-5)
