"""The damped oscillator recurrence, as pure functions.

Boyer, Rusch & Rus 2025, "Learning to dissipate energy in oscillatory state-space
models". An oscillator of stiffness A and damping G, step dt, S = 1 + dt G, forced by f:

    z_k = (z_{k-1} - dt A x_{k-1} + dt f_k) / S,        x_k = x_{k-1} + dt z_k

Only sigma = dt G and a = dt^2 A shape the motion. With w = dt z, and delta the distance
of a to the nearer band edge (a = 0 on side g = +1, a = 4 + 2 sigma on side g = -1):

    w_k = (g (w_{k-1} - delta x_{k-1}) + f_k) / S,        x_k = g x_{k-1} + w_k

Multiplying f and x by g^k turns side -1 into side +1, so one recurrence serves both.
Powers of its matrix are kept as deviations from the identity, I + N, because plain
float32 powers lose every digit near the band edges.

Dimension legend: L points, P oscillators; f and x are (..., L, P, 2), the last axis
being the real and the imaginary channel, which never mix. sigma, delta and g are (P,)
or broadcast against the leading axes of f as (..., P).
"""

import functools

import jax
import jax.numpy as jnp

ALGORITHMS = ("associative", "sequential")


def from_poles(decay, angle):
    """(sigma, delta, g) of poles exp(-decay +- i angle); decay > 0, 0 <= angle <= pi.

    |pole| = S^(-1/2) and a = 1 + S - 2 sqrt(S) cos(angle); every such oscillator is
    stable. Differences of near-equal numbers are avoided by expm1 and half angles.
    """
    g = jnp.where(angle <= jnp.pi / 2, 1.0, -1.0).astype(decay.dtype)
    near = jnp.minimum(angle, jnp.pi - angle)
    delta = jnp.expm1(decay) ** 2 + 4 * jnp.exp(decay) * jnp.sin(near / 2) ** 2
    return jnp.expm1(2 * decay), delta, g


def from_physical(stiffness, damping, dt):
    """(sigma, delta, g) of stiffness A >= 0, damping G >= 0 and step dt."""
    sigma = dt * damping
    a = dt**2 * stiffness
    low = a <= 2 + sigma
    delta = jnp.where(low, a, (4 - a) + 2 * sigma)
    return sigma, delta, jnp.where(low, 1.0, -1.0).astype(delta.dtype)


def poles(sigma, delta, g):
    """Larger pole radius and pole angle of each oscillator, (P,) each."""
    root = jnp.sqrt(1 + sigma)
    cosine = g * (2 + sigma - delta) / (2 * root)
    excess = jnp.sqrt(jnp.maximum(cosine**2 - 1, 0.0))  # > 0 when overdamped
    return (jnp.abs(cosine) + excess).clip(1.0) / root, jnp.arccos(cosine.clip(-1, 1))


def oscillator_scan(
    sigma, delta, g, forcing, *, algorithm="associative", reverse=False
):
    """Positions x of oscillators at rest at the start, forced by `forcing`.

    Args:
      sigma, delta, g: oscillator parameters, (P,) or (..., P), see the module's text.
      forcing: (..., L, P, 2).
      algorithm: "associative" (jax.lax.associative_scan) or "sequential" (jax.lax.scan,
        also in float64 as the reference).
      reverse: run from the last point to the first.

    Returns:
      x, of the shape and type of `forcing`.

    Raises:
      ValueError: for an unknown algorithm.
    """
    if algorithm not in ALGORITHMS:
        raise ValueError(f"algorithm {algorithm!r} is not one of {ALGORITHMS}")
    return _scan(algorithm, reverse, sigma, delta, g, forcing)


def _time_first(array):
    return jnp.moveaxis(array, -3, 0)


def _sequential(sigma, delta, forcing):
    """Side +1 recurrence, one point after the other; forcing is (L, ..., P, 2)."""
    inverse, delta = 1 / (1 + sigma[..., None]), delta[..., None]

    def advance(state, force):
        w, x = state
        w = (w - delta * x + force) * inverse
        x = x + w
        return (w, x), x

    rest = jnp.zeros_like(forcing[0])
    return jax.lax.scan(advance, (rest, rest), forcing, unroll=8)[1]


def _associative(sigma, delta, forcing):
    """Side +1 recurrence as a parallel prefix over affine maps s -> (I + N) s + v."""
    sigma, delta = sigma[..., None], delta[..., None]
    inverse = 1 / (1 + sigma)
    one = (-sigma * inverse, -delta * inverse, inverse, -delta * inverse)
    length = forcing.shape[0]
    maps = tuple(jnp.broadcast_to(n, (length, *n.shape)) for n in one)
    push = forcing * inverse

    def combine(first, second):
        (a, b, c, d), w, x = first
        (e, f, g, h), w2, x2 = second
        product = (
            a + e + (e * a + f * c),
            b + f + (e * b + f * d),
            c + g + (g * a + h * c),
            d + h + (g * b + h * d),
        )
        return product, w + (e * w + f * x) + w2, x + (g * w + h * x) + x2

    return jax.lax.associative_scan(combine, (maps, push, push))[2]


def _forward(algorithm, reverse, sigma, delta, g, forcing):
    force = _time_first(forcing)
    sigma, delta, g = (
        jnp.expand_dims(value, range(force.ndim - 2 - value.ndim))
        for value in (sigma, delta, g)
    )
    if reverse:
        force = force[::-1]
    odd = (jnp.arange(force.shape[0]) % 2).reshape(-1, *[1] * (force.ndim - 1))
    sign = jnp.where(odd == 1, g[..., None], 1.0).astype(force.dtype)
    run = _associative if algorithm == "associative" else _sequential
    x = sign * run(sigma, delta, sign * force)
    return jnp.moveaxis(x[::-1] if reverse else x, 0, -3)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _scan(algorithm, reverse, sigma, delta, g, forcing):
    return _forward(algorithm, reverse, sigma, delta, g, forcing)


def _scan_fwd(algorithm, reverse, sigma, delta, g, forcing):
    x = _forward(algorithm, reverse, sigma, delta, g, forcing)
    return x, (sigma, delta, g, x)


def _scan_bwd(algorithm, reverse, residuals, cotangent):
    """The adjoint is the same scan in reversed time: lambda = revscan(cotangent).

    dL/df = lambda; dL/dsigma = -sum lambda_k (x_k - g x_{k-1});
    dL/ddelta = -sum lambda_k g x_{k-1}. The difference is formed first: summing the
    two products apart costs two digits.
    """
    sigma, delta, g, x = residuals
    adjoint = _forward(algorithm, not reverse, sigma, delta, g, cotangent)
    zero = jnp.zeros_like(x[..., :1, :, :])
    if reverse:
        before = jnp.concatenate([x[..., 1:, :, :], zero], axis=-3)
    else:
        before = jnp.concatenate([zero, x[..., :-1, :, :]], axis=-3)
    before = before * g[..., None, :, None]

    def reduce(product, like):
        total = jnp.sum(product, axis=(-3, -1))
        extra = total.ndim - like.ndim
        total = jnp.sum(total, axis=tuple(range(extra)))
        kept = tuple(i for i, n in enumerate(like.shape) if n == 1 < total.shape[i])
        return -jnp.sum(total, axis=kept, keepdims=True) if kept else -total

    d_sigma = reduce(adjoint * (x - before), sigma)
    d_delta = reduce(adjoint * before, delta)
    return d_sigma, d_delta, jnp.zeros_like(g), adjoint


_scan.defvjp(_scan_fwd, _scan_bwd)
