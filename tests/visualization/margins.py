"""Whether a picture shows everything: what is cut off reaches its edge."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def rendered(figure: Figure) -> np.ndarray:
    """The figure as it is written, (H, W, 4) uint8."""
    figure.set_dpi(150)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba())


def has_margins(picture: np.ndarray) -> bool:
    """Whether the outermost pixels of all four sides are white."""
    edges = (picture[:2], picture[-2:], picture[:, :2], picture[:, -2:])
    return all((edge == 255).all() for edge in edges)
