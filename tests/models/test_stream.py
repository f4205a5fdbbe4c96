"""The streamed layer against the layer that keeps every position."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spektron_jax.models.oscillators import from_poles
from spektron_jax.models.stream import Layer, chunk_points, dlinoss

D, P = 6, 5


def layer(seed, batch=()):
    """A layer with one silent oscillator, the others on both sides of the band."""
    rng = np.random.default_rng(seed)
    decay = jnp.asarray(rng.uniform(0.01, 0.5, (*batch, P)), jnp.float32)
    angle = jnp.asarray(rng.uniform(0.05, 3.1, (*batch, P)), jnp.float32)
    drive = rng.uniform(0.5, 2.0, (*batch, P))
    drive[..., 1] = 0.0
    rest = (rng.normal(size=shape) for shape in ((D, P, 2), (P, 2, D), (D,)))
    return Layer(
        *from_poles(decay, angle),
        *(jnp.asarray(value, jnp.float32) for value in (drive, *rest)),
    )


def value_and_pull(algorithm):
    @jax.jit
    def run(layer, u, cotangent):
        y, pull = jax.vjp(lambda *x: dlinoss(*x, algorithm=algorithm), layer, u)
        return y, pull(cotangent)

    return run


def assert_same(found, wanted, layer):
    # g is a side, not a number to learn; the silent oscillator's drive has no gradient.
    (y, (d_layer, du)), (y_want, (d_want, du_want)) = found, wanted
    d_want = d_want._replace(drive=jnp.where(layer.drive == 0, 0, d_want.drive))
    names = ("y", "du", *Layer._fields)
    pairs = zip((y, du, *d_layer), (y_want, du_want, *d_want), strict=True)
    for name, (one, two) in zip(names, pairs, strict=True):
        scale = np.abs(two).max()
        np.testing.assert_allclose(one, two, rtol=0, atol=2e-5 * scale, err_msg=name)
        assert scale > 0 or name == "g"


@pytest.mark.parametrize("length", [1, 7, 33, 100, 257])
@pytest.mark.parametrize("own", [False, True], ids=["shared", "own oscillators"])
def test_stream_equals_the_layer_that_keeps_positions(own, length):
    rng = np.random.default_rng(length)
    u, cotangent = rng.normal(size=(2, 9, length, D)).astype(np.float32)
    parameters = layer(0, (9,) if own else ())
    found, wanted = (
        value_and_pull(algorithm)(parameters, u, cotangent)
        for algorithm in ("stream", "sequential")
    )
    if length == 1:  # one point: nothing depends on delta
        np.testing.assert_allclose(found[0], wanted[0], atol=1e-5)
        np.testing.assert_allclose(found[1][1], wanted[1][1], atol=1e-5)
        return
    assert_same(found, wanted, parameters)


def test_one_spectrum_without_a_batch_axis():
    u = np.random.default_rng(1).normal(size=(50, D)).astype(np.float32)
    one = dlinoss(layer(1), u, algorithm="stream")
    np.testing.assert_allclose(
        one, dlinoss(layer(1), u[None], algorithm="stream")[0], atol=1e-6
    )


def test_stacked_directions_by_vmap():
    """`vmap` over two layers, as the bidirectional stack does it."""
    u, cotangent = np.random.default_rng(2).normal(size=(2, 2, 3, 70, D))
    u, cotangent = u.astype(np.float32), cotangent.astype(np.float32)
    both = jax.tree.map(lambda *x: jnp.stack(x), layer(2), layer(3))
    together = jax.vmap(value_and_pull("stream"))(both, u, cotangent)
    for number, parameters in enumerate((layer(2), layer(3))):
        alone = value_and_pull("stream")(parameters, u[number], cotangent[number])
        mine = jax.tree.map(lambda x, n=number: x[n], together)
        assert_same(mine, alone, parameters)


def test_every_algorithm_gives_the_same_layer():
    u = np.random.default_rng(4).normal(size=(2, 6, D)).astype(np.float32)
    run = jax.jit(dlinoss, static_argnames="algorithm")
    first, *others = (
        run(layer(4), u, algorithm=name)
        for name in ("auto", "stream", "sequential", "associative", "chunked")
    )
    for y in others:
        np.testing.assert_allclose(y, first, atol=1e-4)


def test_states_are_never_kept_whole():
    """Forward and backward of a long layer need less than one array of positions."""
    batch, length = 16, 4096
    u = jax.ShapeDtypeStruct((batch, length, D), jnp.float32)
    memory = value_and_pull("stream").lower(layer(5), u, u).compile().memory_analysis()
    assert memory.temp_size_in_bytes < 0.25 * batch * length * P * 2 * 4


@pytest.mark.parametrize(
    ("batch", "length"), [(1, 2050), (16, 2050), (16, 258), (3, 9)]
)
def test_chunks_leave_little_over(batch, length):
    points = chunk_points(batch, length)
    assert points <= max(length, 1) and -length % points <= 0.03 * length
