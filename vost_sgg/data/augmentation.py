"""Augmentations of this library, in detectron2's terms, and the random draws they are given."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from detectron2.config import CfgNode
from detectron2.data.transforms import Augmentation, RandomFlip, ResizeTransform


class ResizeWithTruncation(Augmentation):
    """Resizes the short side to a given length with the long side capped, rounding as DETR and OED do.

    detectron2's ``ResizeShortestEdge`` rounds both sides to the nearest pixel (480x270 becomes 1000x563); here a capped
    short side is rounded half to even and the long side is then truncated (999x562), which a converted checkpoint's
    numbers depend on.

    Args:
        short_sides: lengths in pixels of which one is drawn an image.
        max_size: largest length in pixels of the long side.
    """

    def __init__(self, short_sides: Sequence[int], max_size: int):
        super().__init__()
        self._init({"short_sides": tuple(short_sides), "max_size": max_size})

    def get_transform(self, image: np.ndarray) -> ResizeTransform:
        height, width = image.shape[:2]
        short_side = int(np.random.choice(self.short_sides))
        new_width, new_height = self.output_size(width, height, short_side, self.max_size)
        if not new_width * new_height:
            raise ValueError(
                f"{width}x{height} pixels are too narrow: with the long side cut to {self.max_size} (INPUT.MAX_SIZE_*) "
                "nothing is left of the short one"
            )
        return ResizeTransform(height, width, new_height, new_width)

    @staticmethod
    def output_size(width: int, height: int, short_side: int, max_size: int) -> tuple[int, int]:
        """(width, height) in pixels after the resize."""
        short, long = min(width, height), max(width, height)
        if long / short * short_side > max_size:
            short_side = round(max_size * short / long)
        long_side = long if short_side == short else int(short_side * long / short)
        return (short_side, long_side) if width < height else (long_side, short_side)


def build_augmentations(cfg: CfgNode, is_train: bool) -> list[Augmentation]:
    """OED's augmentations: a horizontal flip (training, ``INPUT.RANDOM_FLIP``), then the resize (always)."""
    if not is_train:
        return [ResizeWithTruncation((cfg.INPUT.MIN_SIZE_TEST,), cfg.INPUT.MAX_SIZE_TEST)]
    resize = ResizeWithTruncation(cfg.INPUT.MIN_SIZE_TRAIN, cfg.INPUT.MAX_SIZE_TRAIN)
    if cfg.INPUT.RANDOM_FLIP == "none":
        return [resize]
    if cfg.INPUT.RANDOM_FLIP != "horizontal":
        raise ValueError(
            f"INPUT.RANDOM_FLIP: {cfg.INPUT.RANDOM_FLIP!r} is neither 'horizontal' nor 'none'"
        )
    return [RandomFlip(), resize]


def derived_seed(*parts: int | str) -> int:
    """A 64-bit seed from any numbers and strings, the same in every process and on every machine."""
    digest = hashlib.blake2b("\0".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


@contextmanager
def numpy_seeded(seed: int) -> Iterator[None]:
    """Runs its body on a numpy generator seeded with ``seed`` and puts the former state back.

    detectron2's augmentations draw from numpy's global generator; seeded an image, their draws do not depend on which
    worker meets the image and after which others.
    """
    state = np.random.get_state()
    np.random.seed(seed % 2**32)
    try:
        yield
    finally:
        np.random.set_state(state)
