"""Frames side by side, each above its scene graph, as one picture: the layout of the paper's Fig. 10 to 12."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vost_sgg.visualization.frame import draw_frame, pixel_axes
from vost_sgg.visualization.graph import (
    LETTER,
    LINE,
    draw_graph,
    draw_legend,
    graph_height,
    graph_width,
)
from vost_sgg.visualization.relations import Edge, Node
from vost_sgg.visualization.style import (
    DPI,
    FALSE_ALARM,
    FONT,
    HIT,
    LEGEND,
    MARGIN,
    MISSED,
    POINTS,
    judge,
    label,
    marked,
)

# Pixels of the picture: of a column at least, and of the highest frame.
MIN_WIDTH = 520
FRAME_HEIGHT = 480


@dataclass(frozen=True)
class Column:
    """A frame and its graph.

    Args:
        title: lines that stand above it.
        image: (H, W, 3) uint8, RGB.
        nodes, edges: of its graph.
        size: (width, height) of the image in the unit of the nodes' boxes.
    """

    title: str
    image: np.ndarray
    nodes: list[Node]
    edges: list[Edge]
    size: tuple[float, float]


def draw_columns(columns: Sequence[Column], *, heading: str) -> np.ndarray:
    """Draws the columns beside each other, (H', W', 3) uint8 RGB. Marks are explained where a node or edge has one.

    Args:
        columns: at least one.
        heading: lines that stand above all of them.
    """
    width = max(MIN_WIDTH, *(round(graph_width(c.nodes, c.edges)) for c in columns))
    titles = [_wrapped(column.title, width) for column in columns]
    heading = _wrapped(heading, width * len(columns))
    frames = [_frame_size(column.image, width) for column in columns]
    judged = any(item.verdict for column in columns for item in [*column.nodes, *column.edges])
    heights = (
        *(LINE * len(heading), LEGEND if judged else 0, LEGEND),
        LINE * max(map(len, titles)) + MARGIN,
        max(height for _, height in frames) + MARGIN,
        max(graph_height(column.edges) for column in columns),
    )
    tops = [MARGIN + sum(heights[:row]) for row in range(len(heights))]
    total = len(columns) * (width + MARGIN) + MARGIN, tops[-1] + heights[-1] + MARGIN
    figure = Figure((total[0] / DPI, total[1] / DPI), dpi=DPI)
    canvas = FigureCanvasAgg(figure)
    _write(pixel_axes(figure, MARGIN, tops[0], total[0], heights[0]), heading, "normal")
    if judged:
        _draw_verdicts(pixel_axes(figure, MARGIN, tops[1], width, LEGEND))
    draw_legend(pixel_axes(figure, MARGIN, tops[2], width, LEGEND))
    for i, (column, title, frame) in enumerate(zip(columns, titles, frames, strict=True)):
        left = MARGIN + i * (width + MARGIN)
        _write(pixel_axes(figure, left, tops[3], width, heights[3]), title, "bold")
        axes = pixel_axes(figure, left + (width - frame[0]) / 2, tops[4], *frame)
        draw_frame(axes, column.image, column.nodes, column.size)
        draw_graph(pixel_axes(figure, left, tops[5], width, heights[5]), column.nodes, column.edges)
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3]


def _frame_size(image: np.ndarray, limit: int) -> tuple[int, int]:
    """Width and height at which a frame is drawn."""
    height, width = image.shape[:2]
    scale = min(limit / width, FRAME_HEIGHT / height)
    return round(width * scale), round(height * scale)


def _wrapped(text: str, width: int) -> list[str]:
    letters = int(width / LETTER)
    return [line for part in text.splitlines() for line in textwrap.wrap(part, letters)]


def _write(axes, lines: list[str], weight: str) -> None:
    """Writes the lines, the first one in the given weight."""
    for row, line in enumerate(lines):
        font = {"fontsize": FONT * POINTS, "weight": "normal" if row else weight}
        axes.text(0, (row + 0.5) * LINE, line, va="center", **font)


def _draw_verdicts(axes) -> None:
    for row, verdict in enumerate((HIT, MISSED, FALSE_ALARM)):
        shown = marked(verdict, verdict)
        judge(label(axes, 8 + 140 * row, LEGEND / 2, shown, "white", "black", va="center"), verdict)
