"""Which of a frame's first triplets are hits, and which annotated ones they miss: what recall counts, one by one."""

from dataclasses import dataclass

import numpy as np

from vost_sgg.evaluation.matching import SlotMatches
from vost_sgg.evaluation.protocols import Protocol
from vost_sgg.evaluation.recall import ranked_triplets
from vost_sgg.evaluation.slots import PairSlots, annotated_slots, predicted_slots
from vost_sgg.evaluation.triplets import annotated_triplets
from vost_sgg.structures import FrameGroundTruth, FramePrediction


@dataclass(frozen=True)
class FrameHits:
    """The N triplets of a frame that are looked at, the best first, and the G annotated ones.

    Args:
        slot: (N,) int64, rows of the prediction's pairs.
        predicate: (N,) int64 in 0..25.
        score: (N,) float64, of person times object times predicate.
        hit: (N,) bool, whether the triplet is the first that finds an annotated one.
        annotated_slot: (G,) int64, rows of the annotation's pairs.
        annotated_predicate: (G,) int64 in 0..25.
        found: (G,) bool, whether one of the N triplets finds it.
    """

    slot: np.ndarray
    predicate: np.ndarray
    score: np.ndarray
    hit: np.ndarray
    annotated_slot: np.ndarray
    annotated_predicate: np.ndarray
    found: np.ndarray

    @property
    def recall(self) -> float:
        """The share of the annotated triplets that is found; NaN if none is annotated."""
        return float(self.found.mean()) if len(self.found) else float("nan")


def frame_hits(
    ground_truth: FrameGroundTruth,
    prediction: FramePrediction,
    protocol: Protocol,
    *,
    constraint: str,
    rank: int,
) -> FrameHits:
    """Matches one frame as :class:`SceneGraphRecall` does.

    Triplets that score 0 are left out: nobody predicted them. An evaluation ranks them too, behind all others, and by
    chance finds one now and then, so that its recall of a model without scores may be higher.

    Args:
        protocol: its rules for boxes, pair NMS and ``semi`` hold.
        constraint: ``with``, ``with_per_pair``, ``semi`` or ``no``.
        rank: K, at most 100.

    Raises:
        ValueError: an array is wrong; the message names the field.
    """
    targets = annotated_triplets(PairSlots.stack([annotated_slots(ground_truth)]))
    slots = PairSlots.stack([predicted_slots(prediction)])
    ranked = ranked_triplets(slots, np.array([ground_truth.size]), constraint, protocol)
    first = ranked[np.flatnonzero(ranked.score > 0)[:rank]]
    ranks = SlotMatches(targets, slots, protocol.iou).first_hits(first)
    return FrameHits(
        slot=first.slot,
        predicate=first.predicate,
        score=first.score,
        hit=np.isin(np.arange(len(first.slot)), ranks),
        annotated_slot=targets.slot,
        annotated_predicate=targets.predicate,
        found=ranks < len(first.slot),
    )
