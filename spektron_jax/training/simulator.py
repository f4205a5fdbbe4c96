"""From a batch of molecules to what the encoder sees: two instruments' views.

Every molecule of a step is measured on both instruments that the step has drawn.
Path length, noise and mask are drawn per example from (seed, step, example index), so
neither the number of devices nor accumulation changes them.

What the settings decide is decided once, by `make_simulator`:

    Documents   lines rendered through each instrument's Gaussian
    Wide        the absorbance of the sample through `lab.measurement`, with mixtures
                and fluorescence
    WideNIR     the same with NIR among the modalities: powders, and every example on
                an axis of its own, (B, L) in place of (L,), as uniform as the others'

Dimension legend: B batch, K lines, L points, N instruments, F numbers of one.
"""

import dataclasses
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, UInt

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
from spektron_jax.training import draws
from spektron_jax.training.draws import example_keys, fold, two_uniform
from spektron_jax.training.instrument_pool import Pool, draw_two, instrument_table

NIR, RAMAN = MODALITIES.index("NIR"), MODALITIES.index("Raman")
HYDROGEN_BONDED = 0.5  # share of NH and OH groups, where none is drawn
FLUORESCENCE_RANGE = (0.05, 1.0)  # of a background, strongest Raman band 1


class View(NamedTuple):
    """One instrument's measurement of a batch, in model units."""

    measured: Float[Array, "B L"]  # with noise
    ideal: Float[Array, "B L"]  # without noise
    hidden: Bool[Array, "B L"]


class Inputs(NamedTuple):
    """What the encoder sees of a microbatch: view a, view b, mixtures of view a.

    Rows 0..B-1 are view a, B..2B-1 view b; the last B / 2 mix neighbours of view a.
    """

    values: Float[Array, "R L"]  # R = 2.5 B, model units
    hidden: Bool[Array, "R L"]
    modality: Int[Array, " R"]
    keys: Array  # (R,) noise of latents and gates
    clean: Float[Array, "B L"]  # without instrument, model units
    share: Float[Array, " half"]  # (B / 2,) of the first of the two that were mixed
    instrument: Int[Array, "2"]  # pool indices of view a and view b
    dropout: Array  # the one key that depends on how a batch lies on devices


def make_simulator(config):
    """The Simulator of a run's settings, which are read here and nowhere else."""
    data, mask = config.data, config.mask
    kind = Documents
    if config.lab.preset != DOCUMENTS:
        kind = WideNIR if "NIR" in data.modalities else Wide
    return kind(
        seed=config.seed,
        gridded=data.kind == "qm9s",
        axis=jnp.linspace(data.low_cm1, data.high_cm1, data.points),
        spacing_cm1=(data.high_cm1 - data.low_cm1) / (data.points - 1),
        fwhm_ir_cm1=data.fwhm_ir_cm1,
        fwhm_raman_cm1=data.fwhm_raman_cm1,
        scale=data.scale,
        absorbance=(data.absorbance_low, data.absorbance_high),
        mixtures=config.lab.mixtures,
        powders=config.lab.powders,
        fluorescence=config.lab.fluorescence,
        hidden_share=mask.share,
        block=mask.block,
        long_fraction=mask.long_fraction,
        long_cm1=(mask.long_low_cm1, mask.long_high_cm1),
    )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Simulator:
    """What molecules look like on simulated instruments."""

    seed: int  # of the instruments
    gridded: bool  # batches hold spectra ("clean") and not lines
    axis: Float[Array, " L"]  # of pretraining, cm-1
    spacing_cm1: float  # between two of its points
    fwhm_ir_cm1: float  # widths of the lines
    fwhm_raman_cm1: float
    scale: float  # absorbance per model unit
    absorbance: tuple[float, float]  # of the strongest band, from and to
    mixtures: float  # shares of the examples
    powders: float
    fluorescence: float
    hidden_share: float  # this and the following: see `draw_mask`
    block: int
    long_fraction: float
    long_cm1: tuple[float, float]

    @property
    def points(self) -> int:
        """L."""
        return self.axis.size

    def axes(self, modality):
        """The axis of each example, (B, L); (L,) if they all have the same."""
        return self.on_axes(lambda axis: axis, modality)

    def on_axes(self, function, modality):
        """`function` of an axis (L,), at the axis of each example, (B, L).

        It is worked out once for each of the axes there are, not for each example.
        """
        return function(self.axis)

    def spacings(self, modality):
        """Point spacing of each example, cm-1, () or (B,)."""
        return self.spacing_cm1

    def reference(self, batch, keys):
        """Spectra at the reference resolution, in any unit, (B, L)."""
        if self.gridded:
            return batch["clean"]
        return self.render(batch)

    def render(self, batch, shift=0.0, sigma=0.0):
        """Lines of a batch as an instrument of this shift and width shows them."""
        raman = batch["modality"] == RAMAN
        return render_lines(
            batch["position_cm1"] + shift,
            batch["strength"],
            self.axis,
            jnp.where(raman, self.fwhm_raman_cm1, self.fwhm_ir_cm1),
            sigma,
        )

    def clean(self, batch, keys=None):
        """Spectra at the reference resolution, strongest band 1: (B, L), and the scale.

        keys: (B,) draw the bonds' parameters in the NIR; None takes the middle of each.
        """
        spectra = self.reference(batch, keys)
        chex.assert_shape(spectra, (len(batch["modality"]), self.points))
        top = jnp.max(spectra, -1, keepdims=True)
        return spectra / top, top

    def prepare(self, clean, path, modality, keys):
        """`clean` as the samples are prepared: here nothing is done to them."""
        return clean

    def view(self, batch, instrument, clean, top, path, keys, long_fraction=None):
        """The View of a batch on one instrument; keys (B,) differ between instruments.

        Args:
          clean, top: from `clean`, or `prepare`.
          path: (B, 1) absorbance of the strongest band.
          long_fraction: share of the examples masked in long spans, if not the usual.
        """
        ideal, noise = self.measure(batch, instrument, clean, top, path, keys)
        long = self.long_fraction if long_fraction is None else long_fraction
        hidden = jax.vmap(
            lambda key, spacing_cm1: draw_mask(
                key,
                jnp.ones(self.points, bool),
                spacing_cm1,
                self.hidden_share,
                self.block,
                long,
                self.long_cm1,
            )
        )(
            fold(keys, draws.MASK),
            jnp.broadcast_to(self.spacings(batch["modality"]), keys.shape),
        )
        return View(ideal + noise, ideal, hidden)

    def path_lengths(self, keys):
        """Absorbance of the strongest band, log-uniform, (B, 1)."""
        low, high = self.absorbance
        share = jax.vmap(jax.random.uniform)(fold(keys, draws.PATH))[:, None]
        return low * (high / low) ** share

    def inputs(
        self, pool, seed: UInt[Array, "..."], step, batch: dict[str, Array]
    ) -> Inputs:
        """Draw two instruments of the pool and measure the batch on both.

        Args:
          pool: from `instruments`.
          seed, step: of every draw; `seed` is key data.
          batch: index, modality, and lines or spectra of B examples.
        """
        chex.assert_equal_shape([batch["index"], batch["modality"]])
        chosen = draw_two(seed, step, len(jax.tree.leaves(pool)[0]))
        keys = example_keys(seed, step, batch["index"])
        clean, top = self.clean(batch, keys)
        path = self.path_lengths(keys)
        clean = self.prepare(clean, path, batch["modality"], keys)
        view_keys = [fold(keys, draws.VIEW + k) for k in range(2)]
        a, b = (
            self.view(batch, pool.at(i), clean, top, path, k)
            for i, k in zip(chosen, view_keys, strict=True)
        )
        share = jax.vmap(jax.random.uniform)(fold(keys, draws.SHARE))[0::2]
        mixture = (
            share[:, None] * a.measured[0::2] + (1 - share[:, None]) * a.measured[1::2]
        )
        modality = batch["modality"]
        hidden = [a.hidden, b.hidden, a.hidden[0::2] | a.hidden[1::2]]
        return Inputs(
            values=jnp.concatenate([a.measured, b.measured, mixture]),
            hidden=jnp.concatenate(hidden),
            modality=jnp.concatenate([modality, modality, modality[0::2]]),
            keys=jnp.concatenate(
                [fold(k, draws.MODEL) for k in (*view_keys, keys[0::2])]
            ),
            clean=path * clean / self.scale,
            share=share,
            instrument=chosen,
            dropout=jax.random.fold_in(keys[0], draws.DROPOUT),
        )


class Documents(Simulator):
    """The design's instruments: shift, Gaussian width, baseline and noise."""

    def instruments(self, draw, count, seed=None):
        """`count` instruments; `draw` is lab's training_pool or audit_instruments.

        seed: of the draw, if not the run's.
        """
        return draw(self.seed if seed is None else seed, count)

    def instrument_table(self, pool):
        """See `instrument_pool.instrument_table`; of the NIR nothing is known."""
        return instrument_table((pool, jax.tree.map(jnp.zeros_like, pool)))

    def measure(self, batch, instrument, clean, top, path, keys):
        """A batch without noise, and its noise, (B, L) each, in model units."""
        shift, sigma = instrument.shift, instrument.sigma
        if self.gridded:
            spectra = convolve_grid(clean, self.spacing_cm1, sigma, shift)
        else:
            spectra = self.render(batch, shift, sigma) / top
        noise = lab.noise(fold(keys, draws.NOISE), spectra, instrument.snr_db)
        drift = lab.baseline(instrument.baseline, self.points)
        return (path * spectra + drift) / self.scale, path * noise / self.scale


class Wide(Simulator):
    """Instruments of the wide presets, on samples that may be mixed."""

    def instruments(self, draw, count, seed=None):
        """A Pool of `count`; arguments as in `Documents`."""
        seed = self.seed if seed is None else seed
        return Pool(*(draw(seed, count, name) for name in ("wide", "wide_nir")))

    def instrument_table(self, pool):
        """See `instrument_pool.instrument_table`."""
        return instrument_table(pool)

    def prepare(self, clean, path, modality, keys):
        """`clean` with some molecules mixed, and some ground to a powder, (B, L).

        Neighbours 2k and 2k + 1 share their modality; their mixture takes the place of
        the first. A powder's log10(1/R) follows Kubelka and Munk.
        """
        if not (self.mixtures or self.powders):
            return clean
        chance, share = two_uniform(fold(keys, draws.MIXED))
        first = jnp.arange(len(keys)) % 2 == 0
        share = jnp.where(first & (chance < 2 * self.mixtures), share, 1.0)[:, None]
        clean = share * clean + (1 - share) * jnp.roll(clean, -1, axis=0)
        is_powder = (
            jax.vmap(jax.random.uniform)(fold(keys, draws.POWDER)) < self.powders
        )
        powder = kubelka_munk(path * clean) / path
        return jnp.where((is_powder & (modality == NIR))[:, None], powder, clean)

    def measure(self, batch, instrument, clean, top, path, keys):
        """A batch without noise, and its noise, (B, L) each, in model units."""
        modality = batch["modality"]
        spectra = path * (clean + self.background(modality, keys))
        near = modality == NIR
        own = jnp.broadcast_to(self.axes(modality), spectra.shape)

        def one(spectrum, own, near, intensity, key):
            parameters = jax.tree.map(
                lambda *pair: jnp.where(near, *pair),
                instrument.near,
                instrument.infrared,
            )
            signal = measurement.apply(
                parameters, spectrum[None], own[0], own[-1], own, intensity, key[None]
            )
            return signal.ideal[0], signal.noise[0]

        ideal, noise = jax.vmap(one)(
            spectra, own, near, modality == RAMAN, fold(keys, draws.NOISE)
        )
        return ideal / self.scale, noise / self.scale

    def background(self, modality, keys):
        """Fluorescence of some Raman spectra, another at each measurement, (B, L)."""
        if not self.fluorescence:
            return 0.0
        chance, height = two_uniform(fold(keys, draws.FLUORESCENCE))
        low, high = FLUORESCENCE_RANGE
        fluoresces = (modality == RAMAN) & (chance < self.fluorescence)
        height = jnp.where(fluoresces, low * (high / low) ** height, 0.0)
        return fluorescence(fold(keys, draws.FLUORESCENCE_SHAPE), self.axis, height)


class WideNIR(Wide):
    """With the NIR of X-H bonds among the modalities, on an axis of its own."""

    def on_axes(self, function, modality):
        """`function` of an axis (L,), at the axis of each example, (B, L)."""
        near = function(jnp.linspace(*NIR_CM1, self.points))
        return jnp.where((modality == NIR)[:, None], near, function(self.axis))

    def spacings(self, modality):
        """Point spacing of each example, cm-1, (B,)."""
        near = (NIR_CM1[1] - NIR_CM1[0]) / (self.points - 1)
        return jnp.where(modality == NIR, near, self.spacing_cm1)

    def reference(self, batch, keys):
        """Spectra at the reference resolution, in any unit, (B, L)."""
        spectra = super().reference(batch, keys)
        bonds = Bonds(*(batch[field] for field in Bonds._fields))
        hydrogen_bonded = HYDROGEN_BONDED
        if keys is not None:
            hydrogen_bonded = jax.vmap(jax.random.uniform)(fold(keys, draws.BONDED))
            keys = fold(keys, draws.BONDS)
        lines = nir_lines(bonds, keys, hydrogen_bonded)
        near = render_grid(lines, *NIR_CM1, self.points, widths_cm1=NIR_WIDTHS_CM1)
        return jnp.where((batch["modality"] == NIR)[:, None], near, spectra)
