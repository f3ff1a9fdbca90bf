"""Small pictures with their captions in rows, and pictures one below the other."""

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vost_sgg.visualization.frame import draw_frame, pixel_axes
from vost_sgg.visualization.graph import LETTER, LINE
from vost_sgg.visualization.style import DPI, FONT, MARGIN, POINTS

# Pixels of the picture: of a cell, and of the highest small picture.
CELL = 300
HEIGHT = 220


def draw_strip(
    pictures: Sequence[np.ndarray], captions: Sequence[str], *, heading: str, width: int
) -> np.ndarray:
    """Draws the pictures in rows, each above its caption, (H', ``width``, 3) uint8 RGB.

    Args:
        pictures: (h, w, 3) uint8 RGB each, at least one; one with a long side keeps its shape.
        captions: of each.
        heading: a line above all.
        width: in pixels.
    """
    columns = max(1, (width - MARGIN) // (CELL + MARGIN))
    cell = (width - MARGIN) // columns - MARGIN if columns == 1 else CELL
    texts = [textwrap.wrap(caption, int(cell / LETTER)) for caption in captions]
    row_height = HEIGHT + LINE * max(map(len, texts)) + 2 * MARGIN
    rows = -(-len(pictures) // columns)
    height = MARGIN + 2 * LINE + rows * row_height
    figure = Figure((width / DPI, height / DPI), dpi=DPI)
    canvas = FigureCanvasAgg(figure)
    font = {"fontsize": FONT * POINTS, "va": "center"}
    head = pixel_axes(figure, MARGIN, MARGIN, width - 2 * MARGIN, LINE)
    head.text(0, LINE / 2, heading, weight="bold", **font)
    for i, (picture, lines) in enumerate(zip(pictures, texts, strict=True)):
        left = MARGIN + i % columns * (cell + MARGIN)
        top = MARGIN + 2 * LINE + i // columns * row_height
        scale = min(cell / picture.shape[1], HEIGHT / picture.shape[0])
        size = picture.shape[1] * scale, picture.shape[0] * scale
        draw_frame(pixel_axes(figure, left, top, *size), picture, [], size)
        below = pixel_axes(figure, left, top + size[1], cell, LINE * max(1, len(lines)))
        for row, line in enumerate(lines):
            below.text(0, (row + 0.5) * LINE, line, **font)
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3]


def stacked(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """The pictures, (h, w, 3) uint8 RGB, one below the other on white."""
    width = max(picture.shape[1] for picture in pictures)
    padded = [
        np.pad(p, ((0, 0), (0, width - p.shape[1]), (0, 0)), constant_values=255) for p in pictures
    ]
    return np.concatenate(padded)
