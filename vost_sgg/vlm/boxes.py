"""Boxes between a frame's own pixels and the coordinates that a VLM reads and writes."""

from dataclasses import dataclass

import numpy as np

# resized_pixels: pixels of the image as the processor resizes it (Qwen2.5-VL).
# norm1000: integers of a thousandth of the width and height (InternVL, Qwen3-VL).
BOX_FRAMES = ("resized_pixels", "norm1000")


@dataclass(frozen=True)
class BoxFrame:
    """The coordinate frame of one image's boxes in prompts and answers.

    Args:
        kind: one of BOX_FRAMES.
        size: (width, height) of the frame in pixels, the unit of its annotations.
        processed: (width, height) of the image as the model sees it; only ``resized_pixels`` asks for it.

    Raises:
        ValueError: the kind is unknown or a size is not positive.
    """

    kind: str
    size: tuple[int, int]
    processed: tuple[int, int]

    def __post_init__(self):
        if self.kind not in BOX_FRAMES:
            raise ValueError(f"box_frame {self.kind!r} is none of {', '.join(BOX_FRAMES)}")
        if min(*self.size, *self.processed) <= 0:
            raise ValueError(f"an image of {self.size} pixels, processed to {self.processed}")

    @property
    def extent(self) -> tuple[int, int]:
        """(width, height) of the frame in model coordinates."""
        return (1000, 1000) if self.kind == "norm1000" else self.processed

    @property
    def _scale(self) -> np.ndarray:
        return np.tile(np.asarray(self.extent, np.float64) / self.size, 2)

    def to_model(self, boxes) -> np.ndarray:
        """(N, 4) xyxy in frame pixels -> (N, 4) int64 model coordinates, rounded and clipped to the image."""
        scaled = np.asarray(boxes, np.float64).reshape(-1, 4) * self._scale
        return np.rint(scaled).clip(0, np.tile(self.extent, 2)).astype(np.int64)

    def to_frame(self, boxes) -> np.ndarray:
        """(N, 4) xyxy in model coordinates -> (N, 4) float64 frame pixels, clipped to the frame."""
        scaled = np.asarray(boxes, np.float64).reshape(-1, 4) / self._scale
        return scaled.clip(0, np.tile(self.size, 2))
