"""``ObjectAP``: COCO's average precision of boxes, over any number of frames and processes."""

import contextlib
import io
from collections.abc import Mapping, Sequence

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from vost_sgg.evaluation.slots import annotated_entities, predicted_entities
from vost_sgg.structures import FrameGroundTruth, FramePrediction

MAX_DETECTIONS = 100
PERSON = 0


class ObjectAP:
    """AP as COCO's: IoU 0.50 to 0.95, all box sizes, the 100 surest detections of a class in a frame, no threshold.

    Frames are compared in the order in which they came, so that processes that hold consecutive frames add up to what
    one process finds, to the bit.

    Args:
        person: whether the person counts; else its boxes are left out on both sides.
    """

    def __init__(self, *, person: bool = True):
        self.frames = 0
        self._first_class = PERSON if person else PERSON + 1
        # Rows [frame, class, x0, y0, x1, y1], and a score behind them in the detections.
        self._annotated: list[np.ndarray] = []
        self._detected: list[np.ndarray] = []

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
            ValueError: an array has a wrong shape, or a score is NaN, infinite or negative.
        """
        boxes, classes = annotated_entities(ground_truth)
        self._annotated.append(self._table(classes, boxes))
        boxes, classes, scores = predicted_entities(prediction)
        kept = np.arange(len(boxes)) if rows is None else np.asarray(rows)
        self._detected.append(self._table(classes[kept], boxes[kept], scores[kept]))
        self.frames += 1

    def compute(self) -> dict[int, dict[str, float]]:
        """``AP`` and ``AP50`` (fractions) of each class that is annotated, in ascending order of the class ids."""
        annotated, detected = self._stacked()
        result = {}
        for label in np.unique(annotated[:, 1]).astype(int).tolist():
            precision = _average_precision(
                annotated[annotated[:, 1] == label], detected[detected[:, 1] == label]
            )
            result[label] = {"AP": float(precision.mean()), "AP50": float(precision[0])}
        return result

    def state(self) -> dict:
        """What ``merge_state`` of another process needs: a number and two arrays."""
        annotated, detected = self._stacked()
        return {"frames": self.frames, "annotated": annotated, "detected": detected}

    def merge_state(self, state: dict) -> None:
        """Adds the frames of another ``ObjectAP`` by its ``state()``, behind those that are here."""
        for rows, others in (
            (self._annotated, state["annotated"]),
            (self._detected, state["detected"]),
        ):
            others = others.copy()
            others[:, 0] += self.frames
            rows.append(others)
        self.frames += state["frames"]

    def _table(self, classes: np.ndarray, boxes: np.ndarray, *scores: np.ndarray) -> np.ndarray:
        frame = np.full(len(boxes), self.frames)
        rows = np.column_stack((frame, classes, boxes, *scores)).astype(np.float64)
        return rows[classes >= self._first_class]

    def _stacked(self) -> tuple[np.ndarray, np.ndarray]:
        """(G, 6) annotated rows and (D, 7) detections of all frames."""
        return (
            np.concatenate([np.zeros((0, 6)), *self._annotated]),
            np.concatenate([np.zeros((0, 7)), *self._detected]),
        )


def mean_over_objects(by_class: Mapping[int, Mapping[str, float]]) -> dict[str, float]:
    """What ``ObjectAP.compute`` gives -> ``AP`` and ``AP50``, means over its object classes; {} if it has none."""
    values = [value for label, value in by_class.items() if label != PERSON]
    return {k: float(np.mean([v[k] for v in values])) for k in ("AP", "AP50")} if values else {}


def _average_precision(annotated: np.ndarray, detected: np.ndarray) -> np.ndarray:
    """(10,) AP of one class at the IoU thresholds 0.50, 0.55, ..., 0.95.

    One class at a time: COCOeval keeps a dict a detection, of which a data set has millions.
    """
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what it does, always
        evaluation = COCOeval(_as_coco(annotated), _as_coco(detected), "bbox")
        parameters = evaluation.params
        parameters.imgIds = np.unique(np.concatenate((annotated[:, 0], detected[:, 0]))).tolist()
        parameters.maxDets = [MAX_DETECTIONS]
        parameters.areaRng, parameters.areaRngLbl = [[0, np.inf]], ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
    # (thresholds, recalls, 1 class, 1 area, 1 limit)
    return evaluation.eval["precision"][:, :, 0, 0, 0].mean(axis=1)


def _as_coco(rows: np.ndarray) -> COCO:
    """pycocotools' data set of rows of one class."""
    coco = COCO()
    annotations = []
    for number, (frame, _, x0, y0, x1, y1, *score) in enumerate(rows.tolist(), start=1):
        annotation = {
            "id": number,  # 0 would mean "unmatched"
            "image_id": frame,
            "category_id": 1,
            "bbox": [x0, y0, x1 - x0, y1 - y0],
            "area": (x1 - x0) * (y1 - y0),
            "iscrowd": 0,
        }
        annotations.append(annotation | ({"score": score[0]} if score else {}))
    images = [{"id": frame} for frame in np.unique(rows[:, 0]).tolist()]
    coco.dataset = {"images": images, "annotations": annotations, "categories": [{"id": 1}]}
    coco.createIndex()
    return coco
