"""Three algorithms for the oscillator recurrence, and one derivative for all of them.

In the dimensionless parameters (sigma, delta, g) of `oscillators.py`, S = 1 + sigma:

    w_k = (g (w_{k-1} - delta x_{k-1}) + f_k) / S,        x_k = g x_{k-1} + w_k

sequential: one point after the other.
associative: `jax.lax.associative_scan` over the affine maps of single points.
chunked: a Toeplitz product inside chunks of points, `associative_scan` over chunks.

The maps of a time-invariant recurrence differ only in how many points they span, so
`associative_scan` carries that count and looks the matrix up in `power_table`.
Multiplying f and x by g^k turns side -1 into side +1.

Dimension legend: L points, C chunks of Q points, P oscillators; forcing and positions
are (..., L, P, 2); sigma, delta and g are (P,) or (..., P) against the leading axes.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from spektron_jax.models.powers import power_table
from spektron_jax.shapes import ArrayLike

ALGORITHMS = ("sequential", "associative", "chunked")
CHUNK = 64  # points in a Toeplitz block


def choose(algorithm):
    """The algorithm that "auto" stands for on this platform; others pass unchanged.

    Raises:
      ValueError: for an unknown algorithm.
    """
    if algorithm == "auto":
        return "sequential" if jax.default_backend() == "cpu" else "chunked"
    if algorithm not in ALGORITHMS:
        known = ("auto", *ALGORITHMS)
        raise ValueError(f"algorithm {algorithm!r} is not one of {known}")
    return algorithm


def scan(
    sigma: Float[ArrayLike, "*S P"],
    delta: Float[ArrayLike, "*S P"],
    g: Float[ArrayLike, "*S P"],
    forcing: Float[ArrayLike, "*B L P 2"],
    *,
    algorithm: str = "auto",
    reverse: bool = False,
    state=None,
) -> tuple[Float[Array, "*B L P 2"], tuple[Array, Array]]:
    """Positions of forced oscillators and their last state.

    Args:
      sigma, delta, g: (P,) or (..., P), see the module's text.
      forcing: (..., L, P, 2), f of the module's text.
      algorithm: "auto" or one of ALGORITHMS; any float type.
      reverse: run from the last point to the first.
      state: (w, x) before the first point, (..., P, 2) each; None is rest.

    Returns:
      x like `forcing`, and (w, x) after the last point.

    Raises:
      ValueError: for an unknown algorithm.
    """
    if state is None:
        rest = jnp.zeros_like(forcing[..., 0, :, :])
        state = (rest, rest)
    return _scan(choose(algorithm), reverse, sigma, delta, g, forcing, state)


def damping(sigma):
    """(keep, share) with keep t - share t = t / S, however small or large sigma is.

    Up to sigma = 1 it is t - (sigma / S) t: rounding 1 / S alone would bend the decay
    over thousands of points (4e-5 after 2,048, 3e-4 after 16,384; so 2e-6 and 2e-5).
    Beyond, it is 0 t + t / S: t and (sigma / S) t would cancel, and oscillators that
    die within a point, as many do on a coarse axis, would return rounding.
    """
    low = sigma <= 1
    inverse = 1 / (1 + sigma)
    return low.astype(sigma.dtype), jnp.where(low, sigma * inverse, -inverse)


def step(keep, share, delta, g, state, force):
    """(w, x) one point later; keep, share from `damping`."""
    w, x = state
    t = g * (w - delta * x) + force
    w = keep * t - share * t
    return w, g * x + w


def _sequential(sigma, delta, g, force, state):
    keep, share = damping(sigma)

    def advance(state, force):
        state = step(keep, share, delta, g, state, force)
        return state, state[1]

    state, x = jax.lax.scan(advance, state, force)
    return x, state


def _blocked(chunk, sigma, delta, g, force, state):
    """Chunks of points, joined by `associative_scan`; force (L, ..., P, 2)."""
    length = force.shape[0]
    chunk = min(chunk, length)
    count = -(-length // chunk)
    last = length - (count - 1) * chunk  # points in the last chunk
    sign = np.arange(1, length + 1).reshape(-1, *[1] * (force.ndim - 1)) % 2
    sign = jnp.where(sign == 1, g, 1)
    ends = [(0, count * chunk - length), *[(0, 0)] * (force.ndim - 1)]
    force = jnp.pad(sign * force, ends).reshape(count, chunk, *force.shape[1:])

    a, b, c, d = power_table(sigma, delta, chunk + 1)
    inverse = 1 / (1 + sigma)
    # (w, x) n points after a unit force, the point of the force being n = 0.
    pushed = (((a + b) + 1) * inverse, ((c + d) + 1) * inverse)
    dot = functools.partial(jnp.einsum, precision=jax.lax.Precision.HIGHEST)

    def response(force):
        """(w, x) at the last of the points of `force` (C, Q, ...), from rest."""
        back = slice(force.shape[1] - 1, None, -1)
        return [dot("q...,cq...->c...", after[back], force) for after in pushed]

    lag = np.arange(chunk)[:, None] - np.arange(chunk)
    seen = (lag >= 0).reshape(*lag.shape, *[1] * sigma.ndim)
    x = dot("ij...,cj...->ci...", jnp.where(seen, pushed[1][lag.clip(0)], 0), force)

    powers = power_table(sigma, delta, count + 1, every=chunk)

    def moved(table, index, w, x):
        a, b, c, d = (entry[index] for entry in table)
        return w + (a * w + b * x), x + (c * w + d * x)

    def combine(first, second):
        before, w, x = first
        span, dw, dx = second
        w, x = moved(powers, span, w, x)
        return before + span, w + dw, x + dx

    # The chunks' own states, after the state that comes in.
    own = [
        jnp.concatenate([one[None], more])
        for one, more in zip(state, response(force[:-1]), strict=True)
    ]
    spans = jnp.ones(count, jnp.int32)
    _, *before = jax.lax.associative_scan(combine, (spans, *own))
    x = x + moved((a, b, c, d), slice(1, None), *(v[:, None] for v in before))[1]
    x = x.reshape(-1, *x.shape[2:])[:length]
    final = moved((a, b, c, d), last, *(value[-1] for value in before))
    final = [
        sign[-1] * (value + more[0])
        for value, more in zip(final, response(force[-1:, :last]), strict=True)
    ]
    return sign * x, tuple(final)


def _forward(algorithm, reverse, sigma, delta, g, forcing, state):
    force = jnp.moveaxis(forcing, -3, 0)
    if reverse:
        force = force[::-1]
    oscillators = [
        value.reshape(*[1] * (force.ndim - 2 - value.ndim), *value.shape, 1)
        for value in (sigma, delta, g)
    ]
    run = {
        "sequential": _sequential,
        "associative": functools.partial(_blocked, 1),
        "chunked": functools.partial(_blocked, CHUNK),
    }[algorithm]
    x, state = run(*oscillators, force, state)
    return jnp.moveaxis(x[::-1] if reverse else x, 0, -3), state


def adjoint_start(sigma, delta, g, cotangent):
    """State in which the adjoint starts, from the cotangent of the last (w, x)."""
    dw, dx = cotangent
    return g * (dx + (delta - sigma) * dw), g * dw


def adjoint_end(sigma, delta, g, state):
    """Cotangent of the first (w, x), from the state in which the adjoint ends."""
    w, x = state
    return g * x, g * (w + (sigma - delta) * x)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _scan(algorithm, reverse, sigma, delta, g, forcing, state):
    return _forward(algorithm, reverse, sigma, delta, g, forcing, state)


def _scan_fwd(algorithm, reverse, sigma, delta, g, forcing, state):
    x, last = _forward(algorithm, reverse, sigma, delta, g, forcing, state)
    return (x, last), (sigma, delta, g, x, state)


def _scan_bwd(algorithm, reverse, residuals, cotangents):
    """The adjoint is the same scan in reversed time: lambda = revscan(cotangent).

    dL/df = lambda; dL/dsigma = -sum lambda_k w_k; dL/ddelta = -sum lambda_k g x_{k-1}.
    w_k is x_k - g x_{k-1}, formed first: summing the two products apart costs digits.
    """
    sigma, delta, g, x, state = residuals
    cotangent, last = cotangents
    wide = [value[..., None] for value in (sigma, delta, g)]
    adjoint, end = _forward(
        algorithm, not reverse, sigma, delta, g, cotangent, adjoint_start(*wide, last)
    )
    first = state[1][..., None, :, :]
    if reverse:
        before = jnp.concatenate([x[..., 1:, :, :], first], axis=-3)
    else:
        before = jnp.concatenate([first, x[..., :-1, :, :]], axis=-3)
    before = before * g[..., None, :, None]
    d_sigma = summed(jnp.sum(adjoint * (x - before), axis=(-3, -1)), sigma)
    d_delta = summed(jnp.sum(adjoint * before, axis=(-3, -1)), delta)
    d_state = adjoint_end(*wide, end)
    return -d_sigma, -d_delta, jnp.zeros_like(g), adjoint, d_state


def summed(total, like):
    """`total` summed over the axes along which `like` was broadcast."""
    total = jnp.sum(total, axis=tuple(range(total.ndim - like.ndim)))
    kept = tuple(i for i, n in enumerate(like.shape) if n == 1 < total.shape[i])
    return jnp.sum(total, axis=kept, keepdims=True)


_scan.defvjp(_scan_fwd, _scan_bwd)
