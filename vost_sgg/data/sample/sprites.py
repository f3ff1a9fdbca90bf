"""Every object's sprite, by class."""

import numpy as np

from vost_sgg.data.sample.brush import Brush, Palette
from vost_sgg.data.sample.furniture import FURNITURE
from vost_sgg.data.sample.handheld import HANDHELD

SPRITES = FURNITURE | HANDHELD


def paint(name: str, width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """Draws class ``name`` on ``width`` x ``height`` pixels plus a margin: RGBA uint8, premultiplied."""
    brush = Brush(max(width, 4), max(height, 4))
    SPRITES[name].draw(brush, Palette(rng))
    return brush.finish(rng)
