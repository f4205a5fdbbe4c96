"""Powers of an oscillator's step, exact to float32 however high the power.

One step of an oscillator on side g = +1 (see `oscillators.py`; S = 1 + sigma) is

    M = I + N_1,    N_1 = [[-sigma, -delta], [1, -delta]] / S,    M^n = I + N_n.

Deviations from the identity are kept, since near the band edges I swallows N. And
N_2, N_4, N_8, ... are formed in pairs of floats (Dekker, Numer. Math. 18, 224 (1971)):
in plain float32 every squaring doubles the phase error of the one before, and M^8192
of an undamped oscillator is wrong by 1e-3.

Dimension legend: n powers; sigma and delta have any shape.
"""

import jax
import jax.numpy as jnp
import numpy as np


def _two_sum(a, b):
    """a + b as the float sum and its exact rounding error (Knuth)."""
    total = a + b
    virtual = total - a
    return total, (a - (total - virtual)) + (b - virtual)


def _two_product(a, b):
    """a * b as a pair of floats, after Dekker.

    Every product is one of half-length numbers and so exact: a compiler that contracts
    a product and a sum into one operation changes nothing. For the same reason the
    halves are cut by `reduce_precision` and not by Dekker's multiplication.
    """
    info = jnp.finfo(a.dtype)

    def halves(value):
        high = jax.lax.reduce_precision(value, info.nexp, (info.nmant - 1) // 2)
        return high, value - high

    (a1, a2), (b1, b2) = halves(a), halves(b)
    high, low = _two_sum(a1 * b1, a1 * b2 + a2 * b1)
    return high, low + a2 * b2


def _add(a, b):
    high, low = _two_sum(a[0], b[0])
    return _two_sum(high, low + (a[1] + b[1]))


def _times(a, b):
    high, low = _two_product(a[0], b[0])
    return _two_sum(high, low + (a[0] * b[1] + a[1] * b[0]))


def _over(a, b):
    """Float a over pair b: the quotient, corrected once by its remainder."""
    first = a / b[0]
    high, low = _two_product(first, b[0])
    return _two_sum(first, (((a - high) - low) - first * b[1]) / b[0])


def _squared(n):
    """N_2m = 2 N_m + N_m N_m, entries (a, b, c, d) as pairs of floats."""
    a, b, c, d = n
    bc, twice = _times(b, c), _add(_add(a, d), (jnp.full_like(a[0], 2.0), 0.0))
    return (
        _add(_add(a, a), _add(_times(a, a), bc)),
        _times(b, twice),
        _times(c, twice),
        _add(_add(d, d), _add(_times(d, d), bc)),
    )


def _followed(first, second):
    """N of one power and then another: N_1 + N_2 + N_2 N_1."""
    (a, b, c, d), (e, f, g, h) = first, second
    return (
        (e + a) + (e * a + f * c),
        (f + b) + (e * b + f * d),
        (g + c) + (g * a + h * c),
        (h + d) + (g * b + h * d),
    )


def power_table(sigma, delta, count, every=1):
    """Deviations N_n for n = 0, every, ..., every * (count - 1).

    Returns:
      (a, b, c, d), each (count, *sigma.shape): M^n = I + [[a, b], [c, d]].
    """
    # A constant would be seen through: (1 + sigma) - 1 becomes sigma.
    one = jax.lax.optimization_barrier(jnp.ones_like(sigma))
    s = _two_sum(one, sigma)
    stiff = _over(-delta, s)
    n = (_over(-sigma, s), stiff, _over(one, s), stiff)
    exponents = every * np.arange(count)
    levels = np.arange(int(exponents[-1]).bit_length())
    bits = ((exponents >> levels[:, None]) & 1).reshape(-1, count, *[1] * sigma.ndim)

    def level(carry, bit):
        """Powers with this bit set get N_(2^bit) in front."""
        square, table = carry
        more = _followed(table, tuple(high + low for high, low in square))
        table = jax.tree.map(
            lambda new, old: jnp.where(bit == 1, new, old), more, table
        )
        return (_squared(square), table), None

    start = tuple(jnp.zeros((count, *sigma.shape), sigma.dtype) for _ in n)
    return jax.lax.scan(level, (n, start), bits)[0][1]
