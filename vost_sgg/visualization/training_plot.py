"""The curves of trainings: losses, learning rate and evaluations against the iteration, stage by stage."""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from vost_sgg.visualization.plots import (
    COLOURS,
    LINES,
    MARKERS,
    check_methods,
    legend,
    tidy,
)
from vost_sgg.visualization.training_log import Curves

_COLUMNS = 4


def plot_training(runs: Mapping[str, Mapping[str, Curves]], panels: Mapping[str, str]) -> Figure:
    """A panel a quantity, a line a run. The stages stand one behind the other, each as long as its longest run.

    Args:
        runs: name -> stage -> curves; at most eight runs.
        panels: title of the panel -> name of the quantity. A run without it is left out of the panel.

    Raises:
        ValueError: there are more runs than colours, or none.
    """
    check_methods(runs)
    starts, end = _starts(runs)
    rows = -(-len(panels) // _COLUMNS)
    columns = min(_COLUMNS, len(panels))
    figure = Figure(figsize=(3.6 * columns + 0.4, 2.5 * rows + 1.0), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, (name, quantity) in zip(axes, panels.items(), strict=False):
        for i, (run, stages) in enumerate(runs.items()):
            _draw_run(ax, i, run, stages, quantity, starts)
        _draw_stages(ax, starts, end)
        ax.set_title(name, fontsize=10, pad=16)
        tidy(ax)
    for ax in axes[len(panels) :]:
        ax.axis("off")
    for ax in axes[max(0, len(panels) - columns) : len(panels)]:
        ax.set_xlabel("iteration" if len(starts) == 1 else "iteration, stage after stage")
    figure.get_layout_engine().set(h_pad=0.12)
    lines = {line.get_label(): line for ax in axes for line in ax.lines}
    shown = [run for run in runs if run in lines]
    legend(figure, [lines[run] for run in shown], shown)
    return figure


def _starts(runs: Mapping[str, Mapping[str, Curves]]) -> tuple[dict[str, int], int]:
    """Where each stage begins, and where the last one ends."""
    lengths: dict[str, int] = {}
    for stages in runs.values():
        for stage, curves in stages.items():
            last = max(max(points) for points in curves.values())
            lengths[stage] = max(lengths.get(stage, 0), last)
    starts, end = {}, 0
    for stage in sorted(lengths):
        starts[stage] = end
        end += lengths[stage]
    return starts, end


def _draw_run(
    ax: Axes, number: int, run: str, stages: Mapping[str, Curves], quantity: str, starts: dict
) -> None:
    looks = {"color": COLOURS[number], "linestyle": LINES[number], "linewidth": 1.1}
    shown = [stage for stage in stages if quantity in stages[stage]]
    for stage in shown:
        iterations, values = zip(*stages[stage][quantity].items(), strict=True)
        few = len(iterations) <= 30
        ax.plot(
            [starts[stage] + iteration for iteration in iterations],
            values,
            label=run if stage == shown[0] else None,
            marker=MARKERS[number] if few else None,
            markersize=5,
            **looks,
        )


def _draw_stages(ax: Axes, starts: Mapping[str, int], end: int) -> None:
    """A line where a stage begins, its name at the top."""
    for stage, start in starts.items():
        if start:
            ax.axvline(start, color="#777777", linewidth=0.8, linestyle=(0, (4, 3)))
        at = ax.get_xaxis_transform()
        ax.text(start, 1.01, f" {stage}", transform=at, fontsize=8, color="#555555", va="bottom")
    ax.set_xlim(-0.02 * end, 1.02 * end)
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    ax.xaxis.set_major_formatter(EngFormatter(sep=""))
