"""D-LinOSS as published, for comparison: what the benchmark measures against.

Complex projections, a tree `associative_scan` over the 2 x 2 matrices and forces of
all points, gradients by autodiff; one spectrum, batched by `vmap`. Written from the
equations of Boyer, Rusch & Rus 2025; never imported by the package.
"""

import jax
import jax.numpy as jnp


def init(key, width, oscillators):
    """Parameters drawn as published: r^2 in [.81, 1], angle in [0, pi]."""
    keys = jax.random.split(key, 6)
    shape = (oscillators,)
    dt = jax.nn.sigmoid(0.5 * jax.random.normal(keys[0], shape))
    square = jax.random.uniform(keys[1], shape, minval=0.81)
    angle = jax.random.uniform(keys[2], shape, maxval=jnp.pi)
    damping = (1 - square) / (dt * square)
    s = 1 + dt * damping

    def draw(key, shape, reach):
        real, imaginary = jax.random.uniform(
            key, (2, *shape), minval=-reach, maxval=reach
        )
        return jax.lax.complex(real, imaginary)

    return {
        "A": (1 + s - 2 * jnp.sqrt(s) * jnp.cos(angle)) / dt**2,
        "G": damping,
        "dt": dt,
        "B": draw(keys[3], (oscillators, width), width**-0.5),
        "C": draw(keys[4], (width, oscillators), oscillators**-0.5),
        "D": jax.random.normal(keys[5], (width,)),
    }


def positions(stiffness, damping, dt, force):
    """Positions (L, P) under a complex force (L, P)."""
    s = 1 + dt * damping
    step = (1 / s, -dt * stiffness / s, dt / s, 1 - dt**2 * stiffness / s)
    steps = tuple(jnp.broadcast_to(entry, force.shape) for entry in step)

    def combine(first, second):
        (a, b, c, d), z, x = first
        (e, f, g, h), z2, x2 = second
        product = (e * a + f * c, e * b + f * d, g * a + h * c, g * b + h * d)
        return product, e * z + f * x + z2, g * z + h * x + x2

    start = (steps, dt / s * force, dt**2 / s * force)
    return jax.lax.associative_scan(combine, start)[2]


def layer(params, u):
    """y = Re(C x) + D u for one spectrum (L, D)."""
    force = jax.vmap(lambda point: params["B"] @ point)(u)
    x = positions(params["A"], params["G"], params["dt"], force)
    return jax.vmap(lambda point: (params["C"] @ point).real)(x) + params["D"] * u
