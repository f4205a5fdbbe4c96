"""Test-time training moves what it may, little, and downhill."""

import jax
import numpy as np
import pytest

import spektron_jax
from spektron_jax.encoder.adaptation import Adaptation
from spektron_jax.encoder.test_time import (
    adapt,
    adaptable,
    trajectory,
    with_adapter,
)
from spektron_jax.errors import SpektronError


@pytest.fixture(scope="module")
def encoder(tiny_weights):
    return spektron_jax.load_encoder(tiny_weights)


AXIS = np.linspace(1100.0, 2300.0, 120)
SPECTRA = 0.4 + 0.3 * np.exp(-(((AXIS - [[1400], [1500], [1700]]) / 80) ** 2))


def test_only_norms_and_projections_move(encoder):
    before = jax.device_get(encoder.params)
    adapted, losses = adapt(encoder, SPECTRA, AXIS, "nm", "NIR")
    assert losses.shape == (3,) and np.isfinite(losses).all()
    after, same = jax.device_get(adapted.params), jax.device_get(encoder.params)
    flat = jax.tree_util.tree_flatten_with_path(adaptable(before))[0]
    moved = [
        float(np.abs(a - b).max())
        for a, b in zip(jax.tree.leaves(after), jax.tree.leaves(before), strict=True)
    ]
    for (path, may), far in zip(flat, moved, strict=True):
        assert far <= 3.1e-5 and (may or far == 0), path
    assert sum(far > 0 for far in moved) > 5
    jax.tree.map(np.testing.assert_array_equal, same, before)
    z = [e.embed(SPECTRA, AXIS, "nm", "NIR") for e in (encoder, adapted)]
    assert 0 < np.abs(z[0] - z[1]).max() < 0.1


def test_steps_go_downhill_and_repeat(encoder):
    more = Adaptation(steps=12, rate=3e-3)
    one, again = (adapt(encoder, SPECTRA, AXIS, "nm", "NIR", more)[1] for _ in "ab")
    np.testing.assert_array_equal(one, again)
    assert one[-3:].mean() < one[:3].mean()


def test_the_trajectory_passes_what_fewer_steps_come_to(encoder):
    where, rate = (SPECTRA, AXIS, "nm", "NIR"), 1e-3
    path = list(trajectory(encoder, *where, Adaptation(steps=4, rate=rate)))
    assert len(path) == 5 and np.isnan(path[0][1])
    for steps in (0, 2, 4):
        adapted, losses = adapt(encoder, *where, Adaptation(steps=steps, rate=rate))
        for name, values in adapted.adapter.items():
            np.testing.assert_array_equal(path[steps][0][name], values, name)
        np.testing.assert_array_equal([loss for _, loss in path[1 : steps + 1]], losses)


def test_what_moved_is_small_and_can_be_put_on_again(encoder):
    with_lora, without = (
        adapt(encoder, SPECTRA, AXIS, "nm", "NIR", Adaptation(rate=1e-3, lora=rank))[0]
        for rank in (2, 0)
    )
    assert set(without.adapter) < set(with_lora.adapter) and not encoder.adapter
    size = sum(values.size for values in with_lora.adapter.values())
    assert size < 0.2 * sum(leaf.size for leaf in jax.tree.leaves(encoder.params))
    for adapted in (with_lora, without):
        again = with_adapter(encoder, adapted.adapter)
        jax.tree.map(np.testing.assert_array_equal, again.params, adapted.params)
    kernels = [e.params["transformer_0"]["qkv"]["kernel"] for e in (with_lora, encoder)]
    assert 0 < np.abs(kernels[0] - kernels[1]).max() < 0.1
    with pytest.raises(SpektronError, match="strange is no parameter"):
        with_adapter(encoder, {"strange": np.zeros(2)})
    with pytest.raises(SpektronError, match="it belongs to other weights"):
        with_adapter(encoder, {"summary/scale": np.zeros(7)})


@pytest.mark.parametrize(
    "wrong",
    [{"steps": -1}, {"rate": 0.0}, {"share": 1.0}, {"lora": -1}, {"spectra": 0}],
)
def test_settings_that_cannot_be(wrong):
    with pytest.raises(SpektronError, match="give spectra >= 1, steps >= 0"):
        Adaptation(**wrong)
