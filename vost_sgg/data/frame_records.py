"""The frames that a rule keeps as detectron2 dataset dicts, each made when it is asked for."""

import os
from collections.abc import Iterator, Sequence

import numpy as np
from detectron2.structures import BoxMode
from torch.utils.data import Dataset

from vost_sgg.data.annotation_index import AnnotationIndex, split_key
from vost_sgg.data.frame_rules import FrameSelection


class FrameRecords(Dataset, Sequence):
    """A sequence of dataset dicts, whose content is described at ``load_action_genome``.

    It holds arrays and keeps no dict: the processes that a loader forks share the arrays, since reading
    an array writes no reference count as reading Python's own objects does. Every access makes a new dict, so that a
    change to one is not seen again. detectron2 takes it as it takes any torch data set.

    Args:
        index: the annotations.
        selection: the frames and objects of it that count.
        frames_folder: where the images are.
    """

    def __init__(self, index: AnnotationIndex, selection: FrameSelection, frames_folder: str):
        rows = selection.frames
        keys = [index.keys[row] for row in rows]
        self._folder = frames_folder
        self._keys = np.array([key.encode() for key in keys])
        self._sizes = index.sizes[rows]
        self._video_indices, self._frame_indices = _count(keys)
        chosen = selection.objects.copy()
        chosen &= np.repeat(np.isin(np.arange(len(index)), rows), np.diff(index.object_starts))
        objects = np.flatnonzero(chosen)
        before = np.concatenate([[0], np.cumsum(chosen)])  # chosen objects before each entry
        starts, stops = before[index.object_starts[rows]], before[index.object_starts[rows + 1]]
        self._objects = np.stack([starts, stops], axis=1)
        self._person_boxes = selection.person_boxes[rows]
        self._object_boxes = selection.object_boxes[objects]
        self._categories = index.categories[objects]
        self._predicates = index.predicates[objects]

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[dict]:
        return map(self._record, range(len(self)))

    def __getitem__(self, position):
        """The dict at ``position``, or a list of those of a slice."""
        found = range(len(self))[position]
        return list(map(self._record, found)) if isinstance(found, range) else self._record(found)

    def _record(self, position: int) -> dict:
        key = self._keys[position].decode()
        video, number = split_key(key)
        width, height = self._sizes[position].tolist()
        return {
            "file_name": os.path.join(self._folder, key),
            "image_id": key,
            "height": height,
            "width": width,
            "video_id": video,
            "video_index": int(self._video_indices[position]),
            "frame_index": int(self._frame_indices[position]),
            "frame_number": number,
            **self._scene(position),
        }

    def _scene(self, position: int) -> dict:
        start, stop = self._objects[position].tolist()
        boxes = [self._person_boxes[position].tolist(), *self._object_boxes[start:stop].tolist()]
        categories = [0, *self._categories[start:stop].tolist()]
        predicates = self._predicates[start:stop].copy()
        pairs = np.zeros((stop - start, 2), np.int64)
        pairs[:, 1] = np.arange(1, stop - start + 1)
        return {
            "annotations": [
                {"bbox": box, "bbox_mode": BoxMode.XYXY_ABS, "category_id": category}
                for box, category in zip(boxes, categories, strict=True)
            ],
            "pairs": pairs,
            "attention": predicates[:, :3],
            "spatial": predicates[:, 3:9],
            "contacting": predicates[:, 9:],
        }


def _count(keys: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Of each frame the number of its video and its number in the video, from 0; the keys are sorted by video."""
    videos = np.array([split_key(key)[0] for key in keys])
    first = np.concatenate([[True], videos[1:] != videos[:-1]])
    video_indices = np.cumsum(first) - 1
    return video_indices, np.arange(len(keys)) - np.flatnonzero(first)[video_indices]
