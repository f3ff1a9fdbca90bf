"""Which pairs a VLM's answer about a frame speaks of, as ids and boxes."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from vost_sgg.data.frames import frame_ground_truth
from vost_sgg.structures import PREDICATE_GROUPS
from vost_sgg.vlm.cache import FrameAnswers
from vost_sgg.vlm.words import Vocabulary


@dataclass
class FramePairs:
    """The x pairs of one frame, numpy.

    Args:
        classes: (x, 2) int64 of subject and object.
        predicates: (x, P) bool, named ones of all groups, in the order of the groups.
        boxes: (x, 2, 4) float32 xyxy in pixels of the frame, of subject and object; zeros where there is none.
        pairs: (x, 2) int64 rows of the frame's given boxes, -1 where none are given.
    """

    classes: np.ndarray
    predicates: np.ndarray
    boxes: np.ndarray
    pairs: np.ndarray

    def regions(self) -> tuple[np.ndarray, np.ndarray]:
        """The distinct regions to be embedded: of each pair subject, object and the union of both.

        Returns:
            boxes: (R, 4) xyxy in pixels.
            rows: (x, 3) int64 into them, -1 where a region has no box.
        """
        known = (self.boxes[..., 2:] > self.boxes[..., :2]).all(-1)
        boxes = np.concatenate([self.boxes, union_boxes(self.boxes)[:, None]], axis=1).reshape(
            -1, 4
        )
        known = np.concatenate([known, known.all(1, keepdims=True)], axis=1).reshape(-1)
        rows = np.full(len(boxes), -1, np.int64)
        # The person is in every pair and is embedded once.
        distinct, inverse = np.unique(boxes[known], axis=0, return_inverse=True)
        rows[known] = inverse.reshape(-1)
        return distinct, rows.reshape(-1, 3)

    def normalised_boxes(self, width: int, height: int) -> np.ndarray:
        """(x, 2, 4) float32 cxcywh in [0, 1] of a frame of ``width`` x ``height`` pixels."""
        size = np.array([width, height, width, height])
        first, last = np.split(self.boxes.clip(0, size) / size, 2, axis=-1)
        return np.concatenate([(first + last) / 2, last - first], axis=-1).astype(np.float32)


def union_boxes(boxes: np.ndarray) -> np.ndarray:
    """(..., 4): the xyxy box around each pair of boxes (..., 2, 4)."""
    return np.concatenate([boxes[..., :2].min(-2), boxes[..., 2:].max(-2)], axis=-1)


def frame_pairs(
    task: str, record: Mapping, answers: FrameAnswers, vocabulary: Vocabulary
) -> FramePairs:
    """The pairs of one frame.

    PredCLS: the given pairs in their order, whether or not the VLM answered; an answer adds predicates. SGCLS: the
    objects that the VLM named, each with the box that it calls the person; none if it names no person. SGDET: the
    objects in the answer's order, also those without a usable box.

    Args:
        task: predcls, sgcls or sgdet.
        record: a dataset dict; what the task gives is read from it.
        answers: about the frame.
        vocabulary: of the data set.
    """
    if task == "sgdet":
        return _detected(answers, vocabulary)
    truth = frame_ground_truth(dict(record))
    if task == "predcls":
        pairs = np.asarray(truth.pairs, np.int64).reshape(-1, 2)
        relations = answers.about(pairs)
        classes = truth.classes[pairs]
    else:
        pairs, relations = answers.with_person()
        classes = _classes(relations, vocabulary)
    return FramePairs(classes, _predicates(relations, vocabulary), truth.boxes[pairs], pairs)


def _detected(answers: FrameAnswers, vocabulary: Vocabulary) -> FramePairs:
    relations = answers.relations
    boxes = np.zeros((len(relations), 2, 4), np.float32)
    for row, relation in zip(boxes, relations, strict=True):
        row[0] = answers.person_box or 0
        row[1] = relation.box or 0
    pairs = np.full((len(relations), 2), -1, np.int64)
    return FramePairs(
        _classes(relations, vocabulary), _predicates(relations, vocabulary), boxes, pairs
    )


def _classes(relations, vocabulary: Vocabulary) -> np.ndarray:
    ids = [[0, vocabulary.objects.index(relation.object)] for relation in relations]
    return np.array(ids, np.int64).reshape(-1, 2)


def _predicates(relations, vocabulary: Vocabulary) -> np.ndarray:
    names = [(group, name) for group in PREDICATE_GROUPS for name in vocabulary.group(group)]
    named = [[name in getattr(r, group) for group, name in names] for r in relations]
    return np.array(named, bool).reshape(-1, len(names))
