"""Damped oscillators: parameters, poles, stability, and the forced recurrence.

Boyer, Rusch & Rus 2025, "Learning to dissipate energy in oscillatory state-space
models". An oscillator of stiffness A and damping G, step dt, S = 1 + dt G, forced by f:

    z_k = (z_{k-1} - dt A x_{k-1} + dt f_k) / S,        x_k = x_{k-1} + dt z_k

Only sigma = dt G and a = dt^2 A shape the motion. With delta the distance of a to the
nearer band edge (a = 0 on side g = +1, a = 4 + 2 sigma on side g = -1), and w the
change x_k - g x_{k-1}, which is dt z_k on side +1:

    w_k = (g (w_{k-1} - delta x_{k-1}) + dt^2 f_k) / S,        x_k = g x_{k-1} + w_k

(sigma, delta, g) and not (A, G, dt) are what float32 must hold: rounding dt^2 A alone
moves a pole near an edge by 1 % over 2,048 points. This file needs only JAX:

    from spektron_jax.models import oscillators

    x = oscillators.oscillator_scan(A, G, dt, force)           # (..., L, P, 2)
    print(oscillators.poles(*oscillators.from_physical(A, G, dt)).decay_points)

Dimension legend: L points, P oscillators.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from spektron_jax.models.scans import scan


class Poles(NamedTuple):
    """Where an oscillator's poles lie, (P,) each.

    Examples:
      >>> import jax.numpy as jnp
      >>> from spektron_jax import oscillators
      >>> sigma, delta, g = oscillators.from_physical(jnp.ones(1), jnp.ones(1), 0.1)
      >>> oscillators.poles(sigma, delta, g).radius.shape
      (1,)
    """

    angle: jax.Array  # 0 to pi a point
    radius: jax.Array  # of the larger pole
    decay_points: jax.Array  # points in which the motion falls to 1/e
    decay_cm1: jax.Array | None  # the same in cm-1, if the spacing is given
    period_cm1: jax.Array | None  # of the oscillation, if the spacing is given


def from_poles(decay, angle):
    """(sigma, delta, g) of poles exp(-decay +- i angle); decay > 0, 0 <= angle <= pi.

    |pole| = S^(-1/2) and a = 1 + S - 2 sqrt(S) cos(angle); every such oscillator is
    stable. Differences of near-equal numbers are avoided by expm1 and half angles.

    Examples:
      >>> import jax.numpy as jnp
      >>> from spektron_jax import oscillators
      >>> sigma, delta, g = oscillators.from_poles(jnp.array([0.01]), jnp.array([0.3]))
      >>> round(float(oscillators.poles(sigma, delta, g).angle[0]), 3)
      0.3
    """
    g = jnp.where(angle <= jnp.pi / 2, 1.0, -1.0).astype(decay.dtype)
    near = jnp.minimum(angle, jnp.pi - angle)
    delta = jnp.expm1(decay) ** 2 + 4 * jnp.exp(decay) * jnp.sin(near / 2) ** 2
    return jnp.expm1(2 * decay), delta, g


def from_physical(stiffness, damping, dt):
    """(sigma, delta, g) of stiffness A >= 0, damping G >= 0 and step dt.

    Examples:
      >>> import jax.numpy as jnp
      >>> from spektron_jax import oscillators
      >>> sigma, delta, g = oscillators.from_physical(jnp.ones(1), jnp.ones(1), 0.1)
      >>> round(float(sigma[0]), 3), round(float(delta[0]), 3)
      (0.1, 0.01)
    """
    sigma = dt * damping
    a = dt**2 * stiffness
    low = a <= 2 + sigma
    delta = jnp.where(low, a, (4 - a) + 2 * sigma)
    return sigma, delta, jnp.where(low, 1.0, -1.0).astype(delta.dtype)


def to_physical(sigma, delta, g, dt):
    """(A, G) of (sigma, delta, g) at step dt; undoes `from_physical`.

    Examples:
      >>> import jax.numpy as jnp
      >>> from spektron_jax import oscillators
      >>> sigma, delta, g = oscillators.from_physical(jnp.ones(1), jnp.ones(1), 0.1)
      >>> [round(float(v[0]), 3) for v in oscillators.to_physical(sigma, delta, g, 0.1)]
      [1.0, 1.0]
    """
    return jnp.where(g > 0, delta, (4 - delta) + 2 * sigma) / dt**2, sigma / dt


def stable(sigma, delta, g):
    """Whether no pole lies outside the unit circle, (P,) bool.

    Jury's criterion: sigma >= 0 and 0 <= a <= 4 + 2 sigma, dt^2 A <= 4 + 2 dt G.

    Examples:
      >>> import jax.numpy as jnp
      >>> from spektron_jax import oscillators
      >>> sigma, delta, g = oscillators.from_physical(jnp.ones(1), jnp.ones(1), 0.1)
      >>> oscillators.stable(sigma, delta, g).tolist()
      [True]
    """
    del g  # delta is the distance from either edge
    return (sigma >= 0) & (delta >= 0) & (delta <= 4 + 2 * sigma)


def project(sigma, delta, g, *, margin=1e-6, clamp=None):
    """The nearest oscillators that are stable by `margin`; stable ones are unchanged.

    A guard for restored or hand-set values: what it moves gets no gradient.

    Args:
      sigma, delta, g: (P,).
      margin: least sigma and delta of an oscillator that had to be moved.
      clamp: also bound dt sqrt(A), as the design documents do with 1.99. It removes
        the top of the band (angles above 2.94 at sigma = 0), so it is off by default.

    Examples:
      >>> import jax.numpy as jnp
      >>> from spektron_jax import oscillators
      >>> sigma, delta, g = oscillators.from_physical(jnp.ones(1), jnp.ones(1), 0.1)
      >>> oscillators.stable(*oscillators.project(-sigma, delta, g)).tolist()
      [True]
    """
    sigma = jnp.where(sigma < 0, margin, sigma)
    delta = jnp.where(delta < 0, margin, delta)
    delta = jnp.where(delta > 4 + 2 * sigma, 4 + 2 * sigma - margin, delta)
    if clamp is None:
        return sigma, delta, g
    a = jnp.where(g > 0, delta, (4 - delta) + 2 * sigma)
    bounded = jnp.minimum(a, clamp**2)
    low = bounded <= 2 + sigma
    moved = jnp.where(low, bounded, (4 - bounded) + 2 * sigma)
    far = a > clamp**2
    side = jnp.where(low, 1.0, -1.0).astype(delta.dtype)
    return sigma, jnp.where(far, moved, delta), jnp.where(far, side, g)


def poles(sigma, delta, g, spacing_cm1=None):
    """`Poles` of each oscillator; `spacing_cm1` is the distance of two points.

    Examples:
      >>> import jax.numpy as jnp
      >>> from spektron_jax import oscillators
      >>> sigma, delta, g = oscillators.from_physical(jnp.ones(1), jnp.ones(1), 0.1)
      >>> float(oscillators.poles(sigma, delta, g).radius[0]) < 1
      True
    """
    # Of sin(near / 2)^2: the cosine itself has no digits left near the band edges.
    root = jnp.sqrt(1 + sigma)
    half = (delta - (sigma / (1 + root)) ** 2) / (4 * root)
    near = 2 * jnp.arcsin(jnp.sqrt(half.clip(0, 1)))
    angle = jnp.where(g > 0, near, jnp.pi - near)
    excess = jnp.sqrt(jnp.maximum(-4 * half * (1 - half), 0))  # > 0 when overdamped
    decay = 0.5 * jnp.log1p(sigma) - jnp.log1p(jnp.maximum(excess - 2 * half, 0))
    points = 1 / decay
    if spacing_cm1 is None:
        return Poles(angle, jnp.exp(-decay), points, None, None)
    period = 2 * jnp.pi * spacing_cm1 / angle
    return Poles(angle, jnp.exp(-decay), points, spacing_cm1 * points, period)


def impulse_response(sigma, delta, g, points):
    """Positions after a unit force at the first point, (points, P).

    Examples:
      >>> import jax.numpy as jnp
      >>> from spektron_jax import oscillators
      >>> sigma, delta, g = oscillators.from_physical(jnp.ones(1), jnp.ones(1), 0.1)
      >>> oscillators.impulse_response(sigma, delta, g, 50).shape
      (50, 1)
    """
    force = jnp.zeros((points, *jnp.shape(sigma), 2), jnp.result_type(sigma))
    return scan(sigma, delta, g, force.at[0].set(1.0))[0][..., 0]


def oscillator_scan(
    A,
    G,
    dt,
    f,
    *,
    algorithm="auto",
    reverse=False,
    state=None,
    return_state=False,
    clamp=None,
):
    """Positions of damped oscillators under a force, in the paper's parameters.

    Args:
      A: stiffness, (P,) or (..., P). Unstable values are brought back to the edge.
      G: damping, like A.
      dt: step, like A or ().
      f: force, (..., L, P, 2): real and imaginary channel, which never mix.
      algorithm: "auto", "sequential", "associative" or "chunked". "auto" is sequential
        on a CPU and chunked elsewhere; docs/model.md has the measurements.
      reverse: run from the last point to the first.
      state: (w, x) before the first point, as an earlier call returned it; (..., P, 2)
        each; None is rest.
      return_state: return also the (w, x) after the last point.
      clamp: bound on dt sqrt(A), see `project`; None bounds nothing that is stable.

    Returns:
      x like f, or (x, (w, x)).

    Raises:
      ValueError: for an unknown algorithm, or shapes that do not fit.

    Examples:
      >>> import jax.numpy as jnp
      >>> from spektron_jax import oscillators
      >>> force = jnp.zeros((50, 1, 2)).at[0].set(1.0)
      >>> oscillators.oscillator_scan(jnp.ones(1), jnp.ones(1), 0.1, force).shape
      (50, 1, 2)
    """
    if f.ndim < 3 or f.shape[-1] != 2 or f.shape[-2] != jnp.shape(A)[-1]:
        raise ValueError(
            f"f has shape {f.shape}; {jnp.shape(A)[-1]} oscillators need (..., L, "
            f"{jnp.shape(A)[-1]}, 2), the last axis being real and imaginary part"
        )
    dt = jnp.broadcast_to(dt, jnp.shape(A))
    x, last = scan(
        *project(*from_physical(A, G, dt), clamp=clamp),
        f * jnp.square(dt)[..., None, :, None],
        algorithm=algorithm,
        reverse=reverse,
        state=state,
    )
    return (x, last) if return_state else x
