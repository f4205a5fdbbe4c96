"""D-LinOSS layers: poles that keep their meaning in cm-1, gradients, CLS, padding."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spektron_jax.models.dlinoss import (
    Backbone,
    DLinOSS,
    at_step,
    init_angle_logit,
    init_log_decay,
    pole_of,
)
from spektron_jax.models.oscillators import oscillator_scan, poles

DECAY = np.array([0.002, 0.02, 0.1, 0.25])
ANGLE = np.array([0.05, 0.4, 1.2, 1.5])  # below pi / 2: heard at step 2 as well


@jax.jit
def positions(decay, angle, step, forcing):
    """Positions (L, P) of oscillators forced by (L,) times their gain."""
    sigma, delta, g, gain = at_step(decay, angle, step)
    force = (forcing[:, None] * gain)[..., None] * jnp.ones(2)
    return oscillator_scan(sigma, delta, g, force, algorithm="sequential")[..., 0]


def response(decay, angle, step, forcing):
    """`positions` in float64."""
    with jax.enable_x64(True):
        arguments = map(jnp.asarray, (decay, angle, float(step), forcing))
        return np.asarray(positions(*arguments))


def impulse_response(decay, angle, step, length):
    return response(decay, angle, step, np.eye(1, length)[0])


def test_coarse_axis_hears_every_second_point_of_the_fine_response():
    """exp(-decay k) sin(angle (k + 1)): step 2 has the fine axis's odd points."""
    fine = impulse_response(DECAY, ANGLE, 1.0, 200)[1::2]
    coarse = impulse_response(DECAY, ANGLE, 2.0, 100)
    gain = np.sum(coarse * fine, 0) / np.sum(fine**2, 0)
    np.testing.assert_allclose(coarse, gain * fine, atol=1e-9)
    # Half as many points force it, each with twice the weight: for a slow oscillator
    # the response per cm-1 stays.
    np.testing.assert_allclose(gain[0], 2.0, rtol=0.01)


@pytest.mark.parametrize("step", [0.3, 1.0, 2.0])
def test_decay_and_angle_per_cm1_stay(step):
    with jax.enable_x64(True):
        oscillators = at_step(jnp.asarray(DECAY), jnp.asarray(ANGLE), step)[:3]
        radius, angle = map(np.asarray, poles(*oscillators))
    np.testing.assert_allclose(-np.log(radius), DECAY * step, rtol=1e-9)
    np.testing.assert_allclose(angle, ANGLE * step, rtol=1e-9)


def test_slow_forcing_gives_the_same_positions_on_any_axis():
    """A broad band drives a slow oscillator alike at half the point density."""
    band = np.exp(-0.5 * ((np.arange(400.0) - 150) / 20) ** 2)

    decay, angle = np.array([0.02]), np.array([0.05])
    fine = response(decay, angle, 1, band)[1::2]
    coarse = response(decay, angle, 2, band[1::2])
    # A coarse point stands for itself and the one before: half a fine point late,
    # which on a band of this width is 4 %. A wrong gain would be a factor.
    assert np.abs(fine - coarse).max() < 0.05 * np.abs(fine).max()


def test_oscillators_beyond_the_coarse_band_are_silent():
    angle = np.array([1.0, 1.5, 1.6, 3.0])
    decay = np.full(4, 0.01)
    heard = impulse_response(decay, angle, 2.0, 100)
    assert (heard[:, 2:] == 0).all()
    assert (np.abs(heard[:, :2]).max(0) > 0.1).all()


def test_white_forcing_gives_about_unit_variance():
    angle = np.linspace(0.0, np.pi - 1e-6, 9)
    for decay in (0.01, 0.1, 0.25):
        ringing = impulse_response(np.full(9, decay), angle, 1.0, 2000)
        variance = np.sum(ringing**2, 0)
        assert (variance > 0.5).all() and (variance < 2.0).all()


@given(
    log_decay=st.floats(-200, 200),
    angle_logit=st.floats(-200, 200),
    step=st.floats(0.05, 400.0),
)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_every_parameter_value_is_stable_on_every_axis(log_decay, angle_logit, step):
    sigma, delta, g, gain = parameters = at_step(
        *pole_of(jnp.float32(log_decay), jnp.float32(angle_logit)), jnp.float32(step)
    )
    assert np.isfinite(np.array(parameters)).all()
    # Eigenvalues of the float32 parameters, taken as exact.
    sigma, delta = float(sigma), float(delta)
    a = delta if g > 0 else 4 + 2 * sigma - delta
    s = 1 + sigma
    assert sigma > 0 and 0 < a < 4 + 2 * sigma  # Jury
    eigenvalues = np.linalg.eigvals([[1 / s, -a / s], [1 / s, 1 - a / s]])
    assert np.abs(eigenvalues).max() < 1


@pytest.mark.parametrize("step", [0.5, 1.0, 400.0])
def test_gradient_of_the_parameters_is_finite_at_extremes(step):
    log_decay, angle_logit = jnp.meshgrid(
        jnp.asarray([-50.0, -14.0, -3.0, 0.0, 3.0, 10.0, 200.0]),
        jnp.asarray([-100.0, -17.0, 0.0, 17.0, 100.0]),
    )

    @jax.jit
    @jax.grad
    def gradient(parameters, step):
        return jnp.sum(positions(*pole_of(*parameters), step, jnp.ones(30)) ** 2)

    for value in gradient((log_decay.ravel(), angle_logit.ravel()), step):
        assert np.isfinite(value).all()


def test_initial_poles_cover_the_band():
    key = jax.random.key(0)
    decay, angle = pole_of(init_log_decay(key, (2000,)), init_angle_logit(key, (2000,)))
    assert 3.9 < 1 / decay.max() < 4.2 and 3500 < 1 / decay.min() < 4100
    assert angle.min() < 0.05 and angle.max() > 3.09
    shares = np.histogram(angle, bins=8, range=(0, np.pi))[0] / 2000
    np.testing.assert_allclose(shares, 1 / 8, atol=0.03)


def random_parameters(params, seed):
    """Every leaf moved, so that no bias is zero and no scale one."""
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(seed), len(leaves))
    return jax.tree.unflatten(
        tree,
        [
            leaf + 0.2 * jax.random.normal(key, leaf.shape)
            for leaf, key in zip(leaves, keys, strict=True)
        ],
    )


def test_layer_has_a_gradient_for_every_parameter():
    layer = DLinOSS(oscillators=6, scan="sequential")
    u, weight = jax.random.normal(jax.random.key(0), (2, 3, 40, 8))
    params = jax.jit(layer.init)(jax.random.key(1), u, jnp.asarray(1.0))["params"]

    @jax.jit
    @jax.grad
    def gradient(params):
        return jnp.sum(weight * layer.apply({"params": params}, u, jnp.asarray(1.3)))

    for name, value in gradient(params).items():
        assert np.isfinite(value).all(), name
        # All but the oscillator beyond the band of this coarser axis, if there is one.
        heard = 1.3 * pole_of(**{k: params[k] for k in ("log_decay", "angle_logit")})[1]
        silent = np.asarray(heard) >= np.pi
        if name in ("log_decay", "angle_logit"):
            assert ((np.asarray(value) != 0) == ~silent).all(), name
        elif name == "skip":
            assert (value != 0).all()
    assert not silent.all()


def test_layer_takes_a_step_for_each_spectrum():
    layer = DLinOSS(oscillators=6, scan="sequential")
    u = jax.random.normal(jax.random.key(0), (2, 20, 8))
    params = jax.jit(layer.init)(jax.random.key(1), u, jnp.asarray(1.0))
    apply = jax.jit(layer.apply)
    both = apply(params, u, jnp.asarray([0.5, 2.0]))
    for i, step in enumerate([0.5, 2.0]):
        alone = apply(params, u[i : i + 1], jnp.asarray(step))
        np.testing.assert_allclose(both[i], alone[0], atol=1e-5)


@pytest.fixture(scope="module")
def backbone():
    """A two-layer backbone, random parameters, and tokens (2, 130, 16)."""
    module = Backbone(layers=2, oscillators=8, scan="sequential")
    x = jax.random.normal(jax.random.key(0), (2, 130, 16))

    @jax.jit
    def init(key):
        alive, step = jnp.ones((2, 130, 1)), jnp.asarray(1.0)
        return random_parameters(module.init(key, x, alive, step, train=False), 2)

    @jax.jit
    def apply(params, x, alive):
        return module.apply(params, x, alive, jnp.asarray(1.0), train=False)

    return apply, init(jax.random.key(1)), x


def test_cls_sees_every_token_through_the_backbone(backbone):
    apply, params, x = backbone
    weight = jax.random.normal(jax.random.key(3), (16,))
    alive = jnp.ones((2, 130, 1))
    gradient = jax.grad(lambda x: jnp.sum(apply(params, x, alive)[:, 0] @ weight))(x)
    reach = np.linalg.norm(gradient, axis=-1)
    assert (reach > 0).all()
    # And not by a hair: the far end of the spectrum counts too.
    assert (reach[:, -10:].mean(1) > 1e-4 * reach[:, 2:12].mean(1)).all()


def test_every_token_sees_every_other(backbone):
    apply, params, x = backbone
    alive = jnp.ones((2, 130, 1))
    before = apply(params, x, alive)
    for changed in (2, 70, 129):
        after = apply(params, x.at[:, changed].add(jnp.arange(16.0)), alive)
        assert (np.abs(after - before).max(-1) > 0).all()


def test_backbone_ignores_padding(backbone):
    apply, params, x = backbone
    short = apply(params, x[:, :100], jnp.ones((2, 100, 1)))
    alive = jnp.broadcast_to((jnp.arange(130) < 100)[None, :, None], (2, 130, 1))
    long = apply(params, x, alive.astype(jnp.float32))
    np.testing.assert_allclose(long[:, :100], short, atol=1e-5)


def test_directions_and_layers_have_weights_of_their_own(backbone):
    _, params, _ = backbone
    for leaf in jax.tree.leaves(params):
        assert leaf.shape[:2] == (2, 2)  # layers, directions
    poles = params["params"]["layers"]["ssm"]["log_decay"]
    assert len(np.unique(poles)) == poles.size


def test_backbone_gradient_reaches_every_parameter(backbone):
    apply, params, x = backbone
    weight = jax.random.normal(jax.random.key(4), x.shape)
    alive = jnp.ones((2, 130, 1))
    gradient = jax.grad(lambda p: jnp.sum(weight * apply(p, x, alive)))(params)
    for path, leaf in jax.tree_util.tree_leaves_with_path(gradient):
        name = jax.tree_util.keystr(path)
        assert np.isfinite(leaf).all(), name
        assert (leaf != 0).all(), name
