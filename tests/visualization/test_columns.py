"""Frames side by side: nothing cut off, nothing covered, verdicts told apart without colour."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tests.visualization.margins import has_margins
from vost_sgg.visualization.columns import Column, draw_columns
from vost_sgg.visualization.frame import pixel_axes
from vost_sgg.visualization.graph import draw_graph, graph_height, graph_width
from vost_sgg.visualization.relations import Edge, Node
from vost_sgg.visualization.style import DPI, FALSE_ALARM, HIT, MISSED

NODES = [
    Node("0 person", np.array([5, 5, 40, 90.0]), True),
    Node("1 cup/glass/bottle 0.98", np.array([30, 30, 60, 60.0]), False, MISSED),
    Node("2 closet/cabinet 0.51", np.array([60, 5, 95, 95.0]), False, FALSE_ALARM),
]
EDGES = [
    Edge("attention", 0, 1, "not looking at 0.98", HIT),
    Edge("spatial", 0, 1, "in front of, on the side of", MISSED),
    Edge("contacting", 0, 2, "have it on the back 0.45", FALSE_ALARM),
]


def column(size=(100, 100), edges=EDGES, title="a method with a very long name " * 4):
    image = np.full((size[1], size[0], 3), (200, 220, 240), np.uint8)
    return Column(title, image, NODES, edges, (100.0, 100.0))


@pytest.mark.parametrize(("size", "count"), [((224, 160), 1), ((160, 224), 3)])
def test_nothing_is_cut_off(size, count):
    picture = draw_columns([column(size)] * count, heading="a heading of many words " * 12)
    assert has_margins(picture)
    shown = (picture == (200, 220, 240)).all(-1).any(0)
    # As many frames as columns, none of them over another.
    assert (np.diff(np.pad(shown.astype(int), 1)) == 1).sum() >= count


def plates(edges):
    """Labels of a graph as it is drawn at the least width, by their text."""
    size = graph_width(NODES, edges), graph_height(edges)
    figure = Figure((size[0] / DPI, size[1] / DPI), dpi=DPI)
    FigureCanvasAgg(figure)
    axes = pixel_axes(figure, 0, 0, *size)
    draw_graph(axes, NODES, edges)
    figure.canvas.draw()
    return {text.get_text(): text for text in axes.texts}, size


def test_no_label_covers_another():
    texts, (width, _) = plates(EDGES)
    extents = [text.get_window_extent() for text in texts.values()]
    assert all(0 <= extent.x0 and extent.x1 <= width for extent in extents)
    for i, one in enumerate(extents):
        assert not any(one.overlaps(other) for other in extents[i + 1 :])


def test_verdicts_differ_by_mark_line_and_hatch():
    texts, _ = plates(EDGES)
    looks = {}
    for text, artist in texts.items():
        plate = artist.get_bbox_patch()
        if plate is not None:
            looks[text[0]] = plate.get_linewidth(), str(plate.get_linestyle()), plate.get_hatch()
    assert set(looks) == {"\N{CHECK MARK}", "\N{MULTIPLICATION X}", "!"}
    assert len(set(looks.values())) == 3


def test_marks_are_explained_where_there_are_some():
    plain = [Edge(e.group, e.person, e.object, e.label) for e in EDGES]
    judged = draw_columns([column(title="a")], heading="b")
    nodes = [Node(n.label, n.box, n.is_person) for n in NODES]
    unjudged = Column("a", column().image, nodes, plain, (100.0, 100.0))
    assert draw_columns([unjudged], heading="b").shape[0] < judged.shape[0]
