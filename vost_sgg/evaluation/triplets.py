"""From annotated or predicted frames to triplets: checked pair slots, then <first box, predicate, second box>.

A pair has three rows, as in OED and STTran: attention (person to object), spatial (object to person: reversed) and
contacting (person to object). Letters: F frames of a batch, K pair slots of all its frames, N triplets.
"""

from dataclasses import dataclass

import numpy as np
import torch

from vost_sgg.structures import PREDICATE_GROUPS, Array, FrameGroundTruth, FramePrediction

GROUP_SIZES = (3, 6, 17)
NUM_PREDICATES = sum(GROUP_SIZES)
_STARTS = (0, 3, 9)
_REVERSED_ROW = np.array([False, True, False])
_REVERSED_PREDICATE = np.repeat(_REVERSED_ROW, GROUP_SIZES)

# STTran's: "only a hyper-parameter", says its author.
SEMI_THRESHOLD = 0.9
_CLASS_BITS = 20


@dataclass
class PairSlots:
    """The pairs of one frame, or of several frames one behind the other.

    Args:
        classes: (K, 2) int64 of person and object.
        boxes: (K, 2, 4) float64 xyxy of person and object.
        scores: (K,) float64, person's score times object's score; ones in a ground truth.
        predicates: (K, 26): bool labels of a ground truth, float64 probabilities of a prediction.
        frame: (K,) int64, index of the frame in its batch.
    """

    classes: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray
    predicates: np.ndarray
    frame: np.ndarray | None = None

    @classmethod
    def stack(cls, frames: list["PairSlots"]) -> "PairSlots":
        """The slots of all ``frames`` (at least one), numbered by frame."""
        names = ("classes", "boxes", "scores", "predicates")
        arrays = {name: np.concatenate([getattr(f, name) for f in frames]) for name in names}
        return cls(
            **arrays, frame=np.repeat(np.arange(len(frames)), [len(f.scores) for f in frames])
        )


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
    def keys(self) -> np.ndarray:
        """(N,) int64, equal where frame, first class, predicate and second class are equal."""
        classes = (
            self.slots.classes[self.slot] + 1
        )  # OED's head can name its unused class, which is -1 here
        first = np.where(self.reverse, classes[:, 1], classes[:, 0])
        second = np.where(self.reverse, classes[:, 0], classes[:, 1])
        labels = ((first << _CLASS_BITS) | second) * NUM_PREDICATES + self.predicate
        return self.frame * (NUM_PREDICATES << 2 * _CLASS_BITS) + labels

    def __getitem__(self, index: np.ndarray) -> "Triplets":
        return Triplets(
            self.slots,
            self.slot[index],
            self.predicate[index],
            self.reverse[index],
            self.score[index],
        )


def annotated_slots(ground_truth: FrameGroundTruth) -> PairSlots:
    """Checks one frame's annotation. Raises ValueError that names the field at fault."""
    pairs, boxes, classes = _pairs(ground_truth, "ground_truth")
    groups = [
        _rows(ground_truth, "ground_truth", name, (size,), len(pairs)) for name, size in _groups()
    ]
    labels = np.concatenate(groups, axis=1).astype(bool)
    return PairSlots(classes[pairs], boxes[pairs], np.ones(len(pairs)), labels)


def predicted_slots(prediction: FramePrediction) -> PairSlots:
    """Checks one frame's prediction. Raises ValueError that names the field at fault."""
    pairs, boxes, classes = _pairs(prediction, "prediction")
    scores = _rows(prediction, "prediction", "scores", (), len(boxes)).astype(np.float64)
    groups = [
        _rows(prediction, "prediction", name, (size,), len(pairs)) for name, size in _groups()
    ]
    probabilities = np.concatenate(groups, axis=1, dtype=np.float64)
    if len(pairs) and not _are_probabilities(scores, probabilities):
        fields = ("scores", *PREDICATE_GROUPS)
        wrong = [
            n for n, a in zip(fields, (scores, *groups), strict=True) if not _are_probabilities(a)
        ]
        raise ValueError(
            f"prediction.{wrong[0]} holds NaN, infinite or negative values: "
            "scores must be probabilities (after softmax or sigmoid), not logits"
        )
    pair_scores = scores[pairs[:, 0]] * scores[pairs[:, 1]]
    return PairSlots(classes[pairs], boxes[pairs], pair_scores, probabilities)


def annotated_triplets(slots: PairSlots) -> Triplets:
    """Every label is a triplet, in the order of slot and predicate."""
    slot, predicate = np.nonzero(slots.predicates)
    return Triplets(slots, slot, predicate, _REVERSED_PREDICATE[predicate], np.ones(len(slot)))


def candidate_triplets(slots: PairSlots, constraint: str) -> Triplets:
    """The triplets that a prediction proposes under ``constraint``, in the order of slot and row, not yet ranked.

    ``no`` leaves out the cells of a row outside its group, which are zero in OED: each of them scores 0 and repeats or
    reverses a triplet that is among the candidates anyway, so behind these it changes no rank that counts.
    """
    slot, row, predicate = _CHOICES[constraint](slots.predicates)
    value = slots.predicates[slot, predicate]
    if constraint == "with":
        # The argmax over the 26 columns of a row that is all zeros is column 0, even outside its group (as OED).
        predicate = np.where(value == 0, 0, predicate)
    return Triplets(slots, slot, predicate, _REVERSED_ROW[row], slots.scores[slot] * value)


def _one_a_row(predicates: np.ndarray):
    best = [
        start + predicates[:, start : start + size].argmax(1)
        for start, size in zip(_STARTS, GROUP_SIZES, strict=True)
    ]
    predicate = np.stack(best, axis=1).ravel()
    slots = len(predicates)
    return np.repeat(np.arange(slots), 3), np.tile(np.arange(3), slots), predicate


def _one_a_pair(predicates: np.ndarray):
    predicate = predicates.argmax(1)
    return np.arange(len(predicates)), _row_of(predicate), predicate


def _above_threshold(predicates: np.ndarray):
    chosen = predicates > SEMI_THRESHOLD
    chosen[:, :3] = np.arange(3) == predicates[:, :3].argmax(1)[:, None]
    slot, predicate = np.nonzero(chosen)
    return slot, _row_of(predicate), predicate


def _all_cells(predicates: np.ndarray):
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


def _groups():
    return zip(PREDICATE_GROUPS, GROUP_SIZES, strict=True)


def _are_probabilities(*arrays: np.ndarray) -> bool:
    # NaN fails every comparison.
    return all(a.size == 0 or (a.min() >= 0 and a.max() < np.inf) for a in arrays)


def _pairs(frame: FrameGroundTruth | FramePrediction, owner: str):
    boxes = _rows(frame, owner, "boxes", (4,)).astype(np.float64)
    classes = _rows(frame, owner, "classes", (), len(boxes)).astype(np.int64)
    pairs = _rows(frame, owner, "pairs", (2,)).astype(np.int64)
    if not np.isfinite(boxes).all():
        raise ValueError(f"{owner}.boxes holds NaN or infinite values")
    if pairs.size and not (pairs.min() >= 0 and pairs.max() < len(boxes)):
        raise ValueError(
            f"{owner}.pairs names rows {pairs.min()}..{pairs.max()} of {len(boxes)} boxes"
        )
    return pairs, boxes, classes


def _rows(
    frame, owner: str, name: str, tail: tuple[int, ...], rows: int | None = None
) -> np.ndarray:
    array = _as_numpy(getattr(frame, name))
    if array.size == 0 and not rows:
        return array.reshape(0, *tail)
    if array.shape != ((len(array) if rows is None else rows), *tail):
        expected = ("N" if rows is None else rows, *tail)
        raise ValueError(
            f"{owner}.{name} has shape {array.shape}, expected {expected}".replace("'", "")
        )
    return array


def _as_numpy(array: Array) -> np.ndarray:
    if isinstance(array, torch.Tensor):
        array = array.detach().cpu()
        return (array.float() if array.dtype == torch.bfloat16 else array).numpy()
    return np.asarray(array)
