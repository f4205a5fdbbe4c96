"""Sections of the page on what weights have learned."""

from collections.abc import Mapping, Sequence

import numpy as np

from spektron_jax.commands.report import interpret_figures as figures
from spektron_jax.commands.report.latent_sections import expert_parts
from spektron_jax.commands.report.wording import count, number, share
from spektron_jax.commands.result import Part, Plot, Section, Table, Text
from spektron_jax.probes.completeness import Activity
from spektron_jax.probes.interpretation.experts import ActivationCurves
from spektron_jax.probes.interpretation.oscillators import PoleComparison
from spektron_jax.probes.interpretation.planted import Planted
from spektron_jax.probes.interpretation.saliency import (
    Readout,
    Saliency,
    contributions,
)
from spektron_jax.probes.interpretation.samples import CalibrationSet


def oscillator_section(found: PoleComparison) -> Section:
    """Poles and gains before and after training."""
    low, middle, high = found.quartiles("decay_cm1")
    text = Text(
        f"Half of the oscillators remember for {number(low)} to {number(high)} 1/cm "
        f"(median {number(middle)}). Training moved the median period by "
        f"{share(found.moved('period_cm1'))}, the decay length by "
        f"{share(found.moved('decay_cm1'))} and the strength of an oscillator by "
        f"{share(found.moved('strength'))}; the layers' gain changed by "
        f"{share(found.change_of_gain())}. (Medians of the absolute change of the "
        "logarithm.) Small moves of the poles with larger ones of strength and gain "
        "mean that training chose among the oscillators it was given rather than tuned "
        "them."
    )
    poles = Plot(
        figures.poles(found.before, found.after, found.token_spacing_cm1),
        "Each circle is an oscillator, its area the strength with which it is driven "
        "and read. Dotted: the shortest period that tokens can carry.",
    )
    gains = Plot(
        figures.transfer_functions(
            found.wave_period_cm1, found.gain_before, found.gain_after
        ),
        "Gain of a layer for a wave along the axis, over all channels; dashed: before "
        "training. Bands are short periods, baselines long ones.",
    )
    title = "Oscillators on the wavenumber axis"
    return Section("oscillators", title, [text, poles, gains])


def expert_section(
    use: Mapping[str, np.ndarray], curves: ActivationCurves | None
) -> Section:
    """Use by modality; the learned curves if the experts have any."""
    parts = expert_parts(use)
    if curves is None:
        parts.append(
            Text(
                "No KAN in these weights: their experts use a fixed activation (GELU)."
            )
        )
    else:
        median = float(np.median(curves.spline_share))
        caption = (
            "KAN activations: the strongest units of each expert. "
            f"{share(median)} of a typical unit's variance is not along silu (dashed)."
        )
        parts.append(Plot(figures.kan_curves(curves), caption))
    return Section("experts", "Experts", parts)


def saliency_section(
    samples: CalibrationSet, readout: Readout, found: Saliency, bands: Sequence[Planted]
) -> Section:
    """What a prediction rests on, and whether planted bands are found."""
    contribution = contributions(found)
    reading = "The read-out hardly predicts the property: do not interpret its map."
    if readout.q2 > 0.5:
        reading = (
            "The read-out predicts the property, so the map below says what it rests "
            "on."
        )
    text = Text(
        f"A linear read-out of z_chem for {samples.name}; "
        f"{count(len(samples.spectra))} samples ({samples.source}), Q2 "
        f"{number(readout.q2)} by 5-fold cross-validation. {reading} The contributions "
        f"sum to 1, their absolute values to {number(np.abs(contribution).sum())}: the "
        "more, the more points work against each other and the less single bands can "
        "be read from the map."
    )
    plot = Plot(
        figures.saliency(samples, contribution),
        f"Contribution of each point to the variance of {len(found.prediction)} "
        "predictions, by integrated gradients from the mean spectrum; running mean of "
        f"nine points. The integration leaves over at most "
        f"{number(np.abs(found.gap).max())} of a prediction.",
    )
    hits = sum(band.found for band in bands)
    trust = Text(
        f"Does such a map deserve trust? {hits} of {len(bands)} bands planted into the "
        "same spectra are found: 50 to 150 % of the contributions lie on the band, and "
        "less than 25 % with shuffled heights."
    )
    header = ["planted at", "R2 of its height", "on the band", "shuffled heights"]
    header += ["points there", "found"]
    rows = [
        (
            f"{band.place:.0f} {samples.unit}",
            number(band.r2),
            *map(share, (band.share, abs(band.control), band.points)),
            "yes" if band.found else "no",
        )
        for band in bands
    ]
    maps = Plot(
        figures.planted(samples.axis, bands, samples.unit),
        "Contributions for planted bands (shaded).",
    )
    parts: list[Part] = [text, plot, trust, Table(header, rows), maps]
    return Section("saliency", "What a prediction rests on", parts)


def completeness_section(found: Activity) -> Section:
    """Which share of the vibrations spectra can show."""
    visible = {name: share(value) for name, value in found.mean_visible().items()}
    intro = Text(
        "The information completeness ratio is the share of a molecule's 3N − 6 "
        "vibrations (3N − 5 if linear) that show in IR or Raman. A mode absorbs if it "
        "changes the dipole and scatters if it changes the polarizability; with a "
        "centre of inversion no mode does both (mutual exclusion), and a mode that "
        "does neither is out of reach of every model. Degenerate modes are counted as "
        "often as they occur."
    )
    header = ["molecule", "group", "modes", "IR", "Raman", "either", "R", "by symmetry"]
    rows = []
    for one in found.textbook:
        modes, _, _, either, _ = one.found
        expected = f"{one.expected[3]}/{one.expected[0]}"
        counts = (str(value) for value in one.found[:4])
        rows.append((one.name, one.group, *counts, f"{either / modes:.3f}", expected))
    text = Text(
        f"Active: above {found.allowed:g} of the molecule's strongest line. Of "
        f"{count(found.ratio.size)} molecules {count(found.incomplete)} have R < 1, "
        f"and in {count(found.exclusive)} no mode is active in both. For the others "
        "symmetry hides nothing, and what limits is strength: above "
        f"{share(found.visible)} of the strongest line an IR spectrum shows "
        f"{visible['ir']} of the modes, a Raman spectrum {visible['raman']}, both "
        f"together {visible['either']} (means)."
    )
    plot = Plot(
        figures.completeness(found.ratio, found.visible_share),
        "Left: molecules in which symmetry hides modes. Right: shares of the modes "
        "that are strong enough to be seen, with IR and Raman.",
    )
    table = Table(header, rows, "Molecules of known symmetry")
    title = "What spectra can know: R(G, N)"
    return Section("completeness", title, [intro, table, text, plot])
