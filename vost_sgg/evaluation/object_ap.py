"""``ObjectAP``: COCO's average precision of boxes, over any number of frames and processes."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from vost_sgg.evaluation.coco_matching import average_precision, judged
from vost_sgg.evaluation.slots import annotated_entities, predicted_entities
from vost_sgg.structures import FrameGroundTruth, FramePrediction

PERSON = 0
# Frames that are compared together: enough to spread what a call of pycocotools costs.
_BATCH = 64


class ObjectAP:
    """AP as COCO's: IoU 0.50 to 0.95, all box sizes, the 100 surest detections of a class in a frame, no threshold.

    What is kept of a detection are 12 bytes: class, score, and the thresholds at which it finds a box. Frames are
    ranked in the order in which they came, so that processes that hold consecutive frames add up to what one process
    finds, to the bit.

    Args:
        person: whether the person counts; else its boxes are left out on both sides.
    """

    def __init__(self, *, person: bool = True):
        self.frames = 0
        self._first_class = PERSON if person else PERSON + 1
        self._annotated = Counter()  # class -> boxes
        self._judged: list[np.ndarray] = []
        # Rows [frame, class, x0, y0, x1, y1], and a score behind them in the detections.
        self._waiting: list[tuple[np.ndarray, np.ndarray]] = []

    def update(
        self,
        ground_truth: FrameGroundTruth,
        prediction: FramePrediction,
        rows: Sequence[int] | None = None,
    ) -> None:
        """Adds a frame. Neither argument is changed.

        Args:
            rows: which of the prediction's boxes are detections; None: all.

        Raises:
            ValueError: an array has a wrong shape, or a score is NaN, negative or above 1.
        """
        boxes, classes = annotated_entities(ground_truth)
        annotated = self._table(classes, boxes)
        boxes, classes, scores = predicted_entities(prediction)
        kept = np.arange(len(boxes)) if rows is None else np.asarray(rows)
        self._waiting.append((annotated, self._table(classes[kept], boxes[kept], scores[kept])))
        self.frames += 1
        if len(self._waiting) == _BATCH:
            self._judge_waiting()

    def compute(self) -> dict[int, dict[str, float]]:
        """``AP`` and ``AP50`` (fractions) of each class that is annotated, in ascending order of the class ids."""
        self._judge_waiting()
        result = {}
        for label, count in sorted(self._annotated.items()):
            found = [part[part["label"] == label] for part in self._judged]
            precision = average_precision(np.concatenate(found), count)
            result[label] = {"AP": float(precision.mean()), "AP50": float(precision[0])}
        return result

    def state(self) -> dict:
        """What ``merge_state`` of another process needs: numbers and arrays."""
        self._judge_waiting()
        return {
            "frames": self.frames,
            "annotated": dict(self._annotated),
            "judged": list(self._judged),
        }

    def merge_state(self, state: dict) -> None:
        """Adds the frames of another ``ObjectAP`` by its ``state()``, behind those that are here."""
        self._judge_waiting()
        self.frames += state["frames"]
        self._annotated.update(state["annotated"])
        self._judged.extend(state["judged"])

    def _table(self, classes: np.ndarray, boxes: np.ndarray, *scores: np.ndarray) -> np.ndarray:
        frame = np.full(len(boxes), len(self._waiting))
        rows = np.column_stack((frame, classes, boxes, *scores)).astype(np.float64)
        return rows[classes >= self._first_class]

    def _judge_waiting(self) -> None:
        if not self._waiting:
            return
        annotated, detected = (np.concatenate(rows) for rows in zip(*self._waiting, strict=True))
        self._waiting = []
        self._annotated.update(annotated[:, 1].astype(int).tolist())
        self._judged.append(judged(annotated, detected))


def mean_over_objects(by_class: Mapping[int, Mapping[str, float]]) -> dict[str, float]:
    """What ``ObjectAP.compute`` gives -> ``AP`` and ``AP50``, means over its object classes; {} if it has none."""
    values = [value for label, value in by_class.items() if label != PERSON]
    return {k: float(np.mean([v[k] for v in values])) for k in ("AP", "AP50")} if values else {}
