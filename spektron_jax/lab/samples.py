"""Samples from pure components: mixtures of known composition, powders, backgrounds.

    A(x)         = path * sum_k c_k (eps_k(x) + (T - 25 C) d eps_k / dT)  Beer-Lambert
    log10(1 / R) = log10(1 + r + sqrt(r^2 + 2 r)),  r = K / S     Kubelka & Munk (1931)

The second is the reflectance of a layer so thick that nothing comes through, with
absorption K and scatter S. Composition is the label: what pretraining can use and what
a calibration regresses.

Dimension legend: B samples, C components, L points.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from spektron_jax.lab.nir import AMBIENT_C
from spektron_jax.shapes import ArrayLike, Axis, Keys, OneKey, PerExample, Spectra

MEMBERS = (2, 6)  # components of one mixture
DIRICHLET = (0.3, 2.0)  # concentration parameter: from near-pure to even mixtures
BOND_KJ_MOL = -20.0  # of hydrogen bonds (Luck, Angew. Chem. Int. Ed. 19, 28 (1980))
GAS_KJ_MOL_K = 8.314e-3
KELVIN = 273.15


class DrawnSamples(NamedTuple):
    """B samples."""

    spectra: Spectra  # absorbance, or log10(1/R)
    composition: Float[Array, "B C"]  # shares, sum 1
    path: PerExample  # path length, or absorption over scatter
    temperature_c: PerExample


def draw_composition(
    key: OneKey, count: int, components: int, members=MEMBERS, alpha=DIRICHLET
) -> Float[Array, "B C"]:
    """Shares of 2 to 6 components drawn from a Dirichlet distribution, (count, C)."""
    keys = jax.random.split(key, 4)
    low, high = (min(number, components) for number in members)
    number = jax.random.randint(keys[0], (count, 1), low, high + 1)
    order = jnp.argsort(jax.random.uniform(keys[1], (count, components)), axis=1)
    chosen = jnp.argsort(order, axis=1) < number
    even = jax.random.uniform(keys[2], (count, 1), minval=alpha[0], maxval=alpha[1])
    # Shares of gamma variables; by logarithms, since small alpha underflows.
    logs = jax.random.loggamma(keys[3], jnp.broadcast_to(even, chosen.shape))
    return jax.nn.softmax(jnp.where(chosen, logs, -jnp.inf), axis=1)


def add_water(
    key: OneKey, composition: Float[ArrayLike, "B C"], water
) -> Float[Array, "B C+1"]:
    """Composition with water as a further, last column, drawn from a range of shares.

    Args:
      composition: (B, C); water: (low, high) shares in [0, 1].
    """
    share = jax.random.uniform(
        key, (len(composition), 1), minval=water[0], maxval=water[1]
    )
    return jnp.concatenate([composition * (1 - share), share], axis=1)


def beer_lambert(
    components: Float[ArrayLike, "C L"],
    composition: Float[ArrayLike, "B C"],
    path,
    warming: Float[ArrayLike, "C L"] | None = None,
    temperature_c=AMBIENT_C,
) -> Spectra:
    """Absorbance of mixtures, (B, L).

    Args:
      components: (C, L) absorbance of each component at path 1.
      composition: (B, C); path: () or (B,).
      warming: (C, L) change of `components` per kelvin (`warming_of`), or None.
      temperature_c: () or (B,).
    """
    mixed = composition @ components
    if warming is not None:
        degrees = jnp.reshape(jnp.asarray(temperature_c) - AMBIENT_C, (-1, 1))
        mixed = mixed + degrees * (composition @ warming)
    return jnp.reshape(jnp.asarray(path), (-1, 1)) * mixed


def kubelka_munk(ratio: Float[ArrayLike, "*shape"]) -> Float[Array, "*shape"]:
    """log10(1/R) of an endless layer, from absorption over scatter K / S >= 0."""
    ratio = jnp.maximum(ratio, 1e-9)  # the slope is infinite at 0
    return jnp.log10(1 + ratio + jnp.sqrt(ratio * (ratio + 2)))


def scatter(wavenumber_cm1: Axis, power: PerExample) -> Spectra:
    """Scattering relative to mid-range, wavenumber^power, (B, L); power (B,).

    Power 4 for particles far below the wavelength (Rayleigh), about 0 far above.
    """
    relative = wavenumber_cm1 / jnp.mean(wavenumber_cm1)
    return relative ** jnp.reshape(jnp.asarray(power), (-1, 1))


def bonded_share(temperature_c, at_25c):
    """Share of NH and OH groups in hydrogen bonds; falls with temperature.

    van 't Hoff: h / (1 - h) goes as exp(-H / R T), H = -20 kJ/mol. For `nir_lines`.
    """
    inverse = 1 / (jnp.asarray(temperature_c) + KELVIN) - 1 / (AMBIENT_C + KELVIN)
    odds = at_25c / (1 - at_25c) * jnp.exp(-BOND_KJ_MOL / GAS_KJ_MOL_K * inverse)
    return odds / (1 + odds)


def draw_samples(
    key: OneKey,
    components: Float[ArrayLike, "C L"],
    wavenumber_cm1: Axis,
    count: int,
    *,
    warming=None,
    water=None,
    path=(0.5, 1.5),
    temperature_c=(AMBIENT_C, AMBIENT_C),
    powder=False,
    scatter_power=(0.0, 1.0),
) -> DrawnSamples:
    """Mixtures of known composition, as liquids or as powders.

    Args:
      components: (C, L) absorbance of each component at path 1.
      wavenumber_cm1: (L,).
      count: B, static.
      warming: (C, L) or None, see `beer_lambert`.
      water: (low, high) share of the last component, or None: like any other.
      path: (low, high), log-uniform: path length, or 1 / scatter of a powder.
      temperature_c: (low, high), uniform.
      powder: log10(1/R) by Kubelka and Munk in place of absorbance, static.

    Returns:
      DrawnSamples.
    """
    keys = jax.random.split(key, 5)
    if water is None:
        composition = draw_composition(keys[0], count, len(components))
    else:
        composition = draw_composition(keys[0], count, len(components) - 1)
        composition = add_water(keys[1], composition, water)

    def uniform(key, low, high):
        return jax.random.uniform(key, (count,), minval=low, maxval=high)

    lengths = jnp.exp(uniform(keys[2], np.log(path[0]), np.log(path[1])))
    warmth = uniform(keys[3], *temperature_c)
    spectra = beer_lambert(components, composition, lengths, warming, warmth)
    if powder:
        power = uniform(keys[4], *scatter_power)
        spectra = kubelka_munk(spectra / scatter(wavenumber_cm1, power))
    return DrawnSamples(spectra, composition, lengths, warmth)


def fluorescence(keys: Keys, axis_cm1: Axis, strength) -> Spectra:
    """Background of Raman spectra: one to three bands, wider than any Raman band.

    Args:
      keys: (B,) JAX keys; axis_cm1: (L,) Raman shift.
      strength: (B,) height of the background in units of the strongest band.

    Returns:
      (B, L), maximum `strength`.
    """

    def one(key):
        where, width, height = jax.random.uniform(key, (3, 3))
        centre = axis_cm1[0] + (axis_cm1[-1] - axis_cm1[0]) * (1.5 * where - 0.25)
        sigma = 800.0 + 1700.0 * width
        offset = (axis_cm1[:, None] - centre) / sigma
        band = jnp.exp(-0.5 * offset**2) @ height
        return band / jnp.max(band)

    return jnp.reshape(jnp.asarray(strength), (-1, 1)) * jax.vmap(one)(keys)
