"""From a prediction, ids and slots, to a scene graph with names in which every thing is one node."""

import numpy as np

from vost_sgg.data.frame_sources import TimedFrame
from vost_sgg.evaluation.matching import IOU_THRESHOLD, box_iou
from vost_sgg.evaluation.slots import GROUP_SIZES, predicted_entities, predicted_slots
from vost_sgg.scene_graph import GraphObject, GraphRelation, SceneGraph
from vost_sgg.structures import PREDICATE_GROUPS, FramePrediction
from vost_sgg.vlm.words import Vocabulary


def scene_graph(
    prediction: FramePrediction, frame: TimedFrame, vocabulary: Vocabulary, threshold: float
) -> SceneGraph:
    """The graph of what a model is sure of.

    Many slots name the same pair. Boxes of one class that overlap by an IoU of 0.5, the evaluation's "same box", become
    one node with the box and score of the surest slot, and a relation keeps its best score. Of the attention
    predicates, which exclude each other, a pair has the best one only.

    Args:
        prediction: of the frame, boxes in its pixels.
        frame: the frame.
        vocabulary: of the model.
        threshold: triplets and pairs that score less (as the evaluation ranks them) are left out, and so are boxes of
            no pair (of a detector).
    """
    nodes = Nodes(frame.image.shape[1], frame.image.shape[0])
    best: dict[tuple[int, int], np.ndarray] = {}
    slots = predicted_slots(prediction)
    scores = predicted_entities(prediction)[2][np.asarray(prediction.pairs).reshape(-1, 2)]
    for slot in np.argsort(-slots.scores, kind="stable"):
        # A head of OED's can name its unused class, which is -1.
        if slots.scores[slot] < threshold or slots.classes[slot].min() < 0:
            continue
        ends = zip(slots.classes[slot], slots.boxes[slot], scores[slot], strict=True)
        pair = tuple(nodes.row(*end) for end in ends)
        if pair[0] != pair[1]:
            values = slots.scores[slot] * slots.predicates[slot]
            best[pair] = np.maximum(best.get(pair, 0.0), values)
    if not len(slots.scores):
        for box, category, score in zip(*predicted_entities(prediction), strict=True):
            if score >= threshold and category >= 0:
                nodes.row(category, box, score)
    return _graph(nodes, best, frame, vocabulary, threshold)


class Nodes:
    """The things of a frame, ``classes``, ``boxes`` and ``scores``: of boxes of one class that overlap by an IoU of 0.5
    the first one stays.

    Args:
        width, height: of the frame in pixels, to which boxes are cut.
    """

    def __init__(self, width: int, height: int):
        self._limit = np.array([width, height, width, height], np.float64)
        self.classes, self.boxes, self.scores = [], [], []

    def row(self, category: int, box: np.ndarray, score: float) -> int:
        """Where the thing stands; it is appended if it is a new one."""
        box = box.clip(0, self._limit)
        same = [i for i, known in enumerate(self.classes) if known == category]
        if same:
            overlaps = box_iou(np.array([self.boxes[i] for i in same]), box)
            if overlaps.max() >= IOU_THRESHOLD:
                return same[int(overlaps.argmax())]
        self.classes.append(int(category))
        self.boxes.append(box)
        self.scores.append(float(score))
        return len(self.classes) - 1


def _graph(nodes, best, frame, vocabulary, threshold) -> SceneGraph:
    # The same things stand in the same order in neighbouring frames.
    order = sorted(range(len(nodes.classes)), key=lambda i: (nodes.classes[i], -nodes.scores[i]))
    row_of = {node: row for row, node in enumerate(order)}
    relations = [
        GraphRelation(row_of[pair[0]], row_of[pair[1]], group, name, float(score))
        for pair, values in best.items()
        for group, name, score in _named(values, vocabulary, threshold)
    ]
    return SceneGraph(
        index=frame.index,
        time=frame.time,
        duration=frame.duration,
        size=(frame.image.shape[1], frame.image.shape[0]),
        objects=tuple(
            GraphObject(
                vocabulary.objects[nodes.classes[i]],
                tuple(map(float, nodes.boxes[i])),
                nodes.scores[i],
            )
            for i in order
        ),
        relations=tuple(sorted(relations, key=lambda r: -r.score)),
    )


def _named(values: np.ndarray, vocabulary: Vocabulary, threshold: float):
    starts = np.cumsum((0, *GROUP_SIZES))
    for group, start, stop in zip(PREDICATE_GROUPS, starts, starts[1:], strict=False):
        names, scores = vocabulary.group(group), values[start:stop]
        chosen = [scores.argmax()] if group == "attention" else range(len(names))
        yield from ((group, names[i], scores[i]) for i in chosen if scores[i] >= threshold)
