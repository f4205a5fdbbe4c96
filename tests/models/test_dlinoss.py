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
from spektron_jax.models.oscillators import poles
from spektron_jax.models.scans import scan

DECAY = np.array([0.002, 0.02, 0.1, 0.25])
ANGLE = np.array([0.05, 0.4, 1.2, 1.5])  # below pi / 2: heard at step 2 as well


@jax.jit
def positions(decay, angle, step, forcing):
    """Positions (L, P) of oscillators forced by (L,) times their gain."""
    sigma, delta, g, gain = at_step(decay, angle, step)
    force = (forcing[:, None] * gain)[..., None] * jnp.ones(2)
    return scan(sigma, delta, g, force, algorithm="sequential")[0][..., 0]


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
    # 1e-5, in float64: the bound on the decay per step bends 0.5 by 2e-6.
    np.testing.assert_allclose(coarse, gain * fine, atol=1e-5)
    # Half as many points force it, each with twice the weight: for a slow oscillator
    # the response per cm-1 stays.
    np.testing.assert_allclose(gain[0], 2.0, rtol=0.01)


@pytest.mark.parametrize("step", [0.3, 1.0, 2.0])
def test_decay_and_angle_per_cm1_stay(step):
    with jax.enable_x64(True):
        oscillators = at_step(jnp.asarray(DECAY), jnp.asarray(ANGLE), step)[:3]
        angle, radius = map(np.asarray, poles(*oscillators)[:2])
    # The bound on the decay per step bends 0.5 by 2e-6.
    np.testing.assert_allclose(-np.log(radius), DECAY * step, rtol=1e-5)
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
    coarse = np.mean(angle * 4.1 < np.pi)  # 2 nm in the NIR
    assert 0.42 < coarse < 0.52
    assert 0.1 < np.mean(angle > 0.75 * np.pi) < 0.18


def test_layer_has_a_gradient_for_every_parameter(random_parameters):
    layer = DLinOSS(oscillators=6, scan="stream")
    u, weight = np.random.default_rng(0).normal(size=(2, 3, 40, 8)).astype(np.float32)
    params = random_parameters(layer, u, jnp.asarray(1.0))
    # The first is beyond the band at step 1.3, the others are not.
    params["params"]["angle_logit"][:] = [4.0, -3.0, -1.0, 0.0, 0.5, 1.0]

    @jax.jit
    @jax.grad
    def gradient(params):
        return jnp.sum(weight * layer.apply(params, u, jnp.asarray(1.3)))

    for name, value in gradient(params)["params"].items():
        value = np.asarray(value)
        assert np.isfinite(value).all(), name
        match name:
            case "log_decay" | "angle_logit" | "out":
                assert (value[0] == 0).all() and (value[1:] != 0).all()
            case "into":
                assert (value[:, 0] == 0).all() and (value[:, 1:] != 0).all()
            case "skip":
                assert (value != 0).all()


def test_layer_takes_a_step_for_each_spectrum(random_parameters):
    layer = DLinOSS(oscillators=6, scan="stream")
    u = np.random.default_rng(0).normal(size=(2, 20, 8)).astype(np.float32)
    params = random_parameters(layer, u, jnp.asarray(1.0))
    apply = jax.jit(layer.apply)
    both = apply(params, u, jnp.asarray([0.5, 2.0]))
    assert np.abs(both[0] - both[1]).max() > 0.1
    for i, step in enumerate([0.5, 2.0]):
        alone = apply(params, u, jnp.asarray(step))
        np.testing.assert_allclose(both[i], alone[i], atol=1e-5)


LENGTH, STEP = 130, np.float32(1.0)
BACKBONE = Backbone(layers=2, oscillators=8, scan="stream")


@pytest.fixture(scope="module")
def backbone(random_parameters):
    """A function, its parameters and tokens (2, 130, 16).

    function(params, x, alive, cotangent): output, gradient by params and by x.
    """
    x = np.random.default_rng(0).normal(size=(2, LENGTH, 16)).astype(np.float32)
    alive = np.ones((2, LENGTH, 1), np.float32)

    @jax.jit
    def run(params, x, alive, cotangent):
        out, pull = jax.vjp(
            lambda params, x: BACKBONE.apply(params, x, alive, STEP, train=False),
            params,
            x,
        )
        return out, *pull(cotangent)

    return run, random_parameters(BACKBONE, x, alive, STEP, train=False), x


def test_cls_sees_every_token_through_the_backbone(backbone):
    run, params, x = backbone
    cotangent = np.zeros_like(x)
    cotangent[:, 0] = np.random.default_rng(3).normal(size=16)
    _, _, gradient = run(params, x, np.ones((2, LENGTH, 1), np.float32), cotangent)
    reach = np.linalg.norm(gradient, axis=-1)
    assert (reach > 0).all()
    # And not by a hair: the far end of the spectrum counts too.
    assert (reach[:, -10:].mean(1) > 1e-3 * reach[:, 2:12].mean(1)).all()


def test_every_token_sees_every_other(backbone):
    run, params, x = backbone
    alive = np.ones((2, LENGTH, 1), np.float32)
    before, _, _ = run(params, x, alive, x)
    for place in (2, 70, LENGTH - 1):
        changed = x.copy()
        changed[:, place] += np.arange(16.0)
        after, _, _ = run(params, changed, alive, x)
        assert (np.abs(after - before).max(-1) > 0).all()


def test_backbone_ignores_padding(backbone):
    run, params, x = backbone
    short = jax.jit(
        lambda x: BACKBONE.apply(params, x, jnp.ones((2, 30, 1)), STEP, train=False)
    )(x[:, :30])
    alive = np.zeros((2, LENGTH, 1), np.float32)
    alive[:, :30] = 1.0
    long, _, _ = run(params, x, alive, x)
    np.testing.assert_allclose(long[:, :30], short, atol=1e-5)


def test_directions_and_layers_have_weights_of_their_own(backbone):
    """Two layers of two directions each, both of which change the output."""
    run, params, x = backbone
    alive = np.ones((2, LENGTH, 1), np.float32)
    before, _, _ = run(params, x, alive, x)
    for layer in range(2):
        for direction in range(2):
            changed = jax.tree.map(np.copy, params)
            skip = changed["params"]["layers"]["ssm"]["skip"]
            assert skip.shape == (2, 2, 16)
            skip[layer, direction] += 1.0
            after, _, _ = run(changed, x, alive, x)
            assert np.abs(after - before).max() > 0.01


def test_backbone_gradient_reaches_every_parameter(backbone):
    run, params, x = backbone
    cotangent = np.random.default_rng(4).normal(size=x.shape).astype(np.float32)
    _, gradient, _ = run(params, x, np.ones((2, LENGTH, 1), np.float32), cotangent)
    for path, leaf in jax.tree_util.tree_leaves_with_path(gradient):
        name = jax.tree_util.keystr(path)
        assert np.isfinite(leaf).all(), name
        assert (np.asarray(leaf) != 0).all(), name


def test_rematerialised_chunked_backbone_agrees_with_the_plain_one(
    random_parameters,
):
    """The settings of base against those of nano: values and gradients."""
    x, weight = np.random.default_rng(5).normal(size=(2, 2, 4, 8)).astype(np.float32)
    alive, step = np.ones((2, 4, 1), np.float32), np.float32(1.2)
    results = []
    for algorithm, remat in (("stream", False), ("chunked", True)):
        module = Backbone(layers=2, oscillators=4, scan=algorithm, remat=remat)
        params = random_parameters(module, x, alive, step, train=False)

        @jax.jit
        @jax.value_and_grad
        def loss(params, x, module=module):
            out = module.apply(params, x, alive, step, train=False)
            return jnp.sum(weight * out)

        results.append(loss(params, x))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), *results
    )


def test_backbone_draws_dropout_anew_in_every_layer_and_direction(random_parameters):
    x = np.random.default_rng(6).normal(size=(1, 6, 8)).astype(np.float32)
    alive, step = np.ones((1, 6, 1), np.float32), np.float32(1.0)
    module = Backbone(layers=1, oscillators=4, scan="stream", dropout=0.5, remat=True)
    params = random_parameters(module, x, alive, step, train=False)
    # Both directions alike and tokens all equal: forward and backward stacks differ
    # only in what dropout takes.
    params = jax.tree.map(lambda leaf: np.repeat(leaf[:, :1], 2, 1), params)
    mirrored = np.concatenate([x, x[:, ::-1]], 1)
    alive = np.ones((1, 12, 1), np.float32)

    @jax.jit
    def run(key):
        return module.apply(
            params, mirrored, alive, step, train=True, rngs={"dropout": key}
        )

    first, again, second = (np.asarray(run(jax.random.key(k))) for k in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - second).max() > 0.01
    # The same draw for both directions would leave the mirror image a mirror image.
    assert np.abs(first - first[:, ::-1]).max() > 0.01
