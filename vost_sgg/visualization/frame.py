"""A frame with the boxes of its scene graph."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from vost_sgg.visualization.relations import Node
from vost_sgg.visualization.style import (
    DPI,
    PAD,
    VERDICT_LINES,
    label,
    label_size,
    label_spot,
    marked,
    node_colour,
)


def pixel_axes(figure: Figure, x: float, y: float, width: float, height: float):
    """Axes at (x, y) from the top left corner, whose data are pixels, y downwards."""
    total_width, total_height = figure.get_size_inches() * DPI
    place = x / total_width, 1 - (y + height) / total_height
    axes = figure.add_axes((*place, width / total_width, height / total_height))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    return axes


def draw_frame(axes, image: np.ndarray, nodes: list[Node], size: tuple[float, float]) -> None:
    """Draws the image over the whole of the axes, and the boxes of the nodes that have one.

    Args:
        axes: of :func:`pixel_axes`.
        image: (H, W, 3) uint8, RGB.
        nodes: a box without an extent is none.
        size: (width, height) of the image in the unit of the boxes.
    """
    width, height = axes.get_xlim()[1], axes.get_ylim()[0]
    axes.imshow(image, extent=(0, width, height, 0), interpolation="bicubic", aspect="auto")
    unit = np.tile(np.array([width, height]) / size, 2)
    boxes = {i: node.box * unit for i, node in enumerate(nodes) if np.any(node.box)}
    for i, (x0, y0, x1, y1) in boxes.items():
        colour, line = node_colour(i, nodes[i].is_person), VERDICT_LINES[nodes[i].verdict]
        rim = withStroke(linewidth=5, foreground="white")
        frame = Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, ec=colour, lw=2.6, ls=line)
        axes.add_patch(frame).set_path_effects([rim])
    taken: list[np.ndarray] = []
    for i, box in boxes.items():
        face = node_colour(i, nodes[i].is_person)
        shown = marked(nodes[i].label, nodes[i].verdict)
        text = label(axes, 0, 0, shown, face, "white", ha="left", va="top")
        _place(axes, text, box, taken)


def _place(axes, text, box: np.ndarray, taken: list[np.ndarray]) -> None:
    """Moves a label to the corner of its box where it covers the least of other labels."""
    limit = np.array([axes.get_xlim()[1], axes.get_ylim()[0]])
    text.set_position(label_spot(np.array(label_size(text)), box, limit, taken) + PAD)
