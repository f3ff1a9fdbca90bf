"""How a region of a frame is shown to CLIP: the translucent-background prompt of SSG (WACV 2025), a crop, or a blur."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from vost_sgg.registry import nearest

MODES = ("overlay", "crop", "blur")
# Standard deviation in pixels of the blur that mode "blur" puts on the background.
BLUR_RADIUS = 10


@dataclass(frozen=True, kw_only=True)
class RegionPrompt:
    """Draws regions of one image.

    Args:
        mode: "overlay" (the frame stays whole, a translucent colour covers what is outside; Sec. 4.1), "blur"
            (what is outside is blurred) or "crop" (what is outside is cut off).
        colour: RGB of the overlay; hot pink (as SSG).
        alpha: opacity of the overlay, 0 to 255 (as SSG).

    Raises:
        ValueError: the mode is unknown, or a number is not in 0 to 255.
    """

    mode: str = "overlay"
    colour: tuple[int, int, int] = (255, 105, 180)
    alpha: int = 128

    def __post_init__(self):
        if self.mode not in MODES:
            raise ValueError(
                f"MODEL.PRIORS.REGION.MODE is {self.mode!r}; {nearest(self.mode, MODES)}"
            )
        if len(self.colour) != 3 or not all(0 <= value <= 255 for value in self.colour):
            raise ValueError(f"MODEL.PRIORS.REGION.COLOUR is {self.colour}: three of 0 to 255")
        if not 0 <= self.alpha <= 255:
            raise ValueError(f"MODEL.PRIORS.REGION.ALPHA is {self.alpha}; it is in 0 to 255")

    def __call__(self, image: np.ndarray, boxes: Sequence[Sequence[float]]) -> list[np.ndarray]:
        """One picture a box.

        Args:
            image: (h, w, 3) uint8 RGB.
            boxes: xyxy in pixels; clamped to the image, at least one pixel of which is in every box.

        Returns:
            (h, w, 3) uint8 each; of mode "crop" (h', w', 3).
        """
        corners = [pixel_corners(box, image.shape[1], image.shape[0]) for box in boxes]
        if self.mode == "crop":
            return [image[y0 : y1 + 1, x0 : x1 + 1] for x0, y0, x1, y1 in corners]
        background = self._background(image)
        pictures = []
        for x0, y0, x1, y1 in corners:
            picture = background.copy()
            inside = slice(y0, y1 + 1), slice(x0, x1 + 1)
            picture[inside] = image[inside]
            pictures.append(picture)
        return pictures

    def _background(self, image: np.ndarray) -> np.ndarray:
        if self.mode == "blur":
            return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(BLUR_RADIUS)))
        # In whole numbers, rounded to the nearest as alpha compositing does.
        tint = np.array(self.colour, np.uint32) * self.alpha
        return ((image * np.uint32(255 - self.alpha) + tint + 127) // 255).astype(np.uint8)


def pixel_corners(box: Sequence[float], width: int, height: int) -> tuple[int, int, int, int]:
    """The first and the last column and row (x0, y0, x1, y1) of a box, floored and inclusive as SSG draws it."""
    x0, y0, x1, y1 = np.floor(box).astype(int).tolist()
    x0, x1 = (min(max(x, 0), width - 1) for x in (x0, x1))
    y0, y1 = (min(max(y, 0), height - 1) for y in (y0, y1))
    return x0, y0, max(x0, x1), max(y0, y1)
