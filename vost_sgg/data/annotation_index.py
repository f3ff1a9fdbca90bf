"""All annotations of a data set as columns: small, quick to store and to slice, the same for every source and rule."""

import re
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields

import numpy as np

from vost_sgg.data.vocabulary import PREDICATE_CLASSES
from vost_sgg.errors import shown

SPLITS = ("train", "test")
# What a record of other fields, types or numbers raises where it is read.
NO_RECORD = (LookupError, TypeError, ValueError, AttributeError, OverflowError)


@dataclass
class AnnotationIndex:
    """Every annotated frame and entry as the source has it; nothing is filtered, clipped or repaired here.

    F frames, sorted by video and frame number; E entries (objects), frame after frame.

    Args:
        keys: F names, "VIDEO.mp4/000089.png".
        sizes: (F, 2) int32, width and height in pixels.
        splits: (F,) int8, row of ``SPLITS``; -1 for a frame without any entry, which belongs to no split.
        person_counts: (F,) int32, how many person boxes the source has.
        person_boxes: (F, 4) float64, xyxy of the first person; NaN where there is none.
        object_starts: (F + 1,) int64; the entries of frame f are ``object_starts[f]:object_starts[f + 1]``.
        categories: (E,) uint8, object class.
        visible: (E,) bool.
        boxes: (E, 4) float64, **xywh**; NaN where there is none.
        predicates: (E, 26) bool, multi-hot over attention, spatial, contacting.
    """

    keys: list[str]
    sizes: np.ndarray
    splits: np.ndarray
    person_counts: np.ndarray
    person_boxes: np.ndarray
    object_starts: np.ndarray
    categories: np.ndarray
    visible: np.ndarray
    boxes: np.ndarray
    predicates: np.ndarray

    def __len__(self) -> int:
        return len(self.keys)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The index as named arrays; the names of the frames become one array of bytes."""
        arrays = {f.name: getattr(self, f.name) for f in fields(self)}
        arrays["keys"] = np.frombuffer("\n".join(self.keys).encode(), np.uint8)
        return arrays

    @staticmethod
    def from_arrays(arrays: dict[str, np.ndarray]) -> "AnnotationIndex":
        """The inverse of :meth:`to_arrays`. Raises KeyError or TypeError if an array is missing or too many."""
        keys = arrays["keys"].tobytes().decode()
        return AnnotationIndex(**{**arrays, "keys": keys.split("\n") if keys else []})


@dataclass
class Entry:
    """One annotated object of one frame: class, visibility, xywh box or None, predicate ids (0 to 25)."""

    category: int
    visible: bool
    box: Sequence[float] | None
    predicates: Iterable[int]


_NO_BOX = (np.nan,) * 4


def _numbers(code: str, first: tuple = ()):
    """A column that grows: eight bytes a number where a list of Python's numbers takes forty."""
    return field(default_factory=lambda: array(code, first))


@dataclass
class IndexBuilder:
    """Collects frames, handed over in the order of :func:`frame_order`, into an :class:`AnnotationIndex`."""

    keys: list = field(default_factory=list)
    sizes: array = _numbers("i")
    splits: array = _numbers("b")
    person_counts: array = _numbers("i")
    person_boxes: array = _numbers("d")
    object_starts: array = _numbers("q", (0,))
    categories: array = _numbers("B")
    visible: array = _numbers("B")
    boxes: array = _numbers("d")
    _label_rows: array = _numbers("q")
    _labels: array = _numbers("B")

    def add_frame(
        self, key, *, size, split: int, person_boxes: Sequence, entries: Iterable[Entry]
    ) -> None:
        """Appends one frame; ``size`` is (width, height), ``person_boxes`` are xyxy."""
        self.keys.append(key)
        self.sizes.extend(size)
        self.splits.append(split)
        self.person_counts.append(len(person_boxes))
        self.person_boxes.extend(person_boxes[0] if len(person_boxes) else _NO_BOX)
        for entry in entries:
            for predicate in entry.predicates:
                self._label_rows.append(len(self.categories))
                self._labels.append(predicate)
            self.categories.append(entry.category)
            self.visible.append(entry.visible)
            self.boxes.extend(_NO_BOX if entry.box is None else entry.box)
        self.object_starts.append(len(self.categories))

    def finish(self) -> AnnotationIndex:
        """The index of all frames added."""
        predicates = np.zeros((len(self.categories), len(PREDICATE_CLASSES)), bool)
        predicates[np.array(self._label_rows), np.array(self._labels)] = True
        return AnnotationIndex(
            keys=self.keys,
            sizes=np.array(self.sizes, np.int32).reshape(-1, 2),
            splits=np.array(self.splits, np.int8),
            person_counts=np.array(self.person_counts, np.int32),
            person_boxes=np.array(self.person_boxes, np.float64).reshape(-1, 4),
            object_starts=np.array(self.object_starts, np.int64),
            categories=np.array(self.categories, np.uint8),
            visible=np.array(self.visible, bool),
            boxes=np.array(self.boxes, np.float64).reshape(-1, 4),
            predicates=predicates,
        )


# A name of one folder and a number: whatever follows cannot lead out of the folder of frames.
_KEY = re.compile(r"(?!\.\.?/)([^/\\\x00-\x1f]{1,200})/([0-9]{1,18})\.[A-Za-z0-9]{1,8}")


def split_key(key: str) -> tuple[str, int]:
    """ "VIDEO.mp4/000089.png" -> ("VIDEO.mp4", 89). Raises ValueError for a key of another form, such as one with ".."
    in it."""
    match = _KEY.fullmatch(key)
    if match is None:
        raise ValueError(f"frame {shown(key)} is not named like 'VIDEO.mp4/000089.png'")
    return match[1], int(match[2])


def frame_order(keys: Iterable[str]) -> list[str]:
    """``keys`` sorted by video, then frame number."""
    return sorted(keys, key=split_key)
