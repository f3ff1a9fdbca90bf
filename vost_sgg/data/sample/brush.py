"""Drawing in unit coordinates onto a transparent sprite."""

import colorsys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

Colour = tuple[int, int, int]
_SHIFT = 4  # cv2 takes coordinates in fixed point: 1/16 pixel
MARGIN = 2  # pixels around the drawing for its outline

DARK: Colour = (44, 40, 42)
WHITE: Colour = (244, 243, 238)


def shade(colour: Colour, factor: float) -> Colour:
    """``colour`` made lighter (factor > 1) or darker."""
    return tuple(int(min(255, c * factor)) for c in colour)


class Palette:
    """The colours of one object; its hue varies from video to video, so that colour does not tell the class."""

    def __init__(self, rng: np.random.Generator):
        self._rng = rng
        self.main = self.any()
        self.second = self.any()
        self.wood = self.hsv((0.05, 0.11), (0.45, 0.75), (0.40, 0.78))
        self.metal = self.hsv((0.55, 0.65), (0.02, 0.12), (0.62, 0.88))

    def hsv(self, hue: tuple, saturation: tuple, value: tuple) -> Colour:
        """A colour drawn uniformly from ranges of hue, saturation and value, each in [0, 1]."""
        h, s, v = (self._rng.uniform(*r) for r in (hue, saturation, value))
        return tuple(int(255 * c) for c in colorsys.hsv_to_rgb(h, s, v))

    def any(self) -> Colour:
        return self.hsv((0, 1), (0.40, 0.85), (0.45, 0.92))

    def uniform(self, low: float, high: float) -> float:
        return self._rng.uniform(low, high)


class Brush:
    """Draws onto an RGBA image of ``width`` x ``height`` pixels, from (0, 0) at the top left to (1, 1).

    The image is premultiplied: an antialiased edge over transparent black is exactly that.
    """

    def __init__(self, width: int, height: int):
        self.size = np.array([width, height], float)
        self.image = np.zeros((height + 2 * MARGIN, width + 2 * MARGIN, 4), np.uint8)

    def _fixed(self, points) -> np.ndarray:
        return np.rint(
            (np.asarray(points, float) * self.size + MARGIN - 0.5) * (1 << _SHIFT)
        ).astype(np.int32)

    def _pixels(self, width: float) -> int:
        return max(1, round(width * float(np.sqrt(self.size.prod()))))

    def fill(self, points: Sequence, colour: Colour) -> None:
        cv2.fillPoly(self.image, [self._fixed(points)], (*colour, 255), cv2.LINE_AA, _SHIFT)

    def rect(self, x0: float, y0: float, x1: float, y1: float, colour: Colour) -> None:
        self.fill([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], colour)

    def line(self, points: Sequence, colour: Colour, width: float) -> None:
        """A polyline; ``width`` is in units of the sprite's mean side."""
        pixels = [self._fixed(points)]
        cv2.polylines(
            self.image, pixels, False, (*colour, 255), self._pixels(width), cv2.LINE_AA, _SHIFT
        )

    def ellipse(self, x: float, y: float, rx: float, ry: float, colour: Colour, width: float | None = None,
                arc: tuple[float, float] = (0, 360)) -> None:  # fmt: skip
        """A filled ellipse, or with ``width`` its line along ``arc`` (degrees, clockwise from the right)."""
        axes = np.rint(np.array([rx, ry]) * self.size * (1 << _SHIFT)).astype(int)
        thickness = -1 if width is None else self._pixels(width)
        centre = tuple(int(v) for v in self._fixed((x, y)))
        cv2.ellipse(self.image, centre, tuple(int(a) for a in axes), 0, *arc, (*colour, 255), thickness,
                    cv2.LINE_AA, _SHIFT)  # fmt: skip

    def finish(self, rng: np.random.Generator) -> np.ndarray:
        """The sprite with light from above, grain and a dark outline."""
        height, width = self.image.shape[:2]
        light = np.linspace(1.10, 0.86, height, dtype=np.float32)[:, None, None]
        grain = rng.normal(1, 0.035, (height, width, 1)).astype(np.float32)
        alpha = self.image[..., 3]
        colour = np.minimum(self.image[..., :3] * (light * grain), alpha[..., None])
        outline = cv2.dilate(alpha, np.ones((3, 3), np.uint8)).astype(np.float32) * 0.75
        return np.dstack([colour, np.maximum(alpha, outline)]).astype(np.uint8)


@dataclass(frozen=True)
class Sprite:
    """How a class is drawn. ``size``: width and height in units of the person's height."""

    draw: Callable[[Brush, Palette], None]
    size: tuple[float, float]


class SpriteTable(dict[str, Sprite]):
    """Sprites by class. A drawing touches all four sides of its unit square, for that square is the object's box."""

    def sprite(self, name: str, width: float, height: float):
        """Registers the decorated drawing function for class ``name``."""

        def register(draw):
            self[name] = Sprite(draw, (width, height))
            return draw

        return register
