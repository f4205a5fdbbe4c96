"""What an instrument does to spectra, and `measure` for spectra of one's own.

In the order of the light's way:

    A1(x)  = A(x - shift - stretch t - quadratic P2(t) - ripple(t))      the axis
    T      = 10^-A1;   T2 = T * Gaussian(sigma (1 + slope t))            line function
    T3     = (T2 + s) / (1 + s)                                          stray light
    A4     = A3 + c2 A3^2,  A3 = -log10 T3                               non-linearity
    A5     = gain (1 + response ripple) e^(tilt t) A4 + baseline(t)      electronics
    A6     = A5 (1 + sample gain) + sample offset + noise                per spectrum

The line function averages light, not absorbance: a band of absorbance 2 seen with a
wide slit is lower than the average of its absorbance. Raman spectra are intensities
already, so the line function acts on them and 100 % is their strongest band.

Each step that has nothing to do returns its input bit for bit, so the ideal
instrument is exactly the identity.

Dimension legend: B batch, L points.
"""

from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np

from spektron_jax.errors import SpektronError
from spektron_jax.lab.instruments import baseline, noise, ripple
from spektron_jax.lab.resample import broaden, cubic
from spektron_jax.shapes import Axis, Keys, Spectra
from spektron_jax.spectra.grid import to_cm1

MOST_POINTS = 16384  # of the working grid of `measure`
DARKEST = 6.0  # absorbance beyond which no light is left to measure


class Signal(NamedTuple):
    """A batch on one instrument."""

    ideal: Spectra  # without noise
    noise: Spectra


def apply(
    parameters,
    spectra: Spectra,
    low,
    high,
    wavenumber_cm1: Axis,
    intensity,
    keys: Keys | None = None,
) -> Signal:
    """Spectra as one instrument shows them, on the same uniform axis.

    Args:
      parameters: Instruments, of one instrument.
      spectra: (B, L) absorbance, or intensity.
      low, high: ends of the axis, in the instrument's unit.
      wavenumber_cm1: (L,) of the points.
      intensity: whether the spectra are intensities (may be traced).
      keys: (B,) JAX keys of what varies from spectrum to spectrum; None: nothing does.

    Returns:
      Signal.
    """
    p, points = parameters, spectra.shape[-1]
    chex.assert_rank(spectra, 2)
    chex.assert_shape(wavenumber_cm1, (points,))
    step = (high - low) / (points - 1)
    t = jnp.linspace(-1.0, 1.0, points)
    zero = jnp.zeros(())
    moved = baseline(jnp.stack([p.shift, p.stretch, p.quadratic, zero, zero]), points)
    moved = moved + ripple(p.axis_ripple, points)
    spectra = cubic(spectra, jnp.arange(points) - moved / step)
    spectra = spectra * (jnp.mean(wavenumber_cm1) / wavenumber_cm1) ** p.penetration
    seen = _light(p, spectra, step, t, intensity)
    top = jnp.max(jnp.abs(seen), -1, keepdims=True)
    unit = jnp.where(intensity, jnp.maximum(top, 1e-12), 1.0)
    seen = seen + p.nonlinearity * seen**2 / unit
    response = p.gain * (1 + ripple(p.response_ripple, points)) * jnp.exp(p.tilt * t)
    background = baseline(p.baseline, points) + ripple(p.baseline_ripple, points)
    seen = seen * response + unit * background
    if keys is None:
        return Signal(seen, jnp.zeros_like(seen))
    keys = jax.vmap(lambda key: jax.random.split(key, 3))(keys)
    sample = jax.vmap(lambda key: jax.random.normal(key, (2,)))(keys[:, 0])
    gain = 1 + p.sample_gain * sample[:, :1]
    ideal = seen * gain + unit * p.sample_offset * sample[:, 1:]
    return Signal(ideal, _noise(p, ideal, unit, intensity, keys[:, 1:]))


def _light(p, spectra, step, t, intensity):
    """Line function and stray light, on intensities."""
    # Computed once, or fusion may round two copies of it differently.
    passed = jax.lax.optimization_barrier(10.0 ** -jnp.minimum(spectra, DARKEST))
    light = jnp.where(intensity, spectra, passed)
    full = jnp.where(intensity, jnp.max(jnp.abs(spectra), -1, keepdims=True), 1.0)
    # Two widths, mixed so that the variance at each point is right.
    sigma, slope = p.sigma / step, jnp.abs(p.sigma_slope)
    ends = sigma * jnp.stack([1 - slope, 1 + slope])
    reach = min(spectra.shape[-1] // 2, 256)
    narrow, wide = broaden(light, ends, reach)
    wanted = (sigma * (1 + p.sigma_slope * t)) ** 2
    gap = ends[1] ** 2 - ends[0] ** 2
    share = jnp.where(gap > 0, (wanted - ends[0] ** 2) / jnp.where(gap > 0, gap, 1), 0)
    blurred = narrow + share * (wide - narrow)
    stray = (blurred + p.stray * full) / (1 + p.stray)
    # As a difference: exactly the same spectrum where the light is the same.
    change = (jnp.maximum(stray, 10.0**-DARKEST) - passed) / passed
    return jnp.where(intensity, stray, spectra - jnp.log1p(change) / np.log(10))


def _noise(p, ideal, unit, intensity, keys):
    """Noise by light level, and by the strongest band; keys (B, 2)."""
    level = ideal / unit
    scarce = 10.0 ** (p.noise_growth * jnp.clip(level, 0.0, DARKEST))
    photons = jnp.clip(level, 0.01, None) ** jnp.where(p.noise_growth < 1, 0.5, 0.0)
    growth = jnp.where(intensity, photons, scarce)
    draw = jax.vmap(lambda key: jax.random.normal(key, ideal.shape[-1:]))(keys[:, 0])
    smooth = broaden(draw, p.smoothing, 16)
    return unit * p.noise * growth * smooth + noise(keys[:, 1], ideal, p.snr_db)


@jax.jit
def _measured(parameters, low, high, spectra, intensity, wavenumber_cm1, keys):
    signal = apply(parameters, spectra, low, high, wavenumber_cm1, intensity, keys)
    return signal.ideal + signal.noise


def measure(spectra, axis, unit, instrument, key=None, own_axis=False):
    """Spectra of one's own, as they would look on a virtual instrument.

        instrument = lab.ideal("grating_nir", shift=1.0, fwhm=15.0)
        elsewhere = lab.measure(spectra, axis, "nm", instrument)
        calibration.predict(elsewhere)

    A measured spectrum has its own instrument's width already: `fwhm` is what is added,
    sqrt(15^2 - 10^2) = 11.2 nm to get from 10 to 15 nm.

    Args:
      spectra: (n, p) absorbance, log10(1/R), or intensity (Raman).
      axis: (p,) positions, strictly increasing or decreasing.
      unit: of the axis, "nm", "cm-1" or "um".
      instrument: from `ideal`, `draw` or `load_instrument`.
      key: a JAX key draws noise and sample-to-sample scatter; None leaves them out.
      own_axis: give the spectra on `instrument.axis()` instead of on `axis`.

    Returns:
      (n, p) float32 numpy array; (n, instrument.points) with own_axis.

    Examples:
      >>> from spektron_jax import demo
      >>> import numpy as np
      >>> from spektron_jax import lab
      >>> ct, X, y = demo.transferred()
      >>> elsewhere = lab.ideal("grating_nir", shift=1.0)
      >>> lab.measure(X, ct.axis_, "nm", elsewhere).shape
      (30, 700)
    """
    spectra, place = _checked(spectra, axis, unit, instrument)
    low, high = float(place.min()), float(place.max())
    rising = np.argsort(place)
    steps = np.diff(place[rising])
    uniform = np.allclose(steps, steps.mean(), rtol=1e-3)
    points = place.size
    values = jnp.asarray(spectra[:, rising])
    if not uniform:
        points = min(int(np.ceil((high - low) / steps.min())) + 1, MOST_POINTS)
        nodes = np.interp(
            np.linspace(low, high, points), place[rising], np.arange(place.size)
        )
        values = cubic(values, jnp.asarray(nodes, jnp.float32))
    work = np.linspace(low, high, points)
    keys = None if key is None else jax.random.split(key, len(spectra))
    wavenumber = jnp.asarray(to_cm1(work, instrument.unit), jnp.float32)
    is_intensity = instrument.quantity == "intensity"
    about = instrument.parameters, low, high
    values = _measured(*about, values, is_intensity, wavenumber, keys)
    if own_axis or not uniform:
        wanted = _own(instrument, low, high) if own_axis else place[rising]
        nodes = (wanted - low) / (high - low) * (points - 1)
        values = cubic(values, jnp.asarray(nodes, jnp.float32))
    values = np.asarray(values)
    return values if own_axis else values[:, np.argsort(rising)]


def _own(instrument, low, high):
    axis = instrument.axis()
    slack = 1e-6 * (high - low)
    if axis[0] < low - slack or axis[-1] > high + slack:
        raise SpektronError(
            f"axis: {low:g} to {high:g} {instrument.unit} does not cover instrument "
            f"{instrument.name}, {axis[0]:g} to {axis[-1]:g}; set its low and high, or "
            "keep your own axis (own_axis=False)"
        )
    return axis


def _checked(spectra, axis, unit, instrument):
    """The spectra (n, p) float32, and the axis in the instrument's unit."""
    if not unit:
        raise SpektronError("unit: missing; say whether the axis is in nm, cm-1 or um")
    wavenumber = to_cm1(axis, unit)
    spectra = np.atleast_2d(np.asarray(spectra, np.float32))
    if wavenumber.ndim != 1 or spectra.shape[-1:] != wavenumber.shape:
        raise SpektronError(
            f"spectra have shape {spectra.shape} and the axis {wavenumber.shape}; give "
            "one position for each point"
        )
    steps = np.diff(wavenumber)
    if wavenumber.size < 4 or not ((steps > 0).all() or (steps < 0).all()):
        raise SpektronError(
            "axis: needs 4 or more positions that only rise or only fall; sort axis "
            "and spectra together"
        )
    bad = np.flatnonzero(~np.isfinite(spectra).all(axis=1))
    if bad.size:
        raise SpektronError(
            f"spectra: row {bad[0]} holds values that are not finite; leave out such "
            "spectra or cut the axis"
        )
    return spectra, wavenumber if instrument.unit == "cm-1" else 1e7 / wavenumber
