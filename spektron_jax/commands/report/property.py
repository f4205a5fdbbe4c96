"""Words, tables and figures for how well properties are predicted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from spektron_jax.commands.report.style import PALETTE, new_figure, styled
from spektron_jax.commands.report.wording import interval, number
from spektron_jax.commands.result import Finding, Part, Plot, Section, Table, Text
from spektron_jax.probes.property_heads import Score


@dataclass(frozen=True)
class PropertyScores:
    """One property, or one group that a molecule has or lacks, by method."""

    property: str
    group: bool
    methods: Mapping[str, Score]


@dataclass(frozen=True)
class PropertyTable:
    """Properties of the same spectra; `text` says what these are."""

    title: str
    text: str
    entries: Sequence[PropertyScores]


def verdict(tables: Sequence[PropertyTable], method: str) -> list[Finding]:
    """Where a method is better or worse than PLS on the spectra."""
    found = []
    for table in tables:
        changes = {e.property: e.methods[method].minus_rival for e in table.entries}
        better = [name for name, change in changes.items() if change["low"] > 0]
        worse = [name for name, change in changes.items() if change["high"] < 0]
        named = f" ({', '.join(better)})" if better else ""
        text = (
            f"z_chem against PLS on the spectra, {len(table.entries)} properties: "
            f"better in {len(better)}{named}, worse in {len(worse)}, else no clear "
            "difference"
        )
        found.append(Finding(None, table.title, text))
    return found


def sections(tables: Sequence[PropertyTable]) -> list[Section]:
    """A section for each table."""
    caption = "Score of every head on test samples; bars: 95 %, samples resampled."
    found = []
    for place, table in enumerate(tables):
        header = ("property", "score", *table.entries[0].methods)
        rows = [
            (entry.property, _kind(entry), *map(_cell, entry.methods.values()))
            for entry in table.entries
        ]
        parts: list[Part] = [
            Text(f"{table.text}. 95 % intervals, test samples resampled."),
            Plot(scores(table.entries), caption),
            Table(header, rows),
        ]
        found.append(Section(f"table{place}", table.title, parts))
    return found


def _kind(entry: PropertyScores) -> str:
    """What the methods are judged by."""
    return "AUC" if entry.group else "R²"


def _cell(score: Score) -> str:
    text = f"{score.value:.3f} {interval(vars(score), '{:.3f}'.format)}"
    return text if score.mae is None else f"{text}, MAE {number(score.mae)}"


@styled
def scores(entries: Sequence[PropertyScores]) -> Figure:
    """R2 or AUC of every property and method, side by side, with intervals."""
    figure = new_figure(1.2 + 0.45 * len(entries))
    axes = figure.subplots()
    methods = list(entries[0].methods)
    for place, method in enumerate(methods):
        found = [entry.methods[method] for entry in entries]
        value = np.array([score.value for score in found])
        low, high = np.array([[score.low, score.high] for score in found]).T
        axes.errorbar(
            value,
            np.arange(len(entries)) + 0.14 * (place - (len(methods) - 1) / 2),
            xerr=np.maximum([value - low, high - value], 0),
            fmt="os^Dv"[place % 5],
            ms=4,
            elinewidth=0.9,
            color=PALETTE[place % len(PALETTE)],
            label=method,
        )
    names = [f"{entry.property}, {_kind(entry)}" for entry in entries]
    axes.set_yticks(range(len(entries)), names)
    axes.invert_yaxis()
    axes.set_xlim(left=max(axes.get_xlim()[0], -0.5), right=1.02)
    axes.set(xlabel="score")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure
