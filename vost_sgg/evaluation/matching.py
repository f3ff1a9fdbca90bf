"""Ranking of predicted triplets, pair NMS, and which annotated triplet is found at which rank.

Works on the triplets of many frames at once; no loop over frames, pairs or triplets. Letters: N predicted triplets,
G annotated triplets, F frames.
"""

import numpy as np

from vost_sgg.evaluation.triplets import Triplets

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
    return np.arange(len(frame)) - np.searchsorted(frame, frame)


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


def first_hits(annotated: Triplets, predicted: Triplets, iou: str) -> np.ndarray:
    """(G,) int64 rank, from 0, of the first prediction that matches each annotated triplet, or ``NEVER``.

    A match has the same first class, predicate and second class, and an IoU of at least 0.5 on both boxes. One
    prediction may match several annotated triplets.

    Args:
        predicted: ranked, see ``ranked``.
        iou: ``plain`` or ``plus_one`` (boxes must then be in pixels).
    """
    target, candidate = equal_keys(annotated.keys, predicted.keys)
    overlap = box_iou(
        annotated.boxes[target], predicted.boxes[candidate], extra=1.0 if iou == "plus_one" else 0.0
    )
    matched = (overlap >= IOU_THRESHOLD).all(-1)
    ranks = np.full(len(annotated.slot), NEVER)
    np.minimum.at(ranks, target[matched], positions(predicted.frame)[candidate[matched]])
    return ranks


def equal_keys(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every pair (i, j) with ``a[i] == b[j]``, as two index arrays."""
    order = np.argsort(b, kind="stable")
    start = np.searchsorted(b[order], a, side="left")
    length = np.searchsorted(b[order], a, side="right") - start
    left = np.repeat(np.arange(len(a)), length)
    within = np.arange(len(left)) - np.repeat(np.cumsum(length) - length, length)
    return left, order[start[left] + within]
