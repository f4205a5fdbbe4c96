"""From a batch of molecules to what the encoder sees: two instruments' views.

Every molecule of a step is measured on both instruments that the step has drawn.
Path length, noise and mask are drawn per example from (seed, step, example index), so
neither the number of devices nor accumulation changes them.

Dimension legend: B batch, K lines, L points.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from spektron_jax.grid import MODALITIES
from spektron_jax.lab import instruments as lab
from spektron_jax.lab.masks import draw_mask
from spektron_jax.lab.render import convolve_grid, render_lines

# What a key is folded with, per example (VIEW and VIEW + 1: per view) or per view.
PATH, SHARE, DROPOUT, NOISE, MASK, MODEL, VIEW = range(7)


class View(NamedTuple):
    """One instrument's measurement of a batch, in model units."""

    measured: jax.Array  # (B, L) with noise
    ideal: jax.Array  # (B, L) without noise
    hidden: jax.Array  # (B, L) bool


def axis_of(config):
    """The pretraining axis (L,), cm-1."""
    data = config.data
    return jnp.linspace(data.low_cm1, data.high_cm1, data.points)


def example_keys(seed, step, index):
    """One key per example, (B,)."""
    key = jax.random.fold_in(jax.random.wrap_key_data(seed), step)
    return jax.vmap(lambda i: jax.random.fold_in(key, i))(index)


def draw_two(seed, step, pool):
    """Indices of two different instruments of the pool, (2,)."""
    key = jax.random.fold_in(jax.random.wrap_key_data(seed), step)
    return jax.random.permutation(jax.random.fold_in(key, 2**31 - 1), pool)[:2]


def fold(keys, number):
    """Keys for one purpose."""
    return jax.vmap(lambda key: jax.random.fold_in(key, number))(keys)


def clean_spectra(config, batch, axis):
    """Spectra at the reference resolution, strongest band 1: (B, L), and the scale."""
    if "clean" in batch:
        spectra = batch["clean"]
    else:
        spectra = render_lines(
            batch["position_cm1"], batch["strength"], axis, _widths(config, batch)
        )
    top = jnp.max(spectra, -1, keepdims=True)
    return spectra / top, top


def _widths(config, batch):
    raman = batch["modality"] == MODALITIES.index("Raman")
    return jnp.where(raman, config.data.fwhm_raman_cm1, config.data.fwhm_ir_cm1)


def path_lengths(config, keys):
    """Absorbance of the strongest band, log-uniform, (B, 1)."""
    low, high = config.data.absorbance_low, config.data.absorbance_high
    share = jax.vmap(jax.random.uniform)(fold(keys, PATH))[:, None]
    return low * (high / low) ** share


def measure(config, batch, axis, instrument, clean, top, keys):
    """A batch on one instrument, strongest band of about 1: (with noise, without)."""
    if "clean" in batch:
        spacing = (config.data.high_cm1 - config.data.low_cm1) / (axis.size - 1)
        spectra = convolve_grid(
            clean, spacing, instrument.sigma_cm1, instrument.shift_cm1
        )
    else:
        spectra = render_lines(
            batch["position_cm1"] + instrument.shift_cm1,
            batch["strength"],
            axis,
            _widths(config, batch),
            instrument.sigma_cm1,
        )
        spectra = spectra / top
    return spectra, lab.noise(keys, spectra, instrument.snr_db)


def view(config, batch, axis, instrument, clean, top, path, keys, long_fraction=None):
    """The View of a batch on one instrument; keys (B,) differ between instruments.

    long_fraction: share of the examples masked in long spans, if not the config's.
    """
    spectra, noise = measure(
        config, batch, axis, instrument, clean, top, fold(keys, NOISE)
    )
    drift = lab.baseline(instrument.baseline, axis.size)
    ideal = (path * spectra + drift) / config.data.scale
    mask = config.mask
    long = mask.long_fraction if long_fraction is None else long_fraction
    spacing = (config.data.high_cm1 - config.data.low_cm1) / (axis.size - 1)
    hidden = jax.vmap(
        lambda key: draw_mask(
            key,
            jnp.ones(axis.size, bool),
            spacing,
            mask.share,
            mask.block,
            long,
            (mask.long_low_cm1, mask.long_high_cm1),
        )
    )(fold(keys, MASK))
    return View(ideal + path * noise / config.data.scale, ideal, hidden)
