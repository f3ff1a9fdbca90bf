"""Plots of results: recall by predicate, by its part of the distribution and by K, and how often predicates occur.

Each method has a colour of Okabe and Ito's, which the colour-blind tell apart, and a hatch or a line style and marker.
"""

import textwrap
from collections.abc import Collection, Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from vost_sgg.visualization.style import GROUP_STYLES, OBJECT_COLOURS, PERSON_COLOUR
from vost_sgg.whole_files import replaced

COLOURS = (
    *(GROUP_STYLES["attention"][0], OBJECT_COLOURS[0], GROUP_STYLES["contacting"][0]),
    *(OBJECT_COLOURS[2], OBJECT_COLOURS[1], GROUP_STYLES["spatial"][0]),
    *(OBJECT_COLOURS[3], PERSON_COLOUR),
)
_HATCHES = ("", "///", "---", "\\\\\\", "xxx", "|||", "+++", "")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
LINES = ("-", "--", "-.", ":", "-", "--", "-.", ":")
_RARE_COLOUR = "#E8E8E8"
_PNG_DPI = 150
# Inches: of a letter of a title or legend, on average, of what stands before a name in the legend, of its lines.
_LETTER, _HANDLE, _LINE = 0.085, 0.7, 0.21


def plot_per_predicate(
    recalls: Mapping[str, Sequence[float]],
    names: Sequence[str],
    *,
    rare: Collection[str] = (),
    absent: Collection[str] = (),
    metric: str = "recall",
    title: str = "",
) -> Figure:
    """Bars of each predicate's recall, a bar a method (paper, Fig. 5 and 9).

    Args:
        recalls: method -> a fraction a predicate; at most eight methods.
        names: of the predicates, from the most frequent to the least.
        rare: names of those that are marked.
        absent: names of those that are never annotated, so that there is no bar.
        metric: title of the y axis.
        title: what stands above.

    Raises:
        ValueError: there are more methods than colours, or none.
    """
    figure, axes = _figure(max(9.0, 0.42 * len(names) + 1), 4.6, title)
    marked = [place for place, name in enumerate(names) if name in rare]
    for place in marked:
        axes.axvspan(place - 0.5, place + 0.5, color=_RARE_COLOUR, zorder=0)
    if marked:
        label = f"rare: the {len(marked)} least frequent"
        axes.text(np.mean(marked), 1.01, label, transform=axes.get_xaxis_transform(), ha="center")
    _bars(axes, recalls, len(names))
    for name in absent:
        axes.text(names.index(name), 1, "absent", rotation=90, ha="center", va="bottom", fontsize=8)
    axes.set_xticks(
        range(len(names)), _spoken(names), rotation=45, ha="right", rotation_mode="anchor"
    )
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.set_ylim(0, 100)
    axes.set_ylabel(f"{metric} (%)")
    axes.set_xlabel("predicates, the most frequent first")
    legend(figure, *axes.get_legend_handles_labels())
    return figure


def plot_parts(
    recalls: Mapping[str, Mapping[str, float]], *, metric: str = "mR", title: str = ""
) -> Figure:
    """Bars of the mean recall over parts of the predicates (head, body, tail), with their values.

    Args:
        recalls: method -> part -> fraction; all methods have the same parts.
        metric, title: as in :func:`plot_per_predicate`.

    Raises:
        ValueError: as :func:`plot_per_predicate`.
    """
    parts = list(next(iter(recalls.values()), {}))
    figure, axes = _figure(max(6.5, 0.65 * len(parts) * len(recalls) + 1.5), 4.0, title)
    for bars in _bars(axes, {m: [v[p] for p in parts] for m, v in recalls.items()}, len(parts)):
        axes.bar_label(bars, fmt="%.1f", padding=2, fontsize=9)
    axes.set_xticks(range(len(parts)), parts)
    axes.set_ylabel(f"{metric} (%)")
    axes.margins(y=0.12)
    legend(figure, *axes.get_legend_handles_labels())
    return figure


def plot_recall_at_k(
    recalls: Mapping[str, Mapping[str, Mapping[int, float]]], *, title: str = ""
) -> Figure:
    """Recall against K, a panel a metric and constraint, a line a method.

    Args:
        recalls: title of the panel -> method -> K -> fraction; at most eight methods.
        title: as in :func:`plot_per_predicate`.

    Raises:
        ValueError: as :func:`plot_per_predicate`.
    """
    methods = list(dict.fromkeys(method for panel in recalls.values() for method in panel))
    check_methods(methods)
    figure = Figure(figsize=(max(6.5, 2.9 * len(recalls) + 0.6), 3.9), layout="constrained")
    set_title(figure, title)
    panels = figure.subplots(1, len(recalls), sharey=True, squeeze=False)[0]
    for axes, (panel, by_method) in zip(panels, recalls.items(), strict=True):
        for i, method in enumerate(methods):
            if method in by_method:
                ranks, values = zip(*sorted(by_method[method].items()), strict=True)
                axes.plot(
                    *(ranks, 100 * np.array(values)),
                    label=method,
                    color=COLOURS[i],
                    linestyle=LINES[i],
                    marker=MARKERS[i],
                )
        axes.set_xscale("log")
        axes.set_xticks(ranks, ranks)
        axes.minorticks_off()
        axes.set_title(panel, fontsize=10)
        axes.set_xlabel("K")
        tidy(axes)
    panels[0].set_ylabel("%")
    legend(figure, *panels[0].get_legend_handles_labels())
    return figure


def plot_frequencies(
    counts: Mapping[str, Sequence[int]], names: Sequence[str], *, title: str = ""
) -> Figure:
    """Bars, on a logarithmic axis, of how often each predicate is annotated (paper, Tab. 4).

    Args:
        counts: split -> a count a predicate.
        names: of the predicates, in the order of the plot.
        title: as in :func:`plot_per_predicate`.

    Raises:
        ValueError: as :func:`plot_per_predicate`.
    """
    figure, axes = _figure(max(9.0, 0.42 * len(names) + 1), 4.4, title)
    _bars(axes, counts, len(names), scale=1)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.set_ylim(bottom=0.8)
    axes.set_xticks(
        range(len(names)), _spoken(names), rotation=45, ha="right", rotation_mode="anchor"
    )
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.set_ylabel("annotated triplets")
    legend(figure, *axes.get_legend_handles_labels())
    return figure


def save_figure(figure: Figure, stem: str) -> list[str]:
    """Writes ``stem``.png and ``stem``.svg, each under a temporary name first; the same figure gives the same bytes.

    Returns the two paths.
    """
    paths = []
    # Letters stay letters in an SVG, so that it is small and can be searched.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "vost_sgg"}):
        for form, options in (("png", {"dpi": _PNG_DPI}), ("svg", {"metadata": {"Date": None}})):
            path = f"{stem}.{form}"
            with replaced(path) as file:
                figure.savefig(file, format=form, **options)
            paths.append(path)
    return paths


def _figure(width: float, height: float, title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    set_title(figure, title)
    axes = figure.subplots()
    tidy(axes)
    return figure, axes


def tidy(axes: Axes) -> None:
    """A faint grid, and no frame above and on the right."""
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def check_methods(methods: Collection[str]) -> None:
    """Raises ValueError if there are more methods than colours, or none."""
    if not 1 <= len(methods) <= len(COLOURS):
        raise ValueError(f"a plot takes 1 to {len(COLOURS)} methods, not {len(methods)}")


def _bars(axes: Axes, values: Mapping[str, Sequence[float]], places: int, scale: float = 100):
    """A group of bars a place, a bar a method; returns matplotlib's containers."""
    check_methods(values)
    width = 0.84 / len(values)
    return [
        axes.bar(
            np.arange(places) + (i - (len(values) - 1) / 2) * width,
            scale * np.array(heights),
            width,
            label=method,
            color=COLOURS[i],
            hatch=_HATCHES[i],
            edgecolor="white",
            linewidth=0.4,
            zorder=2,
        )
        for i, (method, heights) in enumerate(values.items())
    ]


def _spoken(names: Sequence[str]) -> list[str]:
    return [name.replace("_", " ") for name in names]


def set_title(figure: Figure, title: str) -> None:
    """Above all axes, in lines as long as the figure is wide."""
    letters = int(figure.get_figwidth() / _LETTER)
    lines = [line for part in title.splitlines() for line in textwrap.wrap(part, letters)]
    figure.suptitle("\n".join(lines), fontsize=10)


def legend(figure: Figure, handles: Sequence, labels: Sequence[str]) -> None:
    """Below the axes, where it covers nothing, in as many columns as fit; the figure grows by its further lines."""
    columns = int(figure.get_figwidth() / (_HANDLE + _LETTER * max(map(len, labels))))
    columns = max(1, min(columns, len(labels)))
    lines = -(-len(labels) // columns)
    figure.set_figheight(figure.get_figheight() + _LINE * (lines - 1))
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False)
