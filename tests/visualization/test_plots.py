"""Plots of results: what the bars and lines are, that nothing is cut off, and the files."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text
from PIL import Image

from tests.visualization.margins import has_margins, rendered
from vost_sgg.data.vocabulary import PREDICATE_CLASSES
from vost_sgg.visualization.plots import (
    plot_frequencies,
    plot_parts,
    plot_per_predicate,
    plot_recall_at_k,
    save_figure,
)

METHODS = [f"a model with a rather long name, {i}" for i in range(8)]
TITLE = (
    "PredCLS, protocol oed (IoU plain, no pair NMS)\nag_sample_test (frame rule oed), 1394 frames"
)
PARTS = ["head (8 predicates)", "body (10 predicates)", "tail (8 predicates)"]


def per_predicate(count):
    recalls = {m: np.linspace(1, 0, 26) / (i + 1) for i, m in enumerate(METHODS[:count])}
    return plot_per_predicate(
        recalls,
        PREDICATE_CLASSES,
        rare=PREDICATE_CLASSES[-8:],
        absent=PREDICATE_CLASSES[-1:],
        metric="R@10",
        title=TITLE,
    )


def all_plots(count):
    methods = METHODS[:count]
    panels = {
        panel: {m: {k: k / (100 + i) for k in (10, 20, 50, 100)} for i, m in enumerate(methods)}
        for panel in ("R@K, with constraint", "mR@K, with constraint, per pair")
    }
    yield per_predicate(count)
    yield plot_parts({m: dict.fromkeys(PARTS, 0.999) for m in methods}, title=TITLE)
    yield plot_recall_at_k(panels, title=TITLE)
    yield plot_frequencies(
        {m: [10**6 // (i + 1) for i in range(26)] for m in methods}, PREDICATE_CLASSES, title=TITLE
    )


def said(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_visible()]


def test_bars_are_the_recalls_in_percent_in_the_order_of_the_names():
    axes = per_predicate(2).axes[0]
    for i, bars in enumerate(axes.containers):
        assert [b.get_height() for b in bars] == pytest.approx(np.linspace(100, 0, 26) / (i + 1))
    names = [label.get_text() for label in axes.get_xticklabels()]
    assert names == [name.replace("_", " ") for name in PREDICATE_CLASSES]


def test_rare_and_absent_predicates_are_marked():
    texts = said(per_predicate(1))
    assert "rare: the 8 least frequent" in texts and texts.count("absent") == 1


def test_values_of_parts_and_ranks():
    figure = plot_parts({"OED": dict(zip(PARTS, (0.5, 0.25, 0.125), strict=True))})
    assert {"50.0", "25.0", "12.5", *PARTS} <= set(said(figure))
    panels = {
        "R@K": {"OED": {20: 0.5, 10: 0.25}, "B": {10: 1, 20: 1}},
        "mR@K": {"B": {10: 0, 20: 0}},
    }
    left, right = plot_recall_at_k(panels).axes
    assert left.lines[0].get_xydata().tolist() == [[10, 25], [20, 50]]
    # A method keeps its looks in every panel.
    assert right.lines[0].get_color() == left.lines[1].get_color()


def test_frequencies_are_the_counts():
    axes = plot_frequencies({"train": [1000, 10], "test": [100, 1]}, ["holding", "in"]).axes[0]
    assert [[b.get_height() for b in bars] for bars in axes.containers] == [[1000, 10], [100, 1]]
    assert axes.get_yscale() == "log"


@pytest.mark.parametrize("methods", [1, 8])
def test_nothing_is_cut_off(methods):
    for figure in all_plots(methods):
        assert has_margins(rendered(figure))


def test_methods_differ_by_colour_and_by_hatch_or_line():
    bars = per_predicate(8).axes[0].containers
    looks = [(to_hex(b[0].get_facecolor()), b[0].get_hatch()) for b in bars]
    assert len({colour for colour, _ in looks}) == 8 and len({hatch for _, hatch in looks}) >= 7
    lines = list(all_plots(8))[2].axes[0].lines
    assert len({line.get_marker() for line in lines}) == 8


@pytest.mark.parametrize("count", [0, 9])
def test_more_methods_than_colours_are_refused(count):
    with pytest.raises(ValueError, match=f"1 to 8 methods, not {count}"):
        plot_parts({str(i): dict.fromkeys(PARTS, 0.5) for i in range(count)})


def test_files_are_whole_and_the_same_every_time(tmp_path):
    contents = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        figure = plot_parts({"<R&D>": dict.fromkeys(PARTS, 0.5)}, title=TITLE)
        paths = save_figure(figure, str(tmp_path / folder / "plot"))
        contents.append([open(path, "rb").read() for path in paths])
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == ["plot.png", "plot.svg"]
    assert contents[0] == contents[1]
    Image.open(tmp_path / "a" / "plot.png").verify()
    drawing = ElementTree.parse(tmp_path / "a" / "plot.svg")
    assert "<R&D>" in [element.text for element in drawing.iter()]
