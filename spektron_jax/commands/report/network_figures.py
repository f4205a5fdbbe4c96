"""Figures of the transfer network's training."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from spektron_jax.commands.report.style import BLUE, new_figure, styled


@styled
def learning(rows: Sequence[Mapping[str, float]]) -> Figure:
    """The training loss against the step."""
    figure = new_figure(2.6)
    axes = figure.subplots()
    steps = [row["step"] for row in rows]
    axes.plot(steps, [row["change"] for row in rows], color=BLUE)
    axes.axhline(0, color="#888888", lw=0.8)
    axes.set_xlabel("step")
    axes.set_ylabel("change of the log error")
    return figure
