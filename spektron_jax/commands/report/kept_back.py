"""Samples that were kept to check: before and after the transfer, on one picture.

n = samples.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from spektron_jax.commands.report.style import BLUE, GREY, VERMILION, new_figure, styled
from spektron_jax.commands.report.wording import number
from spektron_jax.commands.result import Finding, Part, Plot, Section, Table, Text

COVERAGE = 0.9  # of the intervals


@dataclass(frozen=True, eq=False)
class Checked:
    """Predictions of samples with reference values.

    Attributes:
      y: reference values                                              (n,)
      predicted: by each method                                        (n,)
      low, high: ends of the intervals of ours                         (n,)
      before, ours: which methods are drawn
      name, unit: of the property
    """

    y: np.ndarray
    predicted: Mapping[str, np.ndarray]
    low: np.ndarray
    high: np.ndarray
    before: str
    ours: str
    name: str
    unit: str

    def rmsep(self) -> dict[str, float]:
        """Root mean squared error of each method, least first."""
        found = {
            name: float(np.sqrt(np.mean((values - self.y) ** 2)))
            for name, values in self.predicted.items()
        }
        return dict(sorted(found.items(), key=lambda item: item[1]))


def headline(checked: Checked) -> Finding:
    """The two errors, and how many of the intervals hold."""
    found = checked.rmsep()
    before, after = found[checked.before], found[checked.ours]
    inside = int(((checked.low <= checked.y) & (checked.y <= checked.high)).sum())
    promised = round(COVERAGE * checked.y.size)
    short = "" if inside >= promised else f", fewer than the {promised} they promise"
    best = next(name for name in found if name != checked.ours)
    text = (
        f"RMSEP of {checked.y.size} samples that nothing was fitted on: "
        f"{number(before)} {checked.unit} without a transfer, {number(after)} "
        f"{checked.unit} with it (SD of the reference values: "
        f"{number(float(checked.y.std()))} {checked.unit}). {inside} of "
        f"{checked.y.size} lie in their {COVERAGE:.0%} intervals{short}. The best of "
        f"{len(found) - 1} single methods is {best}: {number(found[best])} "
        f"{checked.unit}; which one is best differs from pair to pair."
    )
    return Finding(after < before, "before and after", text)


def section(checked: Checked) -> Section:
    """The picture, and every method beside ours."""
    caption = "Predicted against reference value, the same samples in both panels; on "
    caption += "the line they would be equal. Right: with 90 % intervals."
    header = ["method", f"RMSEP ({checked.unit})", f"bias ({checked.unit})"]
    rows = []
    for name, error in checked.rmsep().items():
        bias = float(np.mean(checked.predicted[name] - checked.y))
        rows.append((name, number(error), number(bias)))
    ours = [row[0] for row in rows].index(checked.ours)
    note = "Single methods: PLS on first derivatives, the number of components chosen "
    note += "by cross-validation. All were given the same ten transfer samples."
    parts: list[Part] = [Plot(picture(checked), caption)]
    parts += [Table(header, rows, marked=ours), Text(note, note=True)]
    return Section("before-after", "Before and after", parts)


@styled
def picture(checked: Checked) -> Figure:
    """Two panels with the same axes."""
    figure = new_figure(4.2)
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    before, after = checked.predicted[checked.before], checked.predicted[checked.ours]
    every = np.concatenate([checked.y, before, after])
    ends = [every.min(), every.max()]
    found, unit = checked.rmsep(), checked.unit
    sides = (("before", before, VERMILION), ("after", after, BLUE))
    for axes, (when, values, colour) in zip(panels, sides, strict=True):
        axes.plot(ends, ends, color=GREY, lw=1)
        method = checked.before if when == "before" else checked.ours
        axes.set_title(f"{when}: RMSEP {number(found[method])} {unit}")
        axes.set(xlabel=f"{checked.name}, reference ({unit})")
        axes.plot(checked.y, values, "o", ms=4, color=colour)
    reach = [np.maximum(after - checked.low, 0), np.maximum(checked.high - after, 0)]
    panels[1].errorbar(checked.y, after, yerr=reach, fmt="none", ecolor=BLUE, lw=0.8)
    panels[0].set(ylabel=f"{checked.name}, predicted ({unit})")
    return figure
