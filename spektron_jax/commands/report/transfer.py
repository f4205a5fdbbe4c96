"""The page of a calibration transfer below its verdict.

N = samples, L = points.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spektron_jax.commands.report import transfer_figures as figures
from spektron_jax.commands.report.transfer_numbers import slope
from spektron_jax.commands.report.transfer_summary import (
    FEW,
    Compared,
    LeftOut,
    Summary,
)
from spektron_jax.commands.report.transfer_verdict import clearly
from spektron_jax.commands.report.wording import decimals, interval, number
from spektron_jax.commands.result import Bullets, Part, Plot, Section, Table, Text
from spektron_jax.metrics import pooled_errors
from spektron_jax.transfer.applicability import IN_DOMAIN
from spektron_jax.transfer.comparison import (
    CEILING,
    COMBINATION,
    ENCODER,
    FLOOR,
    WITHOUT,
)

SHOWN = 10  # samples in a table
CLEAR = {-1: "ensemble better", 0: "no clear difference", 1: "ensemble worse"}
SHOWN_NAMES = {  # of methods, where the tables of the results have shorter ones
    COMBINATION: "this transfer (ensemble)",
    WITHOUT: "ensemble without learned parts",
    FLOOR: "no transfer (old model as it is)",
    CEILING: "calibration on all target labels",
    ENCODER: "ensemble on the encoder alone",
}


def title(summary: Summary) -> str:
    """Of the page."""
    names = summary.names
    between = f"{names.source} to {names.target}"
    return f"Calibration transfer: {names.property}: {between}"


def facts(summary: Summary) -> str:
    """The line below the title."""
    names, counts = summary.names, summary.samples
    return (
        f"{names.source}: {counts.source} calibration samples. {names.target}: "
        f"{summary.regime}. {counts.all} different samples in the files."
    )


def warnings(summary: Summary, compared: Compared) -> Section:
    """What weakens the result."""
    told = list(summary.warnings)
    if compared.few:
        told.append(
            f"the RMSEP rests on {compared.tested} held-out samples: methods are not "
            "ranked, and another set of samples may give another error"
        )
    part = Bullets(told) if told else Text("None.")
    return Section("warnings", "Warnings", [part])


def steps(items: Sequence[str]) -> Section:
    """What to do next."""
    return Section("next", "What to do next", [Bullets(items)])


def before_after(
    summary: Summary,
    ids: Sequence[str],
    measured: np.ndarray,
    before: np.ndarray | None,
    after: np.ndarray,
    spread: np.ndarray | None = None,
    compared: Compared | None = None,
) -> Section:
    """Predicted against measured, and the usual figures of merit, before and after.

    Args:
      summary: of the transfer
      ids: of the samples                                              (n,)
      measured: labels                                                 (n,)
      before: predictions without transfer; None: not known            (n,)
      after: with it                                                   (n,)
      spread: SD of those over the splits; None: cross-validated       (n,)
      compared: on these samples, for the figures of merit over all splits
    """
    unit, n = summary.names.property_unit, len(measured)
    parts = {FLOOR: before, COMBINATION: after}
    known = {k: v for k, v in parts.items() if v is not None and np.isfinite(v).all()}
    how = f"{n} samples held out, mean over the splits that held them out"
    if spread is None:
        how = f"{n} labelled target samples, each predicted by a fit without it"
    caption = f"{how}. On the line: predicted as measured."
    if FLOOR in known:
        caption += " Left without transfer, right with it; the axes differ."
    panels = {SHOWN_NAMES[name]: values for name, values in known.items()}
    columns = {"sample": list(ids), "measured": measured.tolist()}
    columns |= {name: values.tolist() for name, values in panels.items()}
    figure = figures.predicted_against_measured(measured, panels, spread, unit)
    content: list[Part] = [Plot(figure, caption, columns)]
    if compared is None:
        merits = {
            name: (pooled_errors([measured], [values]), slope(measured, values))
            for name, values in known.items()
        }
    else:
        rows = (compared.of(name) for name in (FLOOR, compared.ours, CEILING))
        merits = {
            row.method: (vars(row), compared.slopes.get(row.method))
            for row in rows
            if row is not None
        }
    content.append(_merits(summary, merits))
    if n < FEW:
        text = f"{n} samples are few: differences between such figures may be chance."
        content.append(Text(text, note=True))
    return Section("predictions", "Predicted against measured", content)


def _merits(
    summary: Summary, merits: Mapping[str, tuple[Mapping[str, Any], float | None]]
) -> Table:
    """Of each method: what `metrics.pooled_errors` says, and the slope."""
    unit = f" ({summary.names.property_unit})" if summary.names.property_unit else ""
    header = [
        "",
        "n",
        f"RMSEP{unit}",
        f"bias{unit}",
        f"SEP{unit}",
        "slope",
        "R²",
        "RPD",
    ]
    shown = decimals([one["rmsep"] for one, _ in merits.values()])
    rows = [
        (
            *(SHOWN_NAMES.get(name, name), str(one["n"])),
            *(shown(one[key]) for key in ("rmsep", "bias", "sep")),
            *(_two(value) for value in (line, one["r2"], one["rpd"])),
        )
        for name, (one, line) in merits.items()
    ]
    ours = [k for k, name in enumerate(merits) if name not in (FLOOR, CEILING)]
    caption = "n: predictions, a sample in several splits counted for each"
    return Table(header, rows, caption, marked=ours[0] if ours else None)


def left_out(
    summary: Summary, known: LeftOut, ids: np.ndarray, y: np.ndarray, errors: np.ndarray
) -> Section:
    """Cross-validated errors of labelled target samples; ids, y, errors: (N,)."""
    names = summary.names
    unit = f" ({names.property_unit})" if names.property_unit else ""
    worst = np.argsort(-errors)[:SHOWN]
    shown, like = decimals(y), decimals([known.rmse])
    rows = [(str(ids[k]), shown(y[k]), like(errors[k])) for k in worst]
    text = f"RMSE {number(known.rmse)}{unit}, RPD "
    text += f"{number(known.rpd) if known.rpd else 'not defined'}. "
    text += f"Each of {known.n} samples was predicted by a fit without it."
    if summary.repeatability is not None:
        text += " Repeatability, the SD of scans of one sample: "
        text += f"{number(summary.repeatability)}{unit}."
    header = ["largest errors", f"measured{unit}", f"error{unit}"]
    title = "Cross-validated errors of labelled target samples"
    return Section("left-out", title, [Text(text), Table(header, rows)])


def odd_samples(
    summary: Summary, odd: Mapping[str, np.ndarray]
) -> tuple[list[str], list[Part]]:
    """Target spectra outside the domain: their names, and a table.

    Args:
      summary: of the transfer
      odd: of all target spectra: id, prediction, flag, t2, q          (N,) each
    """
    rows = np.flatnonzero(odd["flag"] != IN_DOMAIN)
    rows = rows[np.argsort(-np.maximum(odd["t2"], odd["q"])[rows])]
    names = [str(odd["id"][row]) for row in rows]
    if not names:
        return [], [Text("No target spectrum lies outside the domain.")]
    unit = f" ({summary.names.property_unit})" if summary.names.property_unit else ""
    shown = decimals(odd["prediction"])
    cells = [
        (
            *(str(odd["id"][k]), shown(odd["prediction"][k]), str(odd["flag"][k])),
            *(f"{odd['t2'][k]:.2f}", f"{odd['q'][k]:.2f}"),
        )
        for k in rows[:SHOWN]
    ]
    caption = f"The first {SHOWN} of {len(names)}" if len(names) > SHOWN else ""
    header = ["sample", f"predicted{unit}", "flag", "T² / limit", "Q / limit"]
    return names, [Table(header, cells, caption)]


def coefficients(
    summary: Summary,
    axis: np.ndarray,
    mean: np.ndarray,
    raw: np.ndarray,
    snv: np.ndarray | None,
) -> Section:
    """The regression vector over the mean target spectrum, on its own axis, (q,)."""
    unit, names = summary.axis_unit, summary.names
    figure = figures.coefficients(axis, mean, raw, snv, unit, names.quantity)
    columns = {f"position ({unit})": axis.tolist(), "raw": raw.tolist()}
    if snv is not None:
        columns["SNV"] = snv.tolist()
    caption = (
        "Where the calibration looks: far from 0, a wavelength counts. Above, the "
    )
    caption += "mean spectrum on the new instrument"
    if snv is not None:
        caption += "; the part on SNV spectra is drawn as it acts on that spectrum"
    plot = Plot(figure, f"{caption}.", columns)
    return Section("coefficients", "Regression vector", [plot])


def comparison(summary: Summary, compared: Compared) -> list[Section]:
    """Methods, the number of samples, and how far the instruments agree."""
    sections, unit = [_methods(summary, compared)], summary.names.property_unit
    if compared.curve:
        floor, ceiling = (
            None if row is None else row.rmsep
            for row in (compared.of(FLOOR), compared.of(CEILING))
        )
        curve = {SHOWN_NAMES.get(k, k): rows for k, rows in compared.curve.items()}
        figure = figures.error_curve(curve, floor, ceiling, unit)
        caption = (
            "Error on held-out samples, on a logarithmic axis. Where the curve is "
        )
        caption += "flat, more samples are wasted. Bars: 95 % over splits."
        columns = [
            (name, *map(float, row))
            for name, rows in compared.curve.items()
            for row in rows
        ]
        heading = ("method", "target samples", "RMSEP", "low", "high")
        numbers = dict(zip(heading, zip(*columns, strict=True), strict=True))
        plot = Plot(figure, caption, numbers)
        sections.append(Section("curve", "How many samples?", [plot]))
    if found := compared.agreement:
        text = (
            "The target's predictions of the same held-out "
            "samples differ from the source calibration's on the source by "
            f"{number(found['bias'])} on average, with an SD of {number(found['sd'])} "
            f"(limits of agreement {number(found['low'])} to {number(found['high'])}; "
            f"concordance {found['concordance']:.3f})."
        )
        title = "Agreement of the instruments"
        sections.append(Section("agreement", title, [Text(text)]))
    return sections


def _methods(summary: Summary, compared: Compared) -> Section:
    unit = f" ({summary.names.property_unit})" if summary.names.property_unit else ""
    header = ["method", f"RMSEP{unit}", "95 % interval", "bias", "SEP", "R²", "RPD"]
    header += ["RPIQ", "ensemble minus this", "reading"]
    shown = decimals([row.rmsep for row in compared.table])
    rows = []
    for row in compared.table:
        change = compared.differences.get(row.method)
        difference, reading = "", ""
        if change:
            ends = interval(change, shown)
            difference = f"{shown(change['difference'])} {ends}"
            reading = "too few samples" if compared.few else CLEAR[clearly(change)]
        rows.append(
            (
                *(SHOWN_NAMES.get(row.method, row.method), shown(row.rmsep)),
                *(interval(vars(row), shown), shown(row.bias), shown(row.sep)),
                *(_two(row.r2), _two(row.rpd), _two(row.rpiq), difference, reading),
            )
        )
    ours = [row.method for row in compared.table].index(str(compared.ours))
    note = (
        f"{compared.tested or compared.table[ours].n} samples were held out in "
        f"{compared.trials} random splits by sample; held-out samples are unknown to "
        "every method on both instruments. Intervals: splits resampled, for "
        "differences the same splits for both. The splits share samples, so the "
        "intervals say how firm the ranking is on these samples, not what other "
        "samples would give."
    )
    parts: list[Part] = [Table(header, rows, marked=ours), Text(note, note=True)]
    if compared.impossible:
        missing = [f"{name}: {why}" for name, why in compared.impossible.items()]
        parts.append(Bullets(missing, lead="Could not be fitted:"))
    return Section("methods", "Methods", parts)


def spectra(
    summary: Summary,
    axis: np.ndarray,
    source: np.ndarray,
    target: np.ndarray,
    difference: np.ndarray | None = None,
) -> Section:
    """Both instruments on the common axis, as in `figures.instruments`."""
    names = summary.names
    figure = figures.instruments(
        axis,
        source,
        target,
        difference,
        (names.source, names.target),
        summary.axis_unit,
        names.quantity,
    )
    caption = "Spectra on the common axis"
    if difference is not None:
        caption += (
            f"; below, {names.target} minus {names.source} for the same samples: "
        )
        caption += "mean (line) and SD (band)"
    plot = Plot(figure, f"{caption}.")
    return Section("spectra", "Both instruments", [plot])


def latent(
    summary: Summary, transfer: np.ndarray, points: Mapping[str, np.ndarray]
) -> Section:
    """What the encoder sees, as in `figures.latent_map`."""
    names = summary.names.source, summary.names.target
    caption = "z_chem of the encoder, principal components of both instruments before "
    caption += "transfer. After: the target moved by the mean difference of the "
    caption += "instruments, and the encoder as the transfer uses it."
    plot = Plot(figures.latent_map(points, transfer, names), caption)
    return Section("latent", "The encoder's view", [plot])


def domain(
    transfer: np.ndarray,
    flag: np.ndarray,
    t2: np.ndarray,
    q: np.ndarray,
    source: tuple[np.ndarray, np.ndarray] | None = None,
    more: Sequence[Part] = (),
) -> Section:
    """Flags of target spectra, and distances over their limits, (N,).

    Args:
      transfer: which of them are transfer samples
      flag, t2, q: of each
      source: T2 and Q of the calibration's own spectra; None: not known  (S,) each
      more: parts below the figure
    """
    kinds, counts = np.unique(flag, return_counts=True)
    said = ", ".join(f"{c} {k}" for k, c in zip(kinds, counts, strict=True))
    caption = "Each point a spectrum, on logarithmic axes. Right of the line: more "
    caption += (
        "extreme than the calibration. Above it: shapes that the calibration has "
    )
    caption += f"not seen. Target spectra: {said}."
    columns = {"T2/limit": t2.tolist(), "Q/limit": q.tolist(), "flag": flag.tolist()}
    plot = Plot(figures.distances(t2, q, transfer, source), caption, columns)
    return Section("domain", "Does the model know these spectra?", [plot, *more])


def provenance(summary: Summary) -> Section:
    """What the saved model rests on."""
    known = summary.provenance.items()
    origin = [f"{name}: {'none' if v is None else v}" for name, v in known]
    return Section("provenance", "What the model rests on", [Bullets(origin)])


def _two(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}".replace("-", "\u2212")
