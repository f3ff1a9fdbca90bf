"""The scene graph itself: the person on the left, the objects on the right, a labelled edge for each group between."""

import re
from textwrap import wrap

from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from vost_sgg.visualization.relations import Edge, Node
from vost_sgg.visualization.style import (
    FONT,
    GROUP_STYLES,
    PAD,
    POINTS,
    judge,
    label,
    label_size,
    marked,
    node_colour,
)

LINE = 26
GAP = 12
# Between the ends of two edges at a node.
PORT = 14
CHARACTERS = 28
# Of a letter, on average, and of the curves of the edges on both sides of their labels.
LETTER = 10.5
CURVES = 170


def graph_height(edges: list[Edge]) -> float:
    """Pixels that the graph needs at least."""
    return sum(map(_slot, edges)) + 2 * GAP * len(_ordered(edges, "object"))


def graph_width(nodes: list[Node], edges: list[Edge]) -> float:
    """Pixels in which no label of the graph covers another."""
    people, things = (
        [len(marked(nodes[i].label, nodes[i].verdict)) for i in _ordered(edges, side)]
        for side in ("person", "object")
    )
    lines = [len(line) for edge in edges for line in _text(edge).splitlines()]
    return LETTER * sum(max(part, default=0) for part in (people, lines, things)) + CURVES


def draw_graph(axes, nodes: list[Node], edges: list[Edge]) -> None:
    """Draws the graph into axes whose data are pixels, y downwards; their height is ``graph_height`` or more."""
    if not edges:
        axes.text(0, LINE, "no pairs", fontsize=FONT * POINTS, va="center")
        return
    edges = sorted(edges, key=lambda edge: (edge.person, edge.object))
    slots = _slots(edges, axes.get_ylim()[0])
    middle = 0.45 * axes.get_xlim()[1]
    labels = [_edge_label(axes, edge, middle, y) for edge, y in zip(edges, slots, strict=True)]
    reach = max(label_size(text)[0] for text in labels) / 2 + GAP / 2
    people = _draw_nodes(axes, nodes, edges, slots, "person")
    things = _draw_nodes(axes, nodes, edges, slots, "object")
    for edge, y, start, end in zip(edges, slots, people, things, strict=True):
        _draw_edge(axes, edge, [start, (middle - reach, y), (middle + reach, y), end])


def _ordered(edges: list[Edge], side: str) -> list[int]:
    return list(dict.fromkeys(getattr(edge, side) for edge in edges))


def _text(edge: Edge) -> str:
    """The label in lines that break between predicates only."""
    text = re.sub("(?<!,) ", "\N{NO-BREAK SPACE}", edge.label)
    return "\n".join(wrap(marked(text, edge.verdict), CHARACTERS))


def _slot(edge: Edge) -> float:
    return LINE * (1 + _text(edge).count("\n")) + GAP


def _slots(edges: list[Edge], height: float) -> list[float]:
    """The heights at which the edges' labels stand, object by object, evenly spread over ``height``."""
    spare = (height - graph_height(edges)) / (len(_ordered(edges, "object")) + 1)
    y, slots = 0.0, []
    for before, edge in zip([None, *edges], edges, strict=False):
        if before is None or before.object != edge.object:
            y += spare + GAP * (1 if before is None else 2)
        slots.append(y + _slot(edge) / 2)
        y += _slot(edge)
    return slots


def _edge_label(axes, edge: Edge, x: float, y: float):
    colour = GROUP_STYLES[edge.group][0]
    plate = label(
        axes, x, y, _text(edge), "white", colour, ha="center", va="center", linespacing=1.15
    )
    return judge(plate, edge.verdict)


def _draw_nodes(axes, nodes, edges, slots, side: str) -> list[tuple[float, float]]:
    """Draws the nodes of one side; returns for each edge the point where it ends there."""
    ends = [(0.0, 0.0)] * len(edges)
    for node in _ordered(edges, side):
        mine = [k for k, edge in enumerate(edges) if getattr(edge, side) == node]
        y = sum(slots[k] for k in mine) / len(mine)
        x = _draw_node(axes, nodes[node], node, y, len(mine), side)
        for rank, k in enumerate(mine):
            ends[k] = x, y + (rank - (len(mine) - 1) / 2) * PORT
    return ends


def _draw_node(axes, node: Node, index: int, y: float, degree: int, side: str) -> float:
    """A plate that is high enough for its edges; returns where they end."""
    face = node_colour(index, node.is_person)
    shown = marked(node.label, node.verdict)
    text = label(axes, 0, y, shown, face, "none", ha="center", va="center_baseline")
    width, height = label_size(text)
    text.set_bbox(None)
    height = max(height, degree * PORT + PAD)
    left = 2 if side == "person" else axes.get_xlim()[1] - width - 2
    text.set_x(left + width / 2)
    plate = FancyBboxPatch(
        (left, y - height / 2), width, height, boxstyle="round,pad=0,rounding_size=6"
    )
    plate.set(facecolor=face, edgecolor="black", linewidth=1.5, zorder=4)
    axes.add_patch(plate)
    return left + width + 2 if side == "person" else left - 2


def _draw_edge(axes, edge: Edge, through: list[tuple[float, float]]) -> None:
    """A line from the person, behind the label in the middle, to the object, with a head at its end."""
    colour, style = GROUP_STYLES[edge.group]
    if edge.group == "spatial":
        through = through[::-1]
    points, codes = [through[0]], [Path.MOVETO]
    for (x0, y0), (x1, y1), straight in zip(through[:-1], through[1:], (0, 1, 0), strict=True):
        bend = (x0 + x1) / 2
        points += [(x1, y1)] if straight else [(bend, y0), (bend, y1), (x1, y1)]
        codes += [Path.LINETO] if straight else [Path.CURVE4] * 3
    line = {"color": colour, "shrinkA": 0, "shrinkB": 0}
    axes.add_patch(
        FancyArrowPatch(path=Path(points, codes), arrowstyle="-", lw=2.2, ls=style, **line)
    )
    _draw_head(axes, points[-2], points[-1], colour)


def _draw_head(axes, behind: tuple, tip: tuple, colour: str) -> None:
    """An arrow head; edges arrive level, so it points to the left or to the right."""
    x, y = tip
    back = x - 14 if behind[0] < x else x + 14
    axes.fill([x, back, back], [y, y - 6, y + 6], color=colour, zorder=3, lw=0)


def draw_legend(axes) -> None:
    """The groups' lines, in a row, into axes whose data are pixels."""
    x = 4.0
    for group, (colour, style) in GROUP_STYLES.items():
        axes.plot([x, x + 56], [LINE / 2] * 2, color=colour, ls=style, lw=2.2)
        ends = [(x + 56, LINE / 2), (x, LINE / 2)]
        _draw_head(axes, *(ends if group == "spatial" else ends[::-1]), colour)
        axes.text(x + 66, LINE / 2, group, va="center_baseline", fontsize=FONT * POINTS)
        x += 200
