"""From a batch of molecules to what the encoder sees: two instruments' views.

Every molecule of a step is measured on both instruments that the step has drawn.
Path length, noise and mask are drawn per example from (seed, step, example index), so
neither the number of devices nor accumulation changes them.

Preset "documents" renders the lines through each instrument's Gaussian; "wide" puts the
absorbance of the sample through `lab.measurement`. With NIR among the modalities every
example has an axis of its own, (B, L) in place of (L,), as uniform as the others'.

Dimension legend: B batch, K lines, L points.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from spektron_jax.lab import instruments as lab
from spektron_jax.lab import measurement
from spektron_jax.lab.masks import draw_mask
from spektron_jax.lab.nir import Bonds, nir_lines
from spektron_jax.lab.presets import DOCUMENTS
from spektron_jax.lab.render import (
    NIR_WIDTHS_CM1,
    convolve_grid,
    render_grid,
    render_lines,
)
from spektron_jax.lab.samples import fluorescence, kubelka_munk
from spektron_jax.spectra.grid import MODALITIES, NIR_CM1

# What a key is folded with, per example (VIEW and VIEW + 1: per view) or per view.
PATH, SHARE, DROPOUT, NOISE, MASK, MODEL, VIEW = range(7)
BONDS, BONDED, MIXED, POWDER, GLOW, GLOW_SHAPE = range(VIEW + 2, VIEW + 8)
NIR, RAMAN = MODALITIES.index("NIR"), MODALITIES.index("Raman")
BONDED_SHARE = 0.5  # of NH and OH groups, where none is drawn
GLOW_HEIGHT = (0.05, 1.0)  # of a fluorescence background, strongest Raman band 1


class View(NamedTuple):
    """One instrument's measurement of a batch, in model units."""

    measured: jax.Array  # (B, L) with noise
    ideal: jax.Array  # (B, L) without noise
    hidden: jax.Array  # (B, L) bool


def axis_of(config):
    """The pretraining axis (L,), cm-1."""
    data = config.data
    return jnp.linspace(data.low_cm1, data.high_cm1, data.points)


def axes(config, axis, modality):
    """The axis of each example, (B, L), if there is NIR among them, else `axis`."""
    if "NIR" not in config.data.modalities:
        return axis
    near = jnp.linspace(*NIR_CM1, axis.size)
    return jnp.where((modality == NIR)[:, None], near, axis)


class Pool(NamedTuple):
    """The same instruments' ranges of the IR and Raman, and of the NIR."""

    infrared: lab.Instruments
    near: lab.Instruments

    def at(self, index):
        """The instrument with this index (may be traced)."""
        return Pool(self.infrared.at(index), self.near.at(index))


def instruments_of(config, draw, count, seed=None):
    """The run's instruments; `draw` is lab's training_pool or audit_instruments.

    seed: of the draw, if not the run's.
    """
    seed = config.seed if seed is None else seed
    if config.lab.preset == DOCUMENTS:
        return draw(seed, count)
    return Pool(*(draw(seed, count, name) for name in ("wide", "wide_nir")))


DESCRIPTION = 2 * lab.DESCRIPTION + 1  # numbers of a row of `descriptions`


def descriptions(pool):
    """What the classifiers tell the pool's instruments by, (N, DESCRIPTION).

    An instrument's logit is the product of its row with the classifier's output, so
    what is learned of one instrument holds for all that resemble it: with hundreds of
    them, and two in a step, a row of weights for each would never be learned. The last
    number, the squared length, lets the output ask for the nearest description.
    """
    ranges = (
        pool if isinstance(pool, Pool) else (pool, jax.tree.map(jnp.zeros_like, pool))
    )
    table = jnp.concatenate([lab.describe(one) for one in ranges], axis=1)
    table = table / jnp.sqrt(table.shape[1])
    return jnp.concatenate([table, jnp.sum(table**2, 1, keepdims=True)], axis=1)


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


def clean_spectra(config, batch, axis, keys=None):
    """Spectra at the reference resolution, strongest band 1: (B, L), and the scale.

    keys: (B,) draw the bonds' parameters in the NIR; None takes the middle of each.
    """
    if "clean" in batch:
        spectra = batch["clean"]
    else:
        spectra = render_lines(
            batch["position_cm1"], batch["strength"], axis, _widths(config, batch)
        )
    if "NIR" in config.data.modalities:
        near = _near_infrared(batch, axis.size, keys)
        spectra = jnp.where((batch["modality"] == NIR)[:, None], near, spectra)
    top = jnp.max(spectra, -1, keepdims=True)
    return spectra / top, top


def _near_infrared(batch, points, keys):
    bonds = Bonds(*(batch[field] for field in Bonds._fields))
    bonded = BONDED_SHARE
    if keys is not None:
        bonded = jax.vmap(jax.random.uniform)(fold(keys, BONDED))
        keys = fold(keys, BONDS)
    lines = nir_lines(bonds, keys, bonded)
    return render_grid(lines, *NIR_CM1, points, widths_cm1=NIR_WIDTHS_CM1)


def _widths(config, batch):
    raman = batch["modality"] == RAMAN
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
        spectra = convolve_grid(clean, spacing, instrument.sigma, instrument.shift)
    else:
        spectra = render_lines(
            batch["position_cm1"] + instrument.shift,
            batch["strength"],
            axis,
            _widths(config, batch),
            instrument.sigma,
        )
        spectra = spectra / top
    return spectra, lab.noise(keys, spectra, instrument.snr_db)


def view(config, batch, axis, instrument, clean, top, path, keys, long_fraction=None):
    """The View of a batch on one instrument; keys (B,) differ between instruments.

    long_fraction: share of the examples masked in long spans, if not the config's.
    """
    if config.lab.preset == DOCUMENTS:
        spectra, noise = measure(
            config, batch, axis, instrument, clean, top, fold(keys, NOISE)
        )
        drift = lab.baseline(instrument.baseline, axis.size)
        ideal = (path * spectra + drift) / config.data.scale
        noise = path * noise
    else:
        code = batch["modality"]
        glow = _fluorescence(config, axis, code, keys)
        ideal, noise = _on(config, axis, instrument, path * (clean + glow), code, keys)
        ideal = ideal / config.data.scale
    mask = config.mask
    long = mask.long_fraction if long_fraction is None else long_fraction
    spacing = (config.data.high_cm1 - config.data.low_cm1) / (axis.size - 1)
    if "NIR" in config.data.modalities:
        near = (NIR_CM1[1] - NIR_CM1[0]) / (axis.size - 1)
        spacing = jnp.where(batch["modality"] == NIR, near, spacing)
    spacing = jnp.broadcast_to(spacing, keys.shape)
    hidden = jax.vmap(
        lambda key, spacing_cm1: draw_mask(
            key,
            jnp.ones(axis.size, bool),
            spacing_cm1,
            mask.share,
            mask.block,
            long,
            (mask.long_low_cm1, mask.long_high_cm1),
        )
    )(fold(keys, MASK), spacing)
    return View(ideal + noise / config.data.scale, ideal, hidden)


def prepared(config, clean, path, modality, keys):
    """`clean` with some molecules mixed, and some ground to a powder, (B, L).

    Neighbours 2k and 2k + 1 share their modality; their mixture takes the place of the
    first. A powder's log10(1/R) follows Kubelka and Munk.
    """
    chance, share = jax.vmap(lambda key: jax.random.uniform(key, (2,)))(
        fold(keys, MIXED)
    ).T
    first = jnp.arange(len(keys)) % 2 == 0
    share = jnp.where(first & (chance < 2 * config.lab.mixtures), share, 1.0)[:, None]
    clean = share * clean + (1 - share) * jnp.roll(clean, -1, axis=0)
    ground = jax.vmap(jax.random.uniform)(fold(keys, POWDER)) < config.lab.powders
    powder = kubelka_munk(path * clean) / path
    return jnp.where((ground & (modality == NIR))[:, None], powder, clean)


def _fluorescence(config, axis, modality, keys):
    """The background of some Raman spectra, another one at each measurement, (B, L)."""
    if not config.lab.fluorescence:
        return 0.0
    chance, height = jax.vmap(lambda key: jax.random.uniform(key, (2,)))(
        fold(keys, GLOW)
    ).T
    low, high = GLOW_HEIGHT
    glows = (modality == RAMAN) & (chance < config.lab.fluorescence)
    height = jnp.where(glows, low * (high / low) ** height, 0.0)
    return fluorescence(fold(keys, GLOW_SHAPE), axis, height)


def _on(config, axis, instrument, spectra, modality, keys):
    """Samples on an instrument of a Pool: (without noise, noise), each (B, L)."""
    near = modality == NIR
    own = jnp.broadcast_to(axes(config, axis, modality), spectra.shape)

    def one(spectrum, own, near, intensity, key):
        parameters = jax.tree.map(
            lambda *pair: jnp.where(near, *pair), instrument.near, instrument.infrared
        )
        signal = measurement.apply(
            parameters, spectrum[None], own[0], own[-1], own, intensity, key[None]
        )
        return signal.ideal[0], signal.noise[0]

    return jax.vmap(one)(spectra, own, near, modality == RAMAN, fold(keys, NOISE))


class Inputs(NamedTuple):
    """What the encoder sees of a microbatch: view a, view b, mixtures of view a.

    Rows 0..B-1 are view a, B..2B-1 view b; the last B / 2 mix neighbours of view a.
    """

    values: jax.Array  # (2.5 B, L) model units
    hidden: jax.Array  # (2.5 B, L) bool
    modality: jax.Array  # (2.5 B,)
    keys: jax.Array  # (2.5 B,) noise of latents and gates
    clean: jax.Array  # (B, L) without instrument, model units
    share: jax.Array  # (B / 2,) of the first of the two spectra that were mixed
    instrument: jax.Array  # (2,) pool indices of view a and view b
    dropout: jax.Array  # the one key that depends on how a batch lies on devices


def inputs(config, axis, pool, seed, step, batch):
    """Draw two instruments of the pool and measure the batch on both."""
    chosen = draw_two(seed, step, config.lab.pool)
    keys = example_keys(seed, step, batch["index"])
    clean, top = clean_spectra(config, batch, axis, keys)
    path = path_lengths(config, keys)
    if config.lab.mixtures or config.lab.powders:
        clean = prepared(config, clean, path, batch["modality"], keys)
    view_keys = [fold(keys, VIEW + k) for k in range(2)]
    a, b = (
        view(config, batch, axis, pool.at(i), clean, top, path, k)
        for i, k in zip(chosen, view_keys, strict=True)
    )
    share = jax.vmap(jax.random.uniform)(fold(keys, SHARE))[0::2]
    mixture = (
        share[:, None] * a.measured[0::2] + (1 - share[:, None]) * a.measured[1::2]
    )
    code = jnp.concatenate([batch["modality"]] * 2 + [batch["modality"][0::2]])
    return Inputs(
        values=jnp.concatenate([a.measured, b.measured, mixture]),
        hidden=jnp.concatenate([a.hidden, b.hidden, a.hidden[0::2] | a.hidden[1::2]]),
        modality=code,
        keys=jnp.concatenate([fold(k, MODEL) for k in (*view_keys, keys[0::2])]),
        clean=path * clean / config.data.scale,
        share=share,
        instrument=chosen,
        dropout=jax.random.fold_in(keys[0], DROPOUT),
    )
