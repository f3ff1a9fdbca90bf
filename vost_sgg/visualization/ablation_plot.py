"""The picture of an ablation: each method's recall, its seeds one by one and their mean with its spread."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from vost_sgg.visualization.plots import save_figure, set_title

# Okabe and Ito's; rows are told apart by their place too.
_COLOUR, _REFERENCE = "#0072B2", "#777777"
_PANELS = (
    ("with", "R@10", "R@10, with constraint"),
    ("with", "mR@10", "mR@10, with constraint"),
    ("no", "R@10", "R@10, no constraint"),
    ("no", "mR@10", "mR@10, no constraint"),
)


def plot_ablation(document: Mapping, stem: str, *, title: str) -> list[str]:
    """Draws R@10 and mR@10 of every row; what was not trained (frequency baseline, VLM) is grey.

    Args:
        document: of an ``ablation.json``.
        stem: path of the pictures without their ending; the folder exists.
        title: what stands above.

    Returns:
        The paths written: PNG and SVG.
    """
    panels = [panel for panel in _PANELS if panel[0] in document["rows"][0]]
    rows = document["rows"]
    figure = Figure(figsize=(3.1 * len(panels) + 1.2, 0.42 * len(rows) + 1.5), layout="constrained")
    set_title(figure, title)
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for ax, (constraint, metric, heading) in zip(axes, panels, strict=True):
        for place, row in enumerate(rows):
            _draw_row(ax, place, row[constraint][metric], trained="stages" in row)
        ax.set_title(heading, fontsize=10)
        ax.set_xlabel("%")
        ax.margins(x=0.16)
        ax.grid(axis="x", alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_yticks(range(len(rows)), [row["method"] for row in rows])
    axes[0].set_ylim(len(rows) - 0.4, -0.6)
    return save_figure(figure, stem)


def _draw_row(ax, place: int, number: Mapping, *, trained: bool) -> None:
    mean, spread = 100 * number["mean"], 100 * (number["std"] or 0)
    colour = _COLOUR if trained else _REFERENCE
    seeds = [100 * value for value in number["seeds"]]
    if len(seeds) > 1:
        ax.plot(seeds, [place] * len(seeds), "o", color=colour, alpha=0.35, markersize=4)
    ax.errorbar(mean, place, xerr=spread or None, fmt="D", color=colour, capsize=3, markersize=5)
    ax.annotate(
        f"{mean:.1f}", (mean, place), (0, 7), textcoords="offset points", ha="center", fontsize=8
    )
