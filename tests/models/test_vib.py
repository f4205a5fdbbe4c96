"""Gradient reversal, latent sampling, the clamp of the log-variance."""

import jax
import jax.numpy as jnp
import numpy as np

from spektron_jax.models.vib import LOG_VARIANCE, Latent, reverse_gradient


def test_reversal_is_the_identity_forward_and_minus_alpha_backward():
    x = jax.random.normal(jax.random.key(0), (3, 4))
    cotangent = jax.random.normal(jax.random.key(1), (3, 4))
    for alpha in (0.0, 0.3, 1.0, 2.5):
        y, pull = jax.vjp(reverse_gradient, x, jnp.float32(alpha))
        np.testing.assert_array_equal(y, x)
        dx, dalpha = pull(cotangent)
        np.testing.assert_array_equal(dx, -jnp.float32(alpha) * cotangent)
        assert dalpha == 0.0


def test_reversal_inside_a_chain_turns_only_what_lies_before_it():
    def loss(before, after, alpha):
        return jnp.sum(after * reverse_gradient(jnp.tanh(before), alpha))

    before, after = jax.random.normal(jax.random.key(2), (2, 5))
    plain = jax.grad(lambda b, a: jnp.sum(a * jnp.tanh(b)), argnums=(0, 1))
    d_before, d_after = jax.grad(loss, argnums=(0, 1))(before, after, jnp.float32(0.7))
    wanted_before, wanted_after = plain(before, after)
    np.testing.assert_allclose(d_before, -0.7 * wanted_before, rtol=1e-6)
    np.testing.assert_array_equal(d_after, wanted_after)


def summaries(h):
    """h with everything measured, in the modalities one after the other."""
    return h, np.ones(h.shape, bool), np.arange(len(h)) % 4


def latent(h, keys, scale=0.1):
    """Latent of 4000 dimensions on a random, not fresh, kernel of the log-variance."""
    module, read = Latent(4000, 8), summaries(h)
    params = jax.jit(module.init)(jax.random.key(3), *read, None)["params"]
    kernel = params["log_variance"]["kernel"]
    noise = jax.random.normal(jax.random.key(4), kernel.shape)
    params["log_variance"]["kernel"] = scale * noise
    return jax.jit(module.apply)({"params": params}, *read, keys)


def test_samples_have_the_mean_and_variance_they_say():
    h = jax.random.normal(jax.random.key(5), (6, 8))
    z, mean, log_variance = latent(h, jax.random.split(jax.random.key(6), 6))
    score = np.asarray((z - mean) * jnp.exp(-0.5 * log_variance))
    # 24,000 draws: the mean within 5 standard errors, the deviation too.
    assert abs(score.mean()) < 5 / np.sqrt(score.size)
    assert abs(score.std() - 1) < 5 / np.sqrt(2 * score.size)
    assert np.std(log_variance) > 0.1
    # Every example has noise of its own.
    assert abs(np.corrcoef(score)[np.triu_indices(6, 1)]).max() < 0.1


def test_without_keys_the_latent_is_its_mean():
    h = jax.random.normal(jax.random.key(5), (6, 8))
    z, mean, log_variance = latent(h, None)
    np.testing.assert_array_equal(z, mean)
    assert z.dtype == mean.dtype == log_variance.dtype == jnp.float32


def test_an_examples_sample_depends_on_its_own_key_alone():
    h = jax.random.normal(jax.random.key(5), (6, 8))
    keys = jax.random.split(jax.random.key(6), 6)
    together, _, _ = latent(h, keys)
    alone, _, _ = latent(h[4:5], keys[4:5])
    np.testing.assert_allclose(together[4], alone[0], atol=1e-6)


def test_log_variance_is_clamped():
    h = 100 * jax.random.normal(jax.random.key(5), (6, 8))
    _, _, log_variance = latent(h, None, scale=1.0)
    low, high = LOG_VARIANCE
    assert log_variance.min() == low and log_variance.max() == high


def test_a_fresh_latent_is_not_drowned_in_noise():
    h = jax.random.normal(jax.random.key(5), (6, 8))
    module, read = Latent(50, 8), summaries(h)
    params = jax.jit(module.init)(jax.random.key(3), *read, None)
    _, mean, log_variance = module.apply(params, *read, None)
    assert np.exp(log_variance).max() < 0.1 < np.var(mean)


def test_each_modality_is_read_by_its_own_numbers():
    h = jax.random.normal(jax.random.key(5), (4, 8))
    module, read = Latent(6, 5), summaries(h)
    params = module.init(jax.random.key(3), *read, None)["params"]
    draw = np.random.default_rng(0).normal
    params |= {k: draw(size=params[k].shape) for k in ("centre", "kernel", "offset")}
    _, mean, _ = module.apply({"params": params}, *read, None)
    for row, code in enumerate(read[2]):
        read_by_hand = (h[row] - params["centre"][code]) @ params["kernel"][code]
        expected = (read_by_hand + params["offset"][code]) @ params["mean"]["kernel"]
        np.testing.assert_allclose(mean[row], expected, rtol=1e-4, atol=1e-5)


def test_what_was_not_measured_counts_as_the_average():
    h = jax.random.normal(jax.random.key(5), (4, 8))
    module, (_, known, modality) = Latent(6, 5), summaries(h)
    params = module.init(jax.random.key(3), h, known, modality, None)["params"]
    params["centre"] = np.random.default_rng(0).normal(size=(4, 8))
    known[:, 3:5] = False
    filled = np.where(known, h, params["centre"][modality])
    np.testing.assert_allclose(
        module.apply({"params": params}, h, known, modality, None)[0],
        module.apply({"params": params}, filled, known | True, modality, None)[0],
        atol=1e-6,
    )
