"""From pair slots to triplets <first box, predicate, second box>: the annotated ones, and those a constraint proposes.

A pair has three rows, as in OED and STTran: attention (person to object), spatial (object to person: reversed) and
contacting (person to object). Letters: K pair slots of all frames of a batch, N triplets.
"""

from dataclasses import dataclass

import numpy as np

from vost_sgg.evaluation.protocols import Protocol
from vost_sgg.evaluation.slots import GROUP_SIZES, NUM_PREDICATES, PairSlots

_STARTS = (0, 3, 9)
_PERSON = 0
_REVERSED_ROW = np.array([False, True, False])
_REVERSED_PREDICATE = np.repeat(_REVERSED_ROW, GROUP_SIZES)
# Row and predicate of the cells of a pair that lie outside their row's group.
_OUTSIDE = np.nonzero(np.arange(3)[:, None] != np.repeat(np.arange(3), GROUP_SIZES))

_CLASS_BITS = 20


@dataclass
class Triplets:
    """Triplets of a batch of frames. A prediction's are in the order of ``frame``, then of rank.

    Args:
        slot: (N,) int64, row of the ``PairSlots`` they came from.
        predicate: (N,) int64 in 0..25.
        reverse: (N,) bool, True where the first box is the object.
        score: (N,) float64.
    """

    slots: PairSlots
    slot: np.ndarray
    predicate: np.ndarray
    reverse: np.ndarray
    score: np.ndarray

    @property
    def frame(self) -> np.ndarray:
        return self.slots.frame[self.slot]

    @property
    def boxes(self) -> np.ndarray:
        """(N, 2, 4) of first and second box."""
        boxes = self.slots.boxes[self.slot]
        return np.where(self.reverse[:, None, None], boxes[:, ::-1], boxes)

    @property
    def reverse_of_predicate(self) -> np.ndarray:
        """(N,) bool: the direction in which the predicate is annotated."""
        return _REVERSED_PREDICATE[self.predicate]

    @property
    def keys(self) -> np.ndarray:
        """(N,) int64, equal where frame, first class, predicate and second class are equal."""
        classes = self.slots.classes[self.slot]
        ends = np.where(self.reverse[:, None], classes[:, ::-1], classes)
        return class_keys(self.frame, ends) * NUM_PREDICATES + self.predicate

    def __getitem__(self, index: np.ndarray) -> "Triplets":
        return Triplets(
            self.slots,
            self.slot[index],
            self.predicate[index],
            self.reverse[index],
            self.score[index],
        )


def class_keys(frame: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """(N,) int64, equal where frame and both of the (N, 2) classes are equal."""
    first, second = classes.T + 1  # OED's head can name its unused class, which is -1 here
    return (frame << 2 * _CLASS_BITS) | (first << _CLASS_BITS) | second


def annotated_triplets(slots: PairSlots) -> Triplets:
    """Every label is a triplet, in the order of slot and predicate."""
    slot, predicate = np.nonzero(slots.predicates)
    return Triplets(slots, slot, predicate, _REVERSED_PREDICATE[predicate], np.ones(len(slot)))


def candidate_triplets(slots: PairSlots, constraint: str, protocol: Protocol) -> Triplets:
    """The triplets that a prediction proposes under ``constraint``, in the order of slot and row, not yet ranked.

    ``no`` leaves out the cells of a row outside its group, which are zero in OED; :func:`with_tail` adds them.

    Args:
        protocol: its ``semi_threshold`` and, in ``semi``, its treatment of zeros are read.
    """
    slot, row, predicate = _CHOICES[constraint](slots.predicates, protocol)
    value = slots.predicates[slot, predicate]
    if constraint == "with":
        # The argmax over the 26 columns of a row that is all zeros is column 0, even outside its group (as OED).
        predicate = np.where(value == 0, 0, predicate)
    return Triplets(slots, slot, predicate, _REVERSED_ROW[row], slots.scores[slot] * value)


def with_tail(candidates: Triplets, keep: int) -> Triplets:
    """The candidates of ``no``, and behind those of a frame, if they are fewer than ``keep``, the cells outside their
    row's group, which score 0.

    Each repeats or turns round a candidate. To find something a turned one needs a slot whose object is a person:
    frames without such a slot are left as they are.
    """
    slots = candidates.slots
    short = NUM_PREDICATES * np.bincount(slots.frame) < keep
    turned = np.zeros_like(short)
    turned[slots.frame[slots.classes[:, 1] == _PERSON]] = True
    slot = np.flatnonzero((short & turned)[slots.frame])
    if not slot.size:
        return candidates
    row, predicate = (np.tile(cells, len(slot)) for cells in _OUTSIDE)
    slot = np.repeat(slot, len(_OUTSIDE[0]))
    both = Triplets(
        slots,
        np.concatenate((candidates.slot, slot)),
        np.concatenate((candidates.predicate, predicate)),
        np.concatenate((candidates.reverse, _REVERSED_ROW[row])),
        np.concatenate((candidates.score, np.zeros(len(slot)))),
    )
    return both[np.argsort(both.frame, kind="stable")]


def _one_a_row(predicates: np.ndarray, _):
    best = [
        start + predicates[:, start : start + size].argmax(1)
        for start, size in zip(_STARTS, GROUP_SIZES, strict=True)
    ]
    predicate = np.stack(best, axis=1).ravel()
    slots = len(predicates)
    return np.repeat(np.arange(slots), 3), np.tile(np.arange(3), slots), predicate


def _one_a_pair(predicates: np.ndarray, _):
    predicate = predicates.argmax(1)
    return np.arange(len(predicates)), _row_of(predicate), predicate


def _above_threshold(predicates: np.ndarray, protocol: Protocol):
    chosen = predicates > protocol.semi_threshold
    chosen[:, :3] = np.arange(3) == predicates[:, :3].argmax(1)[:, None]
    if protocol.semi_needs_first_two:
        for start, size in zip(_STARTS, GROUP_SIZES, strict=True):
            seen = predicates[:, start : start + 2].any(1)
            chosen[:, start : start + size] &= seen[:, None]
    slot, predicate = np.nonzero(chosen)
    return slot, _row_of(predicate), predicate


def _all_cells(predicates: np.ndarray, _):
    slots = len(predicates)
    predicate = np.tile(np.arange(NUM_PREDICATES), slots)
    return np.repeat(np.arange(slots), NUM_PREDICATES), _row_of(predicate), predicate


_CHOICES = {
    "with": _one_a_row,
    "with_per_pair": _one_a_pair,
    "semi": _above_threshold,
    "no": _all_cells,
}


def _row_of(predicate: np.ndarray) -> np.ndarray:
    return np.repeat(np.arange(3), GROUP_SIZES)[predicate]
