"""A figure of spectra as they were measured: `SpectraSet.plot`.

No pyplot, so nothing is global. n = spectra, p = points.
"""

from typing import TYPE_CHECKING

import numpy as np

from spektron_jax.spectra.spectra_set import InstrumentSpectra, SpectraSet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 8.0, 2.8  # inches, of each panel
MAX_LINES = 500  # spectra drawn beside the unlike ones, evenly taken
MAX_NAMED = 8  # unlike spectra in the legend; the title counts all
_GREY = "#8a8a8a"


def draw(spectra: SpectraSet) -> "Figure":
    """Draw a panel for each instrument, unlike spectra in colour."""
    from matplotlib.figure import Figure

    count = len(spectra.instruments)
    figure = Figure(figsize=(WIDTH, HEIGHT * count), layout="constrained")
    panels = figure.subplots(count, 1, squeeze=False)[:, 0]
    for axes, (name, one) in zip(panels, spectra.instruments.items(), strict=True):
        _panel(axes, name, one, spectra)
    return figure


def unlike(one: InstrumentSpectra) -> np.ndarray:
    """Rows whose spectra are unlike the others; rows with gaps are not compared."""
    from spektron_jax.transfer.applicability import outliers

    whole = np.flatnonzero(np.isfinite(one.spectra).all(axis=1))
    return whole[outliers(one.spectra[whole].astype(np.float64))]


def _panel(
    axes: "Axes", name: str, one: InstrumentSpectra, spectra: SpectraSet
) -> None:
    rows = np.flatnonzero(one.measured)
    found = unlike(one)
    others = np.setdiff1d(rows, found)
    step = max(1, -(-others.size // MAX_LINES))
    axes.plot(one.axis, one.spectra[others[::step]].T, color=_GREY, lw=0.5, alpha=0.6)
    for i, row in enumerate(found):
        label = str(spectra.sample_ids[row])[:40] if i < MAX_NAMED else None
        axes.plot(one.axis, one.spectra[row], lw=1.2, color=f"C{i % 10}", label=label)
    title = f"{name}: {rows.size} spectra"
    if others[::step].size < others.size:
        title += f", one in {step} drawn"
    if found.size:
        title += f", {found.size} unlike the others"
        if found.size > MAX_NAMED:
            title += f" ({MAX_NAMED} named)"
        legend = axes.legend(loc="best", fontsize="small")
        for text in legend.get_texts():
            text.set_parse_math(False)
    axes.set_title(title, loc="left", fontsize="medium", parse_math=False)
    shift = spectra.modality == "Raman" and one.unit == "cm-1"
    kind = (
        "Raman shift" if shift else "wavenumber" if one.unit == "cm-1" else "wavelength"
    )
    axes.set_xlabel(f"{kind} ({one.unit})")
    axes.set_ylabel(one.quantity, parse_math=False)
    axes.margins(x=0.01)
    if kind == "wavenumber":
        axes.xaxis.set_inverted(True)  # as spectroscopists print it
