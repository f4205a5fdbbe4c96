"""One masked spectrum, as it was, as it was seen, and as it was filled in.

L = spectral points.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spektron_jax.commands.report.style import BLACK, LIGHT, METHODS, new_figure, styled

SHADE = "#e3e8ee"
WIDTHS = {"linear": 3.4, "spline": 2.4}  # below the model's thin line they stay visible


@styled
def reconstruction(
    axis_cm1: np.ndarray,
    clean: np.ndarray,
    observed: np.ndarray,
    hidden: np.ndarray,
    filled: Mapping[str, np.ndarray],
    title: str,
) -> Figure:
    """One spectrum with hidden spans shaded, and its hardest gap enlarged.

    Args:
      axis_cm1: wavenumbers, increasing                                (L,)
      clean: noise-free spectrum                                       (L,)
      observed: what the instrument gave                               (L,)
      hidden: True where the value was withheld                        (L,) bool
      filled: "model", "linear", "spline": hidden points filled        (L,) each
      title: SMILES and modality; Raman runs from low to high shift, all else from
        high to low wavenumber, as spectroscopists print it
    """
    figure = new_figure(2.7)
    whole, close = figure.subplots(1, 2, width_ratios=(1.8, 1))
    raman = modality_of(title) == "Raman"
    shown, edges = np.where(hidden, np.nan, observed), _widened(hidden)
    handles = []
    for axes in (whole, close):
        _shade(axes, axis_cm1, hidden)
        handles = axes.plot(axis_cm1, shown, color=LIGHT, lw=2.4, label="visible input")
        handles += axes.plot(axis_cm1, clean, color=BLACK, lw=0.9, label="clean")
        for key, values in filled.items():
            name, colour, dash, _ = METHODS[key]
            look = dict[str, Any](
                color=colour,
                ls=dash,
                lw=WIDTHS.get(key, 1.2),
                label=name,
            )
            handles += axes.plot(axis_cm1, np.where(edges, values, np.nan), **look)
        axes.set_xlabel(f"{'Raman shift' if raman else 'wavenumber'} (cm⁻¹)")
        if not raman:
            axes.xaxis.set_inverted(True)
    whole.set_ylabel("intensity" if raman else "absorbance")
    whole.set_title(_shortened(title), parse_math=False)
    whole.margins(x=0.01)
    windows = [(whole, slice(None))]
    if hidden.any():
        window = _around_hardest(clean, hidden)
        ends = axis_cm1[window][[0, -1]]
        close.set_xlim(*(ends if raman else ends[::-1]))
        close.set_title("largest hidden structure")
        windows.append((close, window))
    for axes, window in windows:
        inside = [values[window][edges[window]] for values in filled.values()]
        _limit_height(axes, [clean[window], shown[window]], inside)
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def modality_of(title: str) -> str:
    """Return the last modality named in an example's title, "" where there is none."""
    names = re.findall(r"\b(?:NIR|IR|Raman)\b", title)
    return names[-1] if names else ""


def _spans(hidden: np.ndarray) -> list[tuple[int, int]]:
    """Runs of hidden points as (first, past the last)."""
    steps = np.flatnonzero(np.diff(np.pad(hidden.astype(int), 1)))
    return [(int(start), int(stop)) for start, stop in steps.reshape(-1, 2)]


def _shade(axes: Axes, axis_cm1: np.ndarray, hidden: np.ndarray) -> None:
    """Mark hidden spans; each reaches half-way to its visible neighbours."""
    limits = np.pad((axis_cm1[1:] + axis_cm1[:-1]) / 2, 1, mode="edge")
    spans = [(limits[a], limits[b] - limits[a]) for a, b in _spans(hidden)]
    across = axes.get_xaxis_transform()
    axes.broken_barh(spans, (0, 1), transform=across, facecolor=SHADE)


def _around_hardest(clean: np.ndarray, hidden: np.ndarray) -> slice:
    """The span with the largest hidden structure, and as much on either side."""
    start, stop = max(_spans(hidden), key=lambda span: np.ptp(clean[slice(*span)]))
    around = max(stop - start, 8)
    return slice(max(start - around, 0), min(stop + around, clean.size))


def _widened(hidden: np.ndarray) -> np.ndarray:
    """Hidden points and one neighbour on each side, so that lines meet the input."""
    padded = np.pad(hidden, 1)
    return padded[:-2] | padded[1:-1] | padded[2:]


def _limit_height(
    axes: Axes, measured: Sequence[np.ndarray], filled: Sequence[np.ndarray]
) -> None:
    """Show all that was measured; let a baseline that runs away leave the picture."""
    flat = np.concatenate(measured)
    low, high = np.nanmin(flat), np.nanmax(flat)
    room = (high - low) or 1.0
    others = np.concatenate([*filled, [low, high]])
    bottom = max(np.nanmin(others), low - 0.35 * room)
    top = min(np.nanmax(others), high + 0.35 * room)
    axes.set_ylim(bottom - 0.05 * room, top + 0.05 * room)


def _shortened(text: str, limit: int = 64) -> str:
    """Cut the middle out of a long SMILES; the modality stands at the end."""
    if len(text) <= limit:
        return text
    return f"{text[: limit // 2]}…{text[-(limit // 2) + 1 :]}"
