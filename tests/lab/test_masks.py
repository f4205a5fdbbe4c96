"""Masks: exact share, true widths, no merging, valid points only, one trace."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spektron_jax.lab.masks import block_mask, draw_mask

COUNT = 40
SPACING_CM1 = 3500.0 / 2047


@jax.jit
def block_masks(key, valid, share, block):
    """COUNT masks (COUNT, L) of one spectrum; block (COUNT,) widths."""
    keys = jax.random.split(key, COUNT)
    return jax.vmap(block_mask, in_axes=(0, None, None, 0))(keys, valid, share, block)


def gaps(mask):
    """Widths of the runs of True."""
    edges = np.diff(np.concatenate([[0], np.asarray(mask, int), [0]]))
    return np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1)


def masks(points, share, block, seed=0):
    """COUNT masks of `points` points, (COUNT, points)."""
    # Short spectra are padded to one length, so that it is compiled twice only.
    length = 128 if points <= 128 else 2048
    block = np.broadcast_to(np.int32(block), COUNT)
    valid = np.arange(length) < points
    drawn = np.asarray(block_masks(jax.random.key(seed), valid, share, block))
    assert not drawn[:, points:].any()
    return drawn[:, :points]


@pytest.mark.parametrize("block", [1, 3, 7, 35, 58])
@pytest.mark.parametrize("share", [0.1, 0.2, 0.35, 0.5])
def test_exact_share_in_whole_blocks_that_never_merge(share, block):
    for mask in masks(2048, share, block):
        widths = gaps(mask)
        assert (widths == block).all()
        assert len(widths) == round(share * 2048 / block)


@pytest.mark.parametrize(
    ("length", "share", "block"),
    [(20, 0.2, 1), (97, 0.2, 3), (128, 0.35, 5), (64, 0.5, 20), (40, 0.35, 14)],
)
def test_short_spectra_too(length, share, block):
    for mask in masks(length, share, block):
        widths = gaps(mask)
        assert (widths == block).all()
        assert len(widths) == round(share * length / block)


def test_many_block_widths_in_one_call():
    block = np.arange(1, COUNT + 1)
    for mask, width in zip(masks(2048, 0.2, block), block, strict=True):
        assert (gaps(mask) == width).all()
        assert mask.sum() == width * round(0.2 * 2048 / width)


def test_points_that_were_not_measured_inside_the_range_stay_visible():
    valid = np.arange(128) % 10 != 4
    block = np.full(COUNT, 3)
    drawn = np.asarray(block_masks(jax.random.key(0), valid, 0.2, block))
    assert not drawn[:, ~valid].any() and drawn.any(1).all()


def test_reproducible_and_different_for_each_key():
    first, again = masks(128, 0.2, 3), masks(128, 0.2, 3)
    np.testing.assert_array_equal(first, again)
    assert len(np.unique(first, axis=0)) == COUNT


@pytest.mark.parametrize("length", [126, 128])
def test_every_point_is_hidden_equally_often(length):
    """Whatever the remainder of length by block and margin; fewer near the ends."""
    drawn = np.concatenate([masks(length, 0.2, 3, seed) for seed in range(100)])
    often = drawn.mean(0)
    # 4,000 masks: a standard error of 0.0064, and 4.5 of them either way.
    np.testing.assert_allclose(often[4:-4], 0.207, atol=0.029)
    assert often.min() > 0.02


@jax.jit
def draw(keys, long_fraction, share):
    return jax.vmap(
        lambda key: draw_mask(
            key, jnp.ones(2048, bool), SPACING_CM1, share, 3, long_fraction, (60, 100)
        )
    )(keys)


@pytest.mark.parametrize("share", [0.2, 0.35])
def test_long_spans_are_60_to_100_cm1(share):
    drawn = np.asarray(draw(jax.random.split(jax.random.key(1), 400), 1.0, share))
    widths = []
    for mask in drawn:
        own = gaps(mask)
        assert len(set(own)) == 1  # one width a spectrum
        assert len(own) == round(share * 2048 / own[0])
        widths.append(own[0] * SPACING_CM1)
    half = SPACING_CM1 / 2  # rounding to points
    assert 60 - half <= min(widths) < 63 and 97 < max(widths) <= 100 + half
    np.testing.assert_allclose(np.mean(widths), 80, atol=3)
    np.testing.assert_allclose(drawn.mean(), share, rtol=0.02)


def test_share_of_long_masks():
    keys = jax.random.split(jax.random.key(2), 400)
    assert all((gaps(mask) == 3).all() for mask in np.asarray(draw(keys, 0.0, 0.2)))
    mixed = [gaps(mask)[0] > 3 for mask in np.asarray(draw(keys, 0.7, 0.2))]
    np.testing.assert_allclose(np.mean(mixed), 0.7, atol=0.07)  # 3 standard errors
