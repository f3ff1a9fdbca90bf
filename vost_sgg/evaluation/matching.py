"""Ranking of predicted triplets, pair NMS, and which annotated triplet is found at which rank.

Works on the triplets of many frames at once; no loop over frames, pairs or triplets. Letters: N predicted triplets,
G annotated triplets, K annotated and S predicted pair slots, F frames.
"""

from functools import cached_property

import numpy as np

from vost_sgg.evaluation.slots import NUM_PREDICATES, PairSlots
from vost_sgg.evaluation.triplets import Triplets, class_keys

# Both boxes must overlap at least as much for a match.
IOU_THRESHOLD = 0.5
# OED's, written into its code (its command line's thresholds are not read).
NMS_THRESHOLD = 0.9
NEVER = np.iinfo(np.int64).max


def box_iou(a: np.ndarray, b: np.ndarray, extra: float = 0.0) -> np.ndarray:
    """Elementwise IoU of (..., 4) xyxy boxes; 0 where neither has an area.

    Args:
        extra: added to every width and height, 1 for pixel counting (the Pascal convention).
    """
    overlap = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]) + extra
    intersection = overlap.clip(min=0).prod(-1)
    union = _area(a, extra) + _area(b, extra) - intersection
    return np.divide(intersection, union, out=np.zeros_like(union), where=union > 0)


def _area(boxes: np.ndarray, extra: float) -> np.ndarray:
    return (boxes[..., 2:] - boxes[..., :2] + extra).prod(-1)


def ranked(triplets: Triplets, num_frames: int, keep: int) -> Triplets:
    """Each frame's ``keep`` best triplets by descending score; equal scores stay in the order given."""
    frame, score = triplets.frame, triplets.score
    counts = np.bincount(frame, minlength=num_frames)
    index = np.arange(len(score))
    if counts.max(initial=0) > keep:
        # A partition before the sort: SGDET has 2,600 cells a frame, of which 100 count.
        table = np.full((num_frames, counts.max()), -np.inf)
        table[frame, positions(frame)] = score
        kth_best = np.partition(table, -keep, axis=1)[:, -keep]
        index = index[score >= kth_best[frame]]
    index = index[np.lexsort((-score[index], frame[index]))]
    return triplets[index[positions(frame[index]) < keep]]


def positions(frame: np.ndarray) -> np.ndarray:
    """(N,) position of each element within its frame; ``frame`` (N,) must be sorted."""
    counts = np.bincount(frame)
    return np.arange(len(frame)) - np.repeat(np.cumsum(counts) - counts, counts)


def without_duplicates(triplets: Triplets, sizes: np.ndarray, rule: str) -> Triplets:
    """Greedy pair NMS over ranked triplets of equal frame, classes and predicate.

    A triplet goes when the product of its two boxes' overlaps with a better one that stays is above 0.9. Rule ``iou``
    takes the true IoU. Rule ``oed`` does as OED: 1 is added to widths and heights although boxes are in [0, 1], so that
    nearby boxes count as the same.

    Args:
        sizes: (F, 2) width and height of each frame in the unit of the boxes.
    """
    earlier, later = equal_keys(triplets.keys, triplets.keys)
    earlier, later = earlier[earlier < later], later[earlier < later]
    boxes = triplets.boxes
    if rule == "oed":
        boxes = boxes / np.tile(sizes, 2)[triplets.frame][:, None]
    overlap = box_iou(boxes[earlier], boxes[later], extra=1.0 if rule == "oed" else 0.0).prod(-1)
    suppresses = overlap > NMS_THRESHOLD
    earlier, later = earlier[suppresses], later[suppresses]
    # Greedy suppression is the fixed point of "stays unless a better one that stays suppresses it"; each round settles
    # at least one more rank of every frame.
    stays = np.ones(len(boxes), dtype=bool)
    while True:
        update = np.ones_like(stays)
        update[later[stays[earlier]]] = False
        if (update == stays).all():
            return triplets[stays]
        stays = update


class SlotMatches:
    """Which predicted slots have the classes and boxes of which annotated pairs: found once, read for every constraint.

    A match has equal classes and an IoU of at least 0.5 on both boxes. One slot may match several pairs.

    Args:
        annotated: triplets of the annotation.
        predicted: the slots of the same frames' predictions.
        iou: ``plain`` or ``plus_one`` (boxes must then be in pixels).
    """

    def __init__(self, annotated: Triplets, predicted: PairSlots, iou: str):
        self._annotated, self._predicted = annotated, predicted
        self._extra = 1.0 if iou == "plus_one" else 0.0

    def first_hits(self, ranked: Triplets) -> np.ndarray:
        """(G,) int64 rank, from 0, of the first triplet that finds each annotated one, or ``NEVER``: its slot matches
        the pair, and its predicate and direction are equal."""
        rank = positions(ranked.frame)
        crossed = ranked.reverse != ranked.reverse_of_predicate
        hits = self._first(ranked[~crossed], rank[~crossed], self._straight)
        if crossed.any():
            hits = np.minimum(hits, self._first(ranked[crossed], rank[crossed], self._crossed))
        return hits

    def first_hits_of_pairs(self, ranked: Triplets) -> np.ndarray:
        """(K,) int64, likewise, of the first triplet whose slot matches an annotated pair, whatever its predicate."""
        slots = len(self._predicted.scores)
        first = _lowest(slots, ranked.slot, positions(ranked.frame))
        pair, slot = self._straight
        return _lowest(len(self._annotated.slots.scores), pair, first[slot])

    def _first(self, ranked: Triplets, rank: np.ndarray, matches) -> np.ndarray:
        cells = len(self._predicted.scores) * NUM_PREDICATES
        first = _lowest(cells, ranked.slot * NUM_PREDICATES + ranked.predicate, rank)
        pair, slot = matches
        triplet, match = equal_keys(self._annotated.slot, pair)
        cell = slot[match] * NUM_PREDICATES + self._annotated.predicate[triplet]
        return _lowest(len(self._annotated.slot), triplet, first[cell])

    @cached_property
    def _straight(self) -> tuple[np.ndarray, np.ndarray]:
        return self._matches(self._predicted.classes, self._predicted.boxes)

    @cached_property
    def _crossed(self) -> tuple[np.ndarray, np.ndarray]:
        """For a triplet that runs against its predicate's direction: its slot's object is the pair's person."""
        return self._matches(self._predicted.classes[:, ::-1], self._predicted.boxes[:, ::-1])

    def _matches(self, classes: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Every matching (annotated pair, predicted slot), as two index arrays."""
        annotated = self._annotated.slots
        pair, slot = equal_keys(
            class_keys(annotated.frame, annotated.classes),
            class_keys(self._predicted.frame, classes),
        )
        overlap = box_iou(annotated.boxes[pair], boxes[slot], self._extra)
        matched = (overlap >= IOU_THRESHOLD).all(-1)
        return pair[matched], slot[matched]


def _lowest(size: int, index: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """(size,) int64, the lowest ``rank`` of those at each index, ``NEVER`` where there is none."""
    lowest = np.full(size, NEVER)
    np.minimum.at(lowest, index, rank)
    return lowest


def equal_keys(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every pair (i, j) with ``a[i] == b[j]``, as two index arrays."""
    order = np.argsort(b, kind="stable")
    start = np.searchsorted(b[order], a, side="left")
    length = np.searchsorted(b[order], a, side="right") - start
    left = np.repeat(np.arange(len(a)), length)
    within = np.arange(len(left)) - np.repeat(np.cumsum(length) - length, length)
    return left, order[start[left] + within]
