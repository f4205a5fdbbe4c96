"""The whole D-LinOSS layer, y = Re(C x) + skip u, without ever keeping its states.

On a CPU the layer is bound by its two projections, so the points go by in chunks that
stay in the cache: project with B, advance the oscillators in place, read out with C.
Only the state between chunks is kept. The backward pass recomputes a chunk's positions
from it and runs the adjoint, the same recurrence in reversed time, over the chunk.

Dimension legend: B batch, L points, Q points in a chunk, D width, P oscillators.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from spektron_jax.models import scans
from spektron_jax.shapes import ArrayLike


class Layer(NamedTuple):
    """Oscillators of one layer and how they are forced and read."""

    sigma: Float[Array, "*B P"]  # with delta and g: see oscillators.py
    delta: Float[Array, "*B P"]
    g: Float[Array, "*B P"]
    drive: Float[Array, "*B P"]  # factor on the forcing
    into: Float[Array, "D P 2"]  # real and imaginary part of B
    out: Float[Array, "P 2 D"]  # real part and minus the imaginary part of C
    skip: Float[Array, " D"]


def dlinoss(
    layer: Layer, u: Float[ArrayLike, "*B L D"], *, algorithm: str = "auto"
) -> Float[Array, "*B L D"]:
    """Output of one D-LinOSS layer (Boyer, Rusch & Rus 2025).

    Args:
      layer: a `Layer`.
      u: (B, L, D), or (L, D) with oscillators (P,).
      algorithm: "stream" as described above, one of `scans.ALGORITHMS` to keep every
        position, or "auto": "stream" on a CPU, "chunked" elsewhere.

    Returns:
      y like u.

    Raises:
      ValueError: for an unknown algorithm.
    """
    if algorithm == "auto" and jax.default_backend() == "cpu":
        algorithm = "stream"
    if algorithm == "stream":
        return _stream(layer, u) if u.ndim == 3 else _stream(layer, u[None])[0]
    force = jnp.einsum("...td,dpc->...tpc", u, layer.into)
    force = force * layer.drive[..., None, :, None]
    x, _ = scans.scan(*layer[:3], force, algorithm=algorithm)
    return jnp.einsum("...tpc,pcd->...td", x, layer.out) + layer.skip * u


def chunk_points(batch, length):
    """Points in a chunk: about 32, and about 256 of all spectra together at least.

    Of the lengths near that, the one that leaves the fewest points over.
    """
    target = max(32, 256 // batch)
    if length <= target:
        return length
    near = range(target * 3 // 4, target * 3 // 2)
    return min(near, key=lambda q: (-(-length // q) * q, abs(q - target)))


@jax.custom_vjp
def _stream(layer, u):
    return _stream_fwd(layer, u)[0]


def _flat(layer):
    """Coefficients of (w, x) with both channels side by side, and the matrices."""
    sigma, delta, g, drive, into, out, skip = layer
    rows = (*scans.damping(sigma), delta, g, drive)
    rows = [jnp.repeat(value, 2, axis=-1) for value in rows]
    return rows, into.reshape(into.shape[0], -1), out.reshape(-1, out.shape[-1]), skip


def _advance(rows, state, force, reverse=False):
    """Positions (B, Q, 2P) written over the force, and the last state."""
    batch, points, width = force.shape
    *oscillator, _ = rows

    def one(index, carry):
        state, buffer = carry
        at = (0, points - 1 - index if reverse else index, 0)
        now = jax.lax.dynamic_slice(buffer, at, (batch, 1, width))[:, 0]
        state = scans.step(*oscillator, state, now)
        return state, jax.lax.dynamic_update_slice(buffer, state[1][:, None], at)

    return jax.lax.fori_loop(0, points, one, (state, force))


def _cut(array, number, points):
    """Chunk of (B, L, D) as the rows of a matrix, (B * Q, D)."""
    batch, _, width = array.shape
    at = (0, number * points, 0)
    return jax.lax.dynamic_slice(array, at, (batch, points, width)).reshape(-1, width)


def _whole(array, points):
    """(B, L, D) with zeros behind, up to a whole number of chunks."""
    over = -array.shape[1] % points
    return jnp.pad(array, ((0, 0), (0, over), (0, 0))) if over else array


def _driven(rows, chunk, into, batch):
    """Forcing of a chunk, (B, Q, 2P)."""
    force = (chunk @ into).reshape(batch, -1, into.shape[-1])
    drive = rows[-1]
    return force * (drive if drive.ndim == 1 else drive[:, None])


def _stream_fwd(layer, u):
    batch, length, width = u.shape
    points = chunk_points(batch, length)
    rows, into, out, skip = _flat(layer)
    inputs = _whole(u, points)

    def one(carry, number):
        state, y = carry
        chunk = _cut(inputs, number, points)
        last, x = _advance(rows, state, _driven(rows, chunk, into, batch))
        part = x.reshape(-1, x.shape[-1]) @ out + skip * chunk
        part = part.reshape(batch, points, width)
        y = jax.lax.dynamic_update_slice(y, part, (0, number * points, 0))
        return (last, y), state

    rest = jnp.zeros((batch, into.shape[-1]), u.dtype)
    numbers = jnp.arange(inputs.shape[1] // points)
    (_, y), states = jax.lax.scan(one, ((rest, rest), jnp.zeros_like(inputs)), numbers)
    return y[:, :length], (layer, u, states)


def _stream_bwd(residuals, dy):
    layer, u, states = residuals
    batch, length, width = u.shape
    points = chunk_points(batch, length)
    rows, into, out, skip = _flat(layer)
    inputs, dy = _whole(u, points), _whole(dy, points)
    *_, g, drive = (row if row.ndim == 1 else row[:, None] for row in rows)
    # Summed with the batch at once where it may be: a third of the time at batch 1.
    shared = all(row.ndim == 1 for row in rows)
    total = functools.partial(jnp.sum, axis=(0, 1) if shared else 1)

    def one(carry, chunk):
        adjoint, du, sums = carry
        number, state = chunk
        u_chunk, dy_chunk = _cut(inputs, number, points), _cut(dy, number, points)
        _, x = _advance(rows, state, _driven(rows, u_chunk, into, batch))
        dx = (dy_chunk @ out.T).reshape(x.shape)
        pull = total(dx * x)
        adjoint, lam = _advance(rows, adjoint, dx, reverse=True)
        before = g * jnp.concatenate([state[1][:, None], x[:, :-1]], 1)
        d_force = (drive * lam).reshape(-1, lam.shape[-1])
        part = (d_force @ into.T + skip * dy_chunk).reshape(batch, points, width)
        du = jax.lax.dynamic_update_slice(du, part, (0, number * points, 0))
        more = (
            -total(lam * (x - before)),
            -total(lam * before),
            pull,
            u_chunk.T @ d_force,
            x.reshape(-1, x.shape[-1]).T @ dy_chunk,
            jnp.sum(u_chunk * dy_chunk, 0),
        )
        return (adjoint, du, jax.tree.map(jnp.add, sums, more)), None

    rest = jnp.zeros((batch, into.shape[-1]), u.dtype)
    each = rest[0] if shared else rest
    sums = (each, each, each, *(jnp.zeros_like(value) for value in (into, out, skip)))
    start = ((rest, rest), jnp.zeros_like(inputs), sums)
    numbers = jnp.arange(inputs.shape[1] // points)
    (_, du, sums), _ = jax.lax.scan(one, start, (numbers, states), reverse=True)
    d_sigma, d_delta, pull, d_into, d_out, d_skip = sums

    def both(value, like):  # the two channels share an oscillator
        return scans.summed(value.reshape(*value.shape[:-1], -1, 2).sum(-1), like)

    # x is linear in drive, so its derivative is <dx, x> / drive; none where it is 0.
    drive = layer.drive
    d_drive = jnp.where(drive == 0, 0, both(pull, drive) / jnp.where(drive, drive, 1))
    d_layer = Layer(
        sigma=both(d_sigma, layer.sigma),
        delta=both(d_delta, layer.delta),
        g=jnp.zeros_like(layer.g),
        drive=d_drive,
        into=d_into.reshape(layer.into.shape),
        out=d_out.reshape(layer.out.shape),
        skip=d_skip,
    )
    return d_layer, du[:, :length]


_stream.defvjp(_stream_fwd, _stream_bwd)
