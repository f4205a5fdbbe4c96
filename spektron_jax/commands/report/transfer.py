"""The page of a calibration transfer below its verdict.

N = samples, L = points.
"""

from collections.abc import Mapping

import numpy as np

from spektron_jax.commands.report import transfer_figures as figures
from spektron_jax.commands.report.transfer_verdict import (
    Compared,
    LeftOut,
    Summary,
    clearly,
    with_interval,
)
from spektron_jax.commands.report.wording import interval, number
from spektron_jax.commands.result import Bullets, Part, Plot, Section, Table, Text
from spektron_jax.transfer.comparison import CEILING, FLOOR

SHOWN_ERRORS = 5  # of left-out samples
CLEAR = {-1: "ensemble better", 0: "no clear difference", 1: "ensemble worse"}


def title(summary: Summary) -> str:
    """Of the page."""
    names = summary.names
    between = f"{names.source} to {names.target}"
    return f"Calibration transfer: {names.property}: {between}"


def facts(summary: Summary) -> str:
    """The line below the title."""
    return (
        f"{summary.samples.source} calibration samples on the source; "
        f"{summary.regime}; {summary.samples.all} samples in the files."
    )


def warnings(summary: Summary) -> Section:
    """What weakens the result."""
    part = Bullets(summary.warnings) if summary.warnings else Text("None.")
    return Section("warnings", "Warnings", [part])


def left_out(
    summary: Summary, known: LeftOut, ids: np.ndarray, y: np.ndarray, errors: np.ndarray
) -> Section:
    """Cross-validated errors of labelled target samples; ids, y, errors: (N,)."""
    names = summary.names
    unit = f" ({names.property_unit})" if names.property_unit else ""
    worst = np.argsort(-errors)[:SHOWN_ERRORS]
    rows = [(str(ids[k]), number(y[k]), number(errors[k])) for k in worst]
    text = f"RMSE {number(known.rmse)}{unit}, RPD "
    text += f"{number(known.rpd) if known.rpd else 'not defined'}. "
    text += f"Each of {known.n} samples was predicted by a fit without it."
    if summary.repeatability is not None:
        text += " Repeatability, the SD of scans of one sample: "
        text += f"{number(summary.repeatability)}{unit}."
    header = ["largest errors", f"measured{unit}", f"error{unit}"]
    title = "Cross-validated errors of labelled target samples"
    return Section("left-out", title, [Text(text), Table(header, rows)])


def comparison(
    summary: Summary,
    compared: Compared,
    tested: np.ndarray,
    tested_mean: np.ndarray,
    tested_sd: np.ndarray,
) -> list[Section]:
    """Methods, the number of samples, predicted against measured.

    Args:
      summary, compared: what was found
      tested: labels of held-out samples                               (N,)
      tested_mean, tested_sd: of their predictions over the splits     (N,)
    """
    sections, unit = [_methods(summary, compared)], summary.names.property_unit
    if compared.curve:
        floor, ceiling = (
            None if row is None else row.rmsep
            for row in (compared.of(FLOOR), compared.of(CEILING))
        )
        figure = figures.error_curve(compared.curve, floor, ceiling, unit)
        caption = "Error on held-out samples. Where the curve is flat, more samples are"
        plot = Plot(figure, f"{caption} wasted. Bars: 95 % over splits.")
        sections.append(Section("curve", "How many samples?", [plot]))
    caption = "Held-out samples, mean over the splits that held them out; bars: SD "
    caption += "over these splits."
    figure = figures.predicted_against_measured(tested, tested_mean, tested_sd, unit)
    parts: list[Part] = [Plot(figure, caption)]
    if found := compared.agreement:
        text = (
            "Agreement of the instruments: the target's predictions of the same "
            "held-out samples differ from the source calibration's on the source by "
            f"{number(found['bias'])} on average, with an SD of {number(found['sd'])} "
            f"(limits of agreement {number(found['low'])} to {number(found['high'])}; "
            f"concordance {found['concordance']:.3f})."
        )
        parts.append(Text(text))
    sections.append(Section("predictions", "Predicted against measured", parts))
    return sections


def _methods(summary: Summary, compared: Compared) -> Section:
    unit = f" ({summary.names.property_unit})" if summary.names.property_unit else ""
    header = ["method", f"RMSEP{unit}", "95 % interval", "bias", "SEP", "R²", "RPD"]
    header += ["RPIQ", "ensemble's RMSEP minus this"]
    rows = []
    for row in compared.table:
        change = compared.differences.get(row.method)
        rows.append(
            (
                row.method,
                number(row.rmsep),
                interval(vars(row)),
                number(row.bias),
                number(row.sep),
                "" if row.r2 is None else f"{row.r2:.3f}",
                "" if row.rpd is None else number(row.rpd),
                "" if row.rpiq is None else number(row.rpiq),
                f"{with_interval(change)}: {CLEAR[clearly(change)]}" if change else "",
            )
        )
    ours = [row.method for row in compared.table].index(str(compared.ours))
    note = (
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
    caption = "Spectra on the common axis; below, the difference of the same samples: "
    plot = Plot(figure, f"{caption}mean (line) and SD (band).")
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
    transfer: np.ndarray, flag: np.ndarray, t2: np.ndarray, q: np.ndarray
) -> Section:
    """Flags of target spectra, and distances over their limits, (N,)."""
    kinds, counts = np.unique(flag, return_counts=True)
    said = ", ".join(f"{c} {k}" for k, c in zip(kinds, counts, strict=True))
    caption = "Right of the line: more extreme than the calibration. Above it: shapes "
    caption += f"that the calibration has not seen. Target spectra: {said}."
    plot = Plot(figures.distances(t2, q, transfer), caption)
    return Section("domain", "Does the model know these spectra?", [plot])


def provenance(summary: Summary) -> Section:
    """What the saved model rests on."""
    origin = [f"{name}: {value}" for name, value in summary.provenance.items()]
    return Section("provenance", "What the model rests on", [Bullets(origin)])
