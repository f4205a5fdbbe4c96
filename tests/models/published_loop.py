"""The published recurrence and its reverse pass as float64 loops, for comparison.

Written in (A, G, dt), without the package's reformulation.
"""

import functools

import jax
import numpy as np

from spektron_jax.models.scans import scan


def published(a, g, dt, force):
    """z_k = (z - dt A x + dt f_k) / S, x_k = x + dt z_k; force (L, ..., P, 2).

    Returns x and z, both like `force`, in float64.
    """
    a, g, dt = (np.asarray(value, np.float64)[..., None] for value in (a, g, dt))
    z = x = np.zeros(force.shape[1:])
    positions, velocities = [], []
    for f in np.asarray(force, np.float64):
        z = (z - dt * a * x + dt * f) / (1 + dt * g)
        x = x + dt * z
        positions.append(x)
        velocities.append(z)
    return np.array(positions), np.array(velocities)


def published_gradient(a, g, dt, force, cotangent):
    """Reverse pass of `published`: derivatives by A (..., P), G (..., P) and force."""
    x, z = published(a, g, dt, force)
    a, g, dt = (np.asarray(value, np.float64)[..., None] for value in (a, g, dt))
    s = 1 + dt * g
    x_bar = z_bar = a_bar = g_bar = np.zeros(force.shape[1:])
    f_bar = np.zeros(force.shape)
    for k in reversed(range(len(force))):
        before = x[k - 1] if k else np.zeros_like(x[0])
        x_bar = x_bar + cotangent[k]
        z_bar = z_bar + dt * x_bar
        f_bar[k] = dt * z_bar / s
        a_bar = a_bar - dt * before * z_bar / s
        g_bar = g_bar - dt * z[k] * z_bar / s
        x_bar = x_bar - dt * a * z_bar / s
        z_bar = z_bar / s
    return a_bar.sum(-1), g_bar.sum(-1), f_bar


def time_first(array):
    return np.moveaxis(np.asarray(array, np.float64), -3, 0)


def relative(value, reference, axis):
    """Relative L2 error over `axis`."""
    return np.sqrt(
        np.sum((value - reference) ** 2, axis) / np.sum(np.square(reference), axis)
    )


@functools.partial(jax.jit, static_argnums=(0, 1))
def scan_and_gradient(algorithm, reverse, sigma, delta, g, forcing, cotangent):
    x, pull = jax.vjp(
        lambda sigma, delta, forcing: scan(
            sigma, delta, g, forcing, algorithm=algorithm, reverse=reverse
        )[0],
        sigma,
        delta,
        forcing,
    )
    return x, pull(cotangent)
