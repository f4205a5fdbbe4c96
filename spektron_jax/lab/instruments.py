"""Simulated instruments: fixed parameters each, one draw per seed.

Preset "documents" (the design's ranges): wavenumber shift within +-3 cm-1, Gaussian
broadening with sigma 2-8 cm-1, a baseline polynomial of order 2-4 and noise of
30-60 dB below the spectrum's strongest band. Only the noise differs from spectrum to
spectrum.

Dimension legend: N instruments, B batch, L points.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

SHIFT_CM1 = 3.0
SIGMA_CM1 = (2.0, 8.0)
SNR_DB = (30.0, 60.0)
BASELINE_ORDER = (2, 4)
BASELINE_ABSORBANCE = 0.03  # standard deviation of each coefficient
_TRAINING, _AUDIT = 0, 1  # separate random streams: no audit instrument is in a pool


class Instruments(NamedTuple):
    """Parameters of N instruments; index with `at` for one of them."""

    shift_cm1: jax.Array  # (N,)
    sigma_cm1: jax.Array  # (N,)
    snr_db: jax.Array  # (N,)
    baseline: jax.Array  # (N, 5) Legendre coefficients, absorbance

    def at(self, index):
        """The instrument with this index (may be traced)."""
        return jax.tree.map(lambda value: value[index], self)


def _draw(key, count):
    keys = jax.random.split(key, 5)
    low, high = BASELINE_ORDER
    order = jax.random.randint(keys[3], (count, 1), low, high + 1)
    coefficients = BASELINE_ABSORBANCE * jax.random.normal(keys[4], (count, high + 1))

    def uniform(key, low, high):
        return jax.random.uniform(key, (count,), minval=low, maxval=high)

    return Instruments(
        shift_cm1=uniform(keys[0], -SHIFT_CM1, SHIFT_CM1),
        sigma_cm1=uniform(keys[1], *SIGMA_CM1),
        snr_db=uniform(keys[2], *SNR_DB),
        baseline=jnp.where(jnp.arange(high + 1) <= order, coefficients, 0.0),
    )


def training_pool(seed, count):
    """The `count` instruments that pretraining with this seed sees."""
    return _draw(jax.random.fold_in(jax.random.key(seed), _TRAINING), count)


def audit_instruments(seed, count):
    """Instruments that no training pool of any seed holds, for probes and audits."""
    return _draw(jax.random.fold_in(jax.random.key(seed), _AUDIT), count)


def baseline(coefficients, points):
    """Legendre series over the axis, (L,), absorbance."""
    t = jnp.linspace(-1.0, 1.0, points)
    terms = jnp.stack(
        [
            jnp.ones_like(t),
            t,
            (3 * t**2 - 1) / 2,
            (5 * t**3 - 3 * t) / 2,
            (35 * t**4 - 30 * t**2 + 3) / 8,
        ]
    )
    return coefficients @ terms


def noise(keys, spectra, snr_db):
    """White noise, snr_db below the strongest band of each spectrum; keys (B,)."""
    sd = jnp.max(jnp.abs(spectra), -1, keepdims=True) * 10 ** (-snr_db / 20)
    draw = jax.vmap(lambda key: jax.random.normal(key, spectra.shape[-1:]))(keys)
    return sd * draw
