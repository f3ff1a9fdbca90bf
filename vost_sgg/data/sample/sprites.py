"""The table of object sprites: one drawing function a class, registered with its size."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vost_sgg.data.sample.brush import Brush, Palette


@dataclass(frozen=True)
class Sprite:
    """How a class is drawn. ``size``: width and height in units of the person's height."""

    draw: Callable[[Brush, Palette], None]
    size: tuple[float, float]


SPRITES: dict[str, Sprite] = {}


def sprite(name: str, width: float, height: float):
    """Registers the drawing function of a class; a drawing fills its unit square, for its square is the box."""

    def register(draw):
        SPRITES[name] = Sprite(draw, (width, height))
        return draw

    return register


def paint(name: str, width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """Draws class ``name`` on ``width`` x ``height`` pixels plus a margin: RGBA uint8, premultiplied."""
    brush = Brush(max(width, 4), max(height, 4))
    SPRITES[name].draw(brush, Palette(rng))
    return brush.finish(rng)


from vost_sgg.data.sample import furniture, handheld  # noqa: E402, F401  they fill the table
