"""Boxes as models write them, made boxes of the frame or dropped."""

import re
from collections.abc import Callable

import numpy as np

from vost_sgg.vlm.boxes import BoxFrame

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
# Less than this in width or height, in pixels of the frame, is no region.
_MIN_SIDE = 0.5
Box = tuple[float, float, float, float]


def read_box(value: object, frame: BoxFrame, note: Callable[[str], None]) -> Box | None:
    """A box of the frame, xyxy in its pixels, inside it and not empty; None if ``value`` is none.

    Args:
        value: four numbers in a list if it is as asked for; anything.
        frame: the coordinates in which it is written.
        note: called with each issue: box_form, box_count, box_fractions, box_reversed, box_outside, box_empty.
    """
    numbers = _numbers(value)
    if not (isinstance(value, list) and numbers == value):
        note("box_form")
    if len(numbers) != 4:
        note("box_count")
        return None
    corners = np.array(numbers, np.float64)
    if corners.max() <= 1 and (corners % 1 != 0).any():
        note("box_fractions")
        corners = corners * np.tile(frame.extent, 2)
    ordered = np.concatenate(
        [np.minimum(*corners.reshape(2, 2)), np.maximum(*corners.reshape(2, 2))]
    )
    if (ordered != corners).any():
        note("box_reversed")
    if (ordered < 0).any() or (ordered > np.tile(frame.extent, 2)).any():
        note("box_outside")
    box = frame.to_frame(ordered)[0]
    if min(box[2] - box[0], box[3] - box[1]) < _MIN_SIDE:
        note("box_empty")
        return None
    return tuple(np.round(box, 2).clip(0, np.tile(frame.size, 2)).tolist())


def _numbers(value: object, depth: int = 0) -> list[float]:
    """The numbers in ``value``: nested lists, the values of a dict, and numerals in a string."""
    if isinstance(value, bool) or value is None or depth > 3:
        return []
    if isinstance(value, int | float):
        return [value]
    if isinstance(value, str):
        return [float(numeral) for numeral in _NUMBER.findall(value[:200]) if len(numeral) < 12]
    parts = value.values() if isinstance(value, dict) else value
    return [number for part in parts for number in _numbers(part, depth + 1)]
