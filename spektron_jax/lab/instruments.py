"""Simulated instruments: fixed parameters each, one draw per seed.

Preset "documents" (the design's ranges): wavenumber shift within +-3 cm-1, Gaussian
broadening with sigma 2-8 cm-1, a baseline polynomial of order 2-4 and noise of
30-60 dB below the spectrum's strongest band. Only the noise differs from spectrum to
spectrum. The others are in `presets.py`, what the parameters do in `measurement.py`.

    lab.draw("handheld_nir", seed=7)                    one instrument, drawn
    lab.ideal("grating_nir", shift=1.0, fwhm=15.0)      perfect but for these two

Dimension legend: N instruments, B batch, L points, F terms of fine structure.
"""

import zlib
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jaxtyping import Array, Float

from spektron_jax.errors import SpektronError
from spektron_jax.lab.presets import DOCUMENTS, NOISE_GROWTH, NOISE_UAU, preset_of
from spektron_jax.lab.resample import GAUSSIAN_FWHM
from spektron_jax.shapes import ArrayLike, Axis, Keys, Spectra

SHIFT_CM1 = 3.0
SIGMA_CM1 = (2.0, 8.0)
SNR_DB = (30.0, 60.0)
BASELINE_ORDER = (2, 4)
BASELINE_ABSORBANCE = 0.03  # standard deviation of each coefficient
RIPPLES = (2, 3, 5, 8, 13, 21, 34)  # fine structure: periods over the axis
_TRAINING, _AUDIT = 0, 1  # separate random streams: no audit instrument is in a pool


Number = jax.Array | float  # a plain number stands for an array of it


class Instruments(NamedTuple):
    """Parameters of N instruments; index with `at` for one of them.

    `unit` is that of the preset's axis; t is the axis from -1 to 1.
    """

    shift: jax.Array  # (N,) unit, upwards, at t = 0
    sigma: jax.Array  # (N,) unit, Gaussian line function at t = 0
    snr_db: jax.Array  # (N,) of noise below the strongest band; infinity = none
    baseline: jax.Array  # (N, 5) Legendre coefficients, absorbance
    stretch: Number = 0.0  # (N,) unit, further shift at t = 1
    quadratic: Number = 0.0  # (N,) unit, times the Legendre polynomial P2(t)
    axis_ripple: Number = 0.0  # (N, 2 F) unit, fine structure of the axis
    sigma_slope: Number = 0.0  # (N,) relative change of sigma at t = 1
    stray: Number = 0.0  # (N,) stray light, share of the full intensity
    nonlinearity: Number = 0.0  # (N,) c2 of A + c2 A^2
    gain: Number = 1.0  # (N,)
    tilt: Number = 0.0  # (N,) log of the response at t = 1
    penetration: Number = 0.0  # (N,) p of absorbance ~ wavenumber^-p
    response_ripple: Number = 0.0  # (N, 2 F) share of the signal
    baseline_ripple: Number = 0.0  # (N, 2 F) absorbance
    sample_gain: Number = 0.0  # (N,) sd from spectrum to spectrum
    sample_offset: Number = 0.0  # (N,) sd from spectrum to spectrum, absorbance
    noise: Number = 0.0  # (N,) sd, absorbance, at full transmittance
    noise_growth: Number = 0.0  # (N,) p of noise ~ transmittance^-p
    smoothing: Number = 0.0  # (N,) sd of the smoothing of noise, points

    def at(self, index):
        """The instrument with this index (may be traced)."""
        return jax.tree.map(lambda value: value[index], self)


@struct.dataclass
class Instrument:
    """One named virtual instrument: its parameters and its own axis."""

    parameters: Instruments
    low: float  # ends of its axis, in the preset's unit
    high: float
    name: str = struct.field(pytree_node=False)
    preset: str = struct.field(pytree_node=False)
    points: int = struct.field(pytree_node=False)

    @property
    def unit(self):
        """Of the axis, shifts and widths: "nm" or "cm-1"."""
        return preset_of(self.preset).unit

    @property
    def quantity(self):
        """What it measures: "absorbance" or "intensity"."""
        return preset_of(self.preset).quantity

    def axis(self):
        """Its own axis, (points,) float64, increasing, in `unit`."""
        return np.linspace(float(self.low), float(self.high), self.points)


def _documents(key, count):
    keys = jax.random.split(key, 5)
    low, high = BASELINE_ORDER
    order = jax.random.randint(keys[3], (count, 1), low, high + 1)
    coefficients = BASELINE_ABSORBANCE * jax.random.normal(keys[4], (count, high + 1))

    def uniform(key, low, high):
        return jax.random.uniform(key, (count,), minval=low, maxval=high)

    return _neutral(count)._replace(
        shift=uniform(keys[0], -SHIFT_CM1, SHIFT_CM1),
        sigma=uniform(keys[1], *SIGMA_CM1),
        snr_db=uniform(keys[2], *SNR_DB),
        baseline=jnp.where(jnp.arange(high + 1) <= order, coefficients, 0.0),
    )


def _neutral(count):
    """`count` instruments that change nothing."""
    wide = {"baseline": 5} | dict.fromkeys(
        ("axis_ripple", "response_ripple", "baseline_ripple"), 2 * len(RIPPLES)
    )
    value = {"gain": 1.0, "snr_db": jnp.inf}
    return Instruments(
        **{
            name: jnp.full(
                (count, wide[name]) if name in wide else (count,), value.get(name, 0.0)
            )
            for name in Instruments._fields
        }
    )


def _draw(key, count, preset):
    if preset == DOCUMENTS:
        return _documents(key, count)
    kind = preset_of(preset)
    # One seed, but nothing in common between an FT-NIR and a Raman instrument.
    key = jax.random.fold_in(key, zlib.crc32(preset.encode()))
    keys = iter(jax.random.split(key, len(Instruments._fields) + 2))

    def normal(*shape):
        return jax.random.normal(next(keys), (count, *shape))

    def uniform(low, high):
        return jax.random.uniform(next(keys), (count,), minval=low, maxval=high)

    def log_uniform(low, high):
        return jnp.exp(uniform(np.log(low), np.log(high)))

    # Coarse structure is the stronger: sd falls as 1 / frequency.
    falling = jnp.asarray(np.repeat(RIPPLES[0] / np.array(RIPPLES), 2), jnp.float32)
    third = kind.baseline / 3
    sigma = uniform(*kind.fwhm) / GAUSSIAN_FWHM
    curves = [uniform(-b, b) for b in (kind.baseline, third, third)]
    zero = jnp.zeros(count)
    return _neutral(count)._replace(
        shift=kind.shift_sd * normal(),
        sigma=sigma,
        baseline=jnp.stack([*curves, zero, zero], -1),
        stretch=kind.shift_sd / 2 * normal(),
        quadratic=kind.shift_sd / 4 * normal(),
        axis_ripple=kind.axis_ripple * kind.shift_sd * falling * normal(falling.size),
        sigma_slope=jnp.clip(kind.fwhm_slope * normal(), -0.5, 0.5),
        stray=log_uniform(*kind.stray),
        nonlinearity=uniform(-kind.nonlinearity, kind.nonlinearity),
        gain=1 + kind.gain_sd * normal(),
        tilt=kind.tilt * normal(),
        penetration=jnp.full(count, kind.penetration),
        response_ripple=kind.ripple * falling * normal(falling.size),
        baseline_ripple=kind.ripple * falling * normal(falling.size),
        sample_gain=uniform(*kind.sample_gain),
        sample_offset=jnp.full(count, kind.baseline / 3),
        noise=1e-6 * log_uniform(*NOISE_UAU[kind.noise]),
        noise_growth=jnp.full(count, NOISE_GROWTH[kind.optics]),
        smoothing=jnp.where(uniform(0, 1) < kind.smoothed, 1.5, 0.0),
    )


def describe(instruments: Instruments) -> Float[Array, "N 26"]:
    """Each instrument in DESCRIPTION numbers, standardised over the pool: (N, F)."""
    p = instruments
    fine = ((p.axis_ripple, 2), (p.response_ripple, 4), (p.baseline_ripple, 4))
    ripples = [jnp.asarray(waves)[:, :count] for waves, count in fine]
    scales = (jnp.log(p.sigma), jnp.log(p.noise + 1e-7), jnp.log(p.stray + 1e-7))
    single = [p.shift, p.stretch, p.sigma_slope, p.nonlinearity, p.gain, p.tilt]
    single += [p.penetration, p.sample_gain, p.smoothing, jnp.minimum(p.snr_db, 100.0)]
    columns = jnp.stack([*single, *scales], axis=1)
    table = jnp.concatenate([columns, p.baseline[:, :3], *ripples], axis=1)
    mean, spread = table.mean(0), table.std(0)
    varies = spread > 1e-5 * (1 + jnp.abs(mean))  # more than rounding
    return jnp.where(varies, (table - mean) / jnp.where(varies, spread, 1.0), 0.0)


DESCRIPTION = 26


def training_pool(seed, count, preset=DOCUMENTS):
    """The `count` instruments that pretraining with this seed sees."""
    return _draw(jax.random.fold_in(jax.random.key(seed), _TRAINING), count, preset)


def audit_instruments(seed, count, preset=DOCUMENTS):
    """Instruments that no training pool of any seed holds, for probes and audits."""
    return _draw(jax.random.fold_in(jax.random.key(seed), _AUDIT), count, preset)


def draw(preset: str, seed: int, name: str = "") -> Instrument:
    """One virtual instrument; the same preset and seed always give the same.

    Examples:
      >>> import numpy as np
      >>> from spektron_jax import lab
      >>> handheld = lab.draw("handheld_nir", seed=7)
      >>> handheld.unit, handheld.points
      ('nm', 141)
    """
    kind = preset_of(preset)
    one = audit_instruments(seed, 1, preset).at(0)
    return Instrument(
        one, kind.low, kind.high, name or f"{preset}-{seed}", preset, kind.points
    )


def ideal(preset: str, name: str = "ideal", **changes) -> Instrument:
    """A perfect instrument, but for `changes`: fields of Instruments, or `fwhm`.

    Examples:
      >>> import numpy as np
      >>> from spektron_jax import lab
      >>> lab.ideal("grating_nir", shift=1.0, fwhm=15.0).points
      700
    """
    kind = preset_of(preset)
    if "fwhm" in changes:
        changes["sigma"] = changes.pop("fwhm") / GAUSSIAN_FWHM
    unknown = set(changes) - set(Instruments._fields)
    if unknown:
        raise SpektronError(
            f"instrument parameter {', '.join(sorted(unknown))}: unknown; use fwhm or "
            f"one of {', '.join(Instruments._fields)}"
        )
    neutral = _neutral(1).at(0)
    given = {
        field: jnp.broadcast_to(
            jnp.asarray(value, jnp.float32), getattr(neutral, field).shape
        )
        for field, value in changes.items()
    }
    parameters = neutral._replace(**given)
    return Instrument(parameters, kind.low, kind.high, name, preset, kind.points)


def baseline(coefficients: Float[ArrayLike, "5"], points: int) -> Axis:
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


def ripple(coefficients: Float[ArrayLike, " waves"], points: int) -> Axis:
    """Fine structure over the axis, (L,): cosines and sines of RIPPLES periods."""
    t = np.linspace(0.0, 1.0, points)
    phase = 2 * np.pi * np.array(RIPPLES)[:, None] * t
    waves = np.stack([np.cos(phase), np.sin(phase)], 1).reshape(-1, points)
    return coefficients @ jnp.asarray(waves, jnp.float32)


def noise(keys: Keys, spectra: Spectra, snr_db) -> Spectra:
    """White noise, snr_db below the strongest band of each spectrum; keys (B,)."""
    sd = jnp.max(jnp.abs(spectra), -1, keepdims=True) * 10 ** (-snr_db / 20)
    draw = jax.vmap(lambda key: jax.random.normal(key, spectra.shape[-1:]))(keys)
    return sd * draw
