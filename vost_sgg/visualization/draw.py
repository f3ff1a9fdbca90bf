"""One frame beside its scene graph, as one picture."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from vost_sgg.structures import FrameGroundTruth, FramePrediction
from vost_sgg.visualization.graph import draw_graph, graph_height
from vost_sgg.visualization.relations import Node, drawn_graph
from vost_sgg.visualization.style import (
    DPI,
    MARGIN,
    PAD,
    label,
    label_size,
    label_spot,
    node_colour,
)

# Pixels of the picture.
LONG_SIDE = 760
GRAPH_WIDTH = 660


def draw_scene_graph(
    image: np.ndarray,
    graph: FrameGroundTruth | FramePrediction,
    metadata,
    *,
    threshold: float = 0.5,
    max_pairs: int = 6,
) -> np.ndarray:
    """Draws the frame with its boxes on the left and its scene graph on the right.

    An edge stands for the predicates of one group of one pair. Attention and contacting point from the person to the
    object, spatial ones from the object to the person, as they are annotated.

    Args:
        image: (H, W, 3) uint8, RGB.
        graph: boxes in pixels of ``image``, or normalised with ``size`` (1, 1).
        metadata: of the data set: thing_classes, attention_classes, spatial_classes, contacting_classes.
        threshold: probability from which a predicted spatial or contacting predicate is drawn; the best one always is.
        max_pairs: a prediction's pairs of highest score that are drawn.

    Returns:
        (H', W', 3) uint8, RGB; the frame in it is enlarged so that its long side is LONG_SIDE.
    """
    nodes, edges = drawn_graph(graph, metadata, threshold=threshold, max_pairs=max_pairs)
    height, width = image.shape[:2]
    scale = LONG_SIDE / max(height, width)
    frame = round(width * scale), round(height * scale)
    total = frame[0] + GRAPH_WIDTH + 3 * MARGIN, max(frame[1], graph_height(edges)) + 2 * MARGIN
    figure = Figure((total[0] / DPI, total[1] / DPI), dpi=DPI)
    canvas = FigureCanvasAgg(figure)
    axes = _pixel_axes(figure, MARGIN, (total[1] - frame[1]) / 2, *frame)
    unit = np.array(frame) / getattr(graph, "size", (width, height))
    _draw_frame(axes, image, nodes, np.tile(unit, 2))
    size = GRAPH_WIDTH, total[1] - 2 * MARGIN
    draw_graph(_pixel_axes(figure, frame[0] + 2 * MARGIN, MARGIN, *size), nodes, edges)
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3]


def _pixel_axes(figure: Figure, x: float, y: float, width: float, height: float):
    """Axes at (x, y) from the top left corner, whose data are pixels, y downwards."""
    total_width, total_height = figure.get_size_inches() * DPI
    place = x / total_width, 1 - (y + height) / total_height
    axes = figure.add_axes((*place, width / total_width, height / total_height))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    return axes


def _draw_frame(axes, image: np.ndarray, nodes: list[Node], unit: np.ndarray) -> None:
    width, height = axes.get_xlim()[1], axes.get_ylim()[0]
    axes.imshow(image, extent=(0, width, height, 0), interpolation="bicubic", aspect="auto")
    boxes = [node.box * unit for node in nodes]
    for i, (x0, y0, x1, y1) in enumerate(boxes):
        rim = withStroke(linewidth=5, foreground="white")
        frame = Rectangle(
            (x0, y0), x1 - x0, y1 - y0, fill=False, ec=node_colour(i, nodes[i].is_person), lw=2.6
        )
        axes.add_patch(frame).set_path_effects([rim])
    taken: list[np.ndarray] = []
    for i, node in enumerate(nodes):
        face = node_colour(i, node.is_person)
        text = label(axes, 0, 0, node.label, face, "white", ha="left", va="top")
        _place(axes, text, boxes[i], taken)


def _place(axes, text, box: np.ndarray, taken: list[np.ndarray]) -> None:
    """Moves a label to the corner of its box where it covers the least of other labels."""
    limit = np.array([axes.get_xlim()[1], axes.get_ylim()[0]])
    text.set_position(label_spot(np.array(label_size(text)), box, limit, taken) + PAD)
