"""The page of `configs/interpret.py`: report.html from results.json and results.npz."""

from html import escape
from pathlib import Path

from spektron_jax.commands.report import interpretation_figures as figures
from spektron_jax.commands.report.figures import expert_use
from spektron_jax.commands.report.markup import document, image, section, table
from spektron_jax.commands.report.stored import write_page
from spektron_jax.commands.report.wording import count, number, share

NO_KAN = "No KAN in these weights: their experts use a fixed activation (GELU)."


def write_report(workdir: str | Path) -> Path:
    """Write report.html from the results in a workdir; see `stored.write_page`."""
    return write_page(workdir, render)


def render(results: dict, arrays: dict) -> str:
    """The whole page."""
    title = f"Inside the weights: {results['weights']}"
    body = "\n".join(
        (
            f"<h1>{escape(title)}</h1>",
            _oscillators(results["oscillators"], arrays),
            _experts(results["experts"], arrays),
            _saliency(results["saliency"], arrays),
            _completeness(results["completeness"], arrays),
            section(
                "settings",
                "How to repeat this",
                f"<p>spektron_jax {escape(results['version'])}</p>",
                f"<pre>{escape(results['command'])}</pre>",
            ),
        )
    )
    return document(title, body)


def _oscillators(found: dict, arrays: dict) -> str:
    def of(when):
        return tuple(
            arrays[f"{k}_{when}"] for k in ("period_cm1", "decay_cm1", "strength")
        )

    low, middle, high = found["decay_cm1_quartiles"]
    return section(
        "oscillators",
        "Oscillators on the wavenumber axis",
        f"<p>Half of the oscillators remember for {number(low)} to {number(high)} "
        f"1/cm (median {number(middle)}). Training moved the median period by "
        f"{share(found['median_move_of_period'])}, the decay length by "
        f"{share(found['median_move_of_decay'])} and the strength of an oscillator by "
        f"{share(found['median_move_of_strength'])}; the layers' gain changed by "
        f"{share(found['median_change_of_gain'])}. (Medians of the absolute change of "
        "the logarithm.) Small moves of the poles with larger ones of strength and "
        "gain mean that training chose among the oscillators it was given rather than "
        "tuned them.</p>",
        image(
            figures.poles(of("before"), of("after"), found["token_spacing_cm1"]),
            "Each circle is an oscillator, its area the strength with which it is "
            "driven and read. Dotted: the shortest period that tokens can carry.",
        ),
        image(
            figures.transfer_functions(
                arrays["wave_period_cm1"], arrays["gain_before"], arrays["gain_after"]
            ),
            "Gain of a layer for a wave along the axis, over all channels; dashed: "
            "before training. Bands are short periods, baselines long ones.",
        ),
    )


def _experts(found: dict, arrays: dict) -> str:
    use = found["use"]
    header = ("modality", *(f"expert {k + 1}" for k in range(len([*use.values()][0]))))
    rows = [(name, *map(share, shares)) for name, shares in use.items()]
    parts = [
        table(header, rows, caption="Share of tokens, by modality"),
        f"<p>At most, two modalities differ in {share(found['preference'])} of their "
        "expert calls (0 %: experts know nothing of modality).</p>",
        image(expert_use(use), "Bars at the dashed line mean even use."),
    ]
    if found["kan"]:
        parts.append(
            image(
                figures.kan_curves(
                    arrays["kan_inputs"], arrays["kan_shape"], arrays["kan_silu"]
                ),
                "KAN activations: the strongest units of each expert. "
                f"{share(found['spline_share_median'])} of a typical unit's variance "
                "is not along silu (dashed).",
            )
        )
    else:
        parts.append(f"<p>{NO_KAN}</p>")
    return section("experts", "Experts", *parts)


def _saliency(found: dict, arrays: dict) -> str:
    bands = found["planted"]
    hits = sum(band["found"] for band in bands)
    rows = [
        (
            f"{band['place']:.0f} {found['unit']}",
            number(band["r2"]),
            share(band["share"]),
            share(abs(band["control"])),
            share(band["points"]),
            "yes" if band["found"] else "no",
        )
        for band in bands
    ]
    header = (
        "planted at",
        "R2 of its height",
        "on the band",
        "shuffled heights",
        "points there",
        "found",
    )
    reading = (
        "The read-out predicts the property, so the map below says what it rests on."
        if found["q2"] > 0.5
        else "The read-out hardly predicts the property: do not interpret its map."
    )
    name = escape(found["property"])
    return section(
        "saliency",
        "What a prediction rests on",
        f"<p>A linear read-out of z_chem for {name}; {count(found['samples'])} samples "
        f"({escape(found['source'])}), Q2 {number(found['q2'])} by 5-fold "
        f"cross-validation. {reading} The contributions sum to 1, their absolute "
        f"values to {number(found['absolute_sum'])}: the more, the more points work "
        "against each other and the less single bands can be read from the map.</p>",
        image(
            figures.saliency(
                arrays["axis"],
                arrays["mean"],
                arrays["spread"],
                arrays["contribution"],
                found["unit"],
                found["property"],
            ),
            f"Contribution of each point to the variance of {found['shown']} "
            "predictions, by integrated gradients from the mean spectrum; running mean "
            "of nine points. The integration leaves over at most "
            f"{number(found['largest_gap'])} of a prediction.",
        ),
        f"<p>Does such a map deserve trust? {hits} of {len(bands)} bands planted "
        "into the same spectra are found: 50 to 150 % of the contributions lie on "
        "the band, and less than 25 % with shuffled heights.</p>",
        table(header, rows),
        image(
            figures.planted(
                arrays["axis"],
                arrays["planted_map"],
                arrays["planted_control"],
                bands,
                found["unit"],
            ),
            "Contributions for planted bands (shaded).",
        ),
    )


def _completeness(found: dict, arrays: dict) -> str:
    header = ("molecule", "group", "modes", "IR", "Raman", "either", "R", "by symmetry")
    rows = []
    for one in found["known"]:
        modes, ir, raman, either, _ = one["found"]
        expected = f"{one['expected'][3]}/{one['expected'][0]}"
        rows.append(
            (
                one["name"],
                one["group"],
                *map(str, (modes, ir, raman, either)),
                f"{either / modes:.3f}",
                expected,
            )
        )
    seen = found["mean_visible"]
    return section(
        "completeness",
        "What spectra can know: R(G, N)",
        "<p>The information completeness ratio is the share of a molecule's 3N − 6 "
        "vibrations (3N − 5 if linear) that show in IR or Raman. A mode absorbs if it "
        "changes the dipole and scatters if it changes the polarizability; with a "
        "centre of inversion no mode does both (mutual exclusion), and a mode that "
        "does neither is out of reach of every model. Degenerate modes are counted as "
        "often as they occur.</p>",
        table(header, rows, caption="Molecules of known symmetry"),
        f"<p>Active: above {found['allowed']:g} of the molecule's strongest line. Of "
        f"{count(found['molecules'])} molecules "
        f"{count(found['incomplete_by_symmetry'])} have R &lt; 1, and in "
        f"{count(found['exclusive'])} no mode is active in both. "
        "For the others symmetry hides nothing, and what limits is strength: above "
        f"{share(found['visible'])} of the strongest line an IR spectrum shows "
        f"{share(seen['ir'])} of the modes, a Raman spectrum {share(seen['raman'])}, "
        f"both together {share(seen['either'])} (means).</p>",
        image(
            figures.completeness(
                arrays["ratio_allowed"],
                {k: arrays[f"ratio_visible_{k}"] for k in ("ir", "raman", "either")},
            ),
            "Left: molecules in which symmetry hides modes. Right: shares of the modes "
            "that are strong enough to be seen, with IR and Raman.",
        ),
    )
