"""The pairs of a frame as checked arrays: the form in which annotations and predictions are scored."""

from dataclasses import dataclass

import numpy as np
import torch

from vost_sgg.structures import PREDICATE_GROUPS, Array, FrameGroundTruth, FramePrediction

# Attention, spatial, contacting.
GROUP_SIZES = (3, 6, 17)
NUM_PREDICATES = sum(GROUP_SIZES)
# Object classes with the person.
NUM_CLASSES = 36
# What rounding in half precision may make of a probability of 1.
_HIGHEST = 1 + 1e-3
_NOT_PROBABILITIES = (
    "prediction.{field} holds NaN, infinite or negative values, or values above 1: "
    "scores must be probabilities (after softmax or sigmoid), not logits"
)


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
        raise ValueError(_NOT_PROBABILITIES.format(field=wrong[0]))
    pair_scores = scores[pairs[:, 0]] * scores[pairs[:, 1]]
    return PairSlots(classes[pairs], boxes[pairs], pair_scores, probabilities)


def annotated_entities(ground_truth: FrameGroundTruth) -> tuple[np.ndarray, np.ndarray]:
    """(M, 4) boxes and (M,) classes of one frame, checked. Raises ValueError that names the field at fault."""
    _, boxes, classes = _pairs(ground_truth, "ground_truth")
    return boxes, classes


def predicted_entities(
    prediction: FramePrediction,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(P, 4) boxes, (P,) classes, (P,) scores, likewise."""
    _, boxes, classes = _pairs(prediction, "prediction")
    scores = _rows(prediction, "prediction", "scores", (), len(boxes)).astype(np.float64)
    if not _are_probabilities(scores):
        raise ValueError(_NOT_PROBABILITIES.format(field="scores"))
    return boxes, classes, scores


def check_classes(
    classes: np.ndarray, owner: str = "prediction", *, lowest: int = -1, count: int = NUM_CLASSES
) -> None:
    """Raises ValueError if one of the integer ``classes`` is outside the vocabulary of ``count`` classes.

    -1, the class that OED's head has and never uses, may be predicted.
    """
    classes = np.asarray(classes, np.int64)
    if not _are_between(classes, lowest, count - 1):
        wrong = classes[(classes < lowest) | (classes >= count)][0]
        raise ValueError(
            f"{owner}.classes holds {wrong}, outside the vocabulary of {count} classes, 0 to {count - 1}"
        )


def _are_between(numbers: np.ndarray, lowest: int, highest: int) -> bool:
    # As an unsigned number what lies below the lowest is huge: one pass looks at both ends.
    shifted = numbers - lowest if lowest else numbers
    return numbers.size == 0 or shifted.view(np.uint64).max() <= highest - lowest


def _groups():
    return zip(PREDICATE_GROUPS, GROUP_SIZES, strict=True)


def _are_probabilities(*arrays: np.ndarray) -> bool:
    # NaN fails every comparison.
    return all(a.size == 0 or (a.min() >= 0 and a.max() <= _HIGHEST) for a in arrays)


def _pairs(frame: FrameGroundTruth | FramePrediction, owner: str):
    boxes = _rows(frame, owner, "boxes", (4,)).astype(np.float64)
    classes = _rows(frame, owner, "classes", (), len(boxes)).astype(np.int64)
    pairs = _rows(frame, owner, "pairs", (2,)).astype(np.int64)
    if not np.isfinite(boxes).all():
        raise ValueError(f"{owner}.boxes holds NaN or infinite values")
    if not _are_between(pairs, 0, len(boxes) - 1):
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
