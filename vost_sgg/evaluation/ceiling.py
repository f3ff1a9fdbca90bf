"""What a predictor that knows the annotation would score: the ceiling of every cell of a table."""

from collections.abc import Collection

import numpy as np

from vost_sgg.evaluation.protocols import RANKS, Protocol
from vost_sgg.evaluation.recall import SceneGraphRecall
from vost_sgg.evaluation.slots import GROUP_SIZES, annotated_slots
from vost_sgg.structures import PREDICATE_GROUPS, FrameGroundTruth, FramePrediction

# For what is not annotated. Not 0: STTran's semi constraint passes over a group by its zeros.
_NEARLY_ZERO = 1e-9


def recall_ceiling(
    frames: Collection[FrameGroundTruth], protocol: Protocol
) -> dict[str, dict[str, float]]:
    """The highest ``R@K``, ``mR@K``, ``mR_frame@K`` that ``frames`` allow, as ``SceneGraphRecall.compute`` has them.

    The oracle's boxes and classes are the annotated ones. Where a constraint leaves it one predicate of several, it
    takes the one that adds most to the mean: for mR the rarest of the data set, for mR_frame the one of fewest
    frames; R is the same with any. The ceiling is the same for all tasks. It is exact unless one frame holds two
    pairs of the same class that overlap by half, of which one triplet can find both.

    Args:
        frames: annotations, read twice.
    """
    slots = [annotated_slots(frame).predicates for frame in frames]
    counts = np.array([labels.sum(0) for labels in slots]).reshape(-1, sum(GROUP_SIZES))
    pooled = 1 / np.maximum(counts.sum(0), 1)
    framewise = 1 / (np.maximum(counts, 1) * np.maximum((counts > 0).sum(0), 1))
    by_pooled, by_frame = _empty(protocol), _empty(protocol)
    for frame, labels, gains in zip(frames, slots, framewise, strict=True):
        by_pooled.update(frame, _oracle(frame, labels, pooled, protocol.semi_threshold))
        by_frame.update(frame, _oracle(frame, labels, gains, protocol.semi_threshold))
    names, framewise_recall = [f"mR_frame@{k}" for k in RANKS], by_frame.compute()
    return {
        constraint: values | {name: framewise_recall[constraint][name] for name in names}
        for constraint, values in by_pooled.compute().items()
    }


def _empty(protocol: Protocol) -> SceneGraphRecall:
    return SceneGraphRecall(
        protocol.task,
        protocol=protocol.name,
        constraints=protocol.constraints,
        nms=protocol.nms,
        iou=protocol.iou,
        semi_threshold=protocol.semi_threshold,
    )


def _oracle(
    frame: FrameGroundTruth, labels: np.ndarray, gains: np.ndarray, threshold: float
) -> FramePrediction:
    """The prediction that prefers labels of higher gain, (26,), and has all of them above the semi constraint's
    threshold; 0 < gain <= 1."""
    scores = np.where(labels, threshold + (1 - threshold) * (1 + gains) / 2, _NEARLY_ZERO)
    groups = np.split(scores, np.cumsum(GROUP_SIZES)[:-1], axis=1)
    return FramePrediction(
        boxes=frame.boxes,
        classes=frame.classes,
        scores=np.ones(len(frame.boxes)),
        pairs=frame.pairs,
        **dict(zip(PREDICATE_GROUPS, groups, strict=True)),
    )
