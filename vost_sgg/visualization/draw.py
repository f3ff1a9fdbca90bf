"""One frame beside its scene graph, as one picture."""

import os

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from vost_sgg.structures import FrameGroundTruth, FramePrediction
from vost_sgg.visualization.frame import draw_frame, pixel_axes
from vost_sgg.visualization.graph import draw_graph, draw_legend, graph_height
from vost_sgg.visualization.relations import drawn_graph
from vost_sgg.visualization.style import DPI, LEGEND, MARGIN
from vost_sgg.whole_files import replaced

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
    below = max(frame[1], LEGEND + graph_height(edges))
    total = frame[0] + GRAPH_WIDTH + 3 * MARGIN, below + 2 * MARGIN
    figure = Figure((total[0] / DPI, total[1] / DPI), dpi=DPI)
    canvas = FigureCanvasAgg(figure)
    axes = pixel_axes(figure, MARGIN, (total[1] - frame[1]) / 2, *frame)
    draw_frame(axes, image, nodes, getattr(graph, "size", (width, height)))
    left = frame[0] + 2 * MARGIN
    draw_legend(pixel_axes(figure, left, MARGIN, GRAPH_WIDTH, LEGEND))
    graph_place = left, MARGIN + LEGEND, GRAPH_WIDTH, below - LEGEND
    draw_graph(pixel_axes(figure, *graph_place), nodes, edges)
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3]


def save_picture(picture: np.ndarray, path: str) -> None:
    """Writes an (H, W, 3) uint8 RGB picture, whole or not at all.

    Raises:
        ValueError: the name ends in no picture's ending.
    """
    form = Image.registered_extensions().get(os.path.splitext(path)[1].lower())
    if form not in ("PNG", "JPEG"):
        raise ValueError(f"{path}: a picture's name ends in .png or .jpg")
    with replaced(path) as file:
        Image.fromarray(picture).save(file, form, optimize=True)
