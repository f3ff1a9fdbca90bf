"""pycocotools' evaluation in two steps: which boxes some frames' detections find, and the AP of what many frames found.

pycocotools keeps a dict a box until the end, of which a data set has millions; here they live as long as a batch.
"""

import contextlib
import io

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval, Params

from vost_sgg.evaluation.matching import positions

_MAX_DETECTIONS = 100
_THRESHOLDS = Params(iouType="bbox").iouThrs  # 0.50, 0.55, ..., 0.95
# A detection: its class, its score, and a bit for each threshold at which it finds a box.
_JUDGED = np.dtype([("label", "<i2"), ("score", "<f8"), ("hits", "<u2")])


def judged(annotated: np.ndarray, detected: np.ndarray) -> np.ndarray:
    """What the detections of some frames find: COCOeval's ``evaluate``.

    Args:
        annotated: (G, 6) float64, rows [frame, class, x0, y0, x1, y1]; frames and classes are small integers.
        detected: (D, 7) likewise, with the score behind.

    Returns:
        An array with the fields ``label``, ``score`` and ``hits`` (bit i: at the i-th threshold) of the 100 surest
        detections of each class in each frame, in the order of frame, class and descending score.
    """
    classes = 1 + int(max(annotated[:, 1].max(initial=0), detected[:, 1].max(initial=0)))
    # As images of one class: what a class has in a frame meets nothing else.
    wanted, found = (rows[:, :2] @ (classes, 1) for rows in (annotated, detected))
    order = np.lexsort((-detected[:, 6], found))  # stable, as COCOeval's: equal scores stay
    order = order[positions(found[order].astype(int)) < _MAX_DETECTIONS]
    detected, found = detected[order], found[order]
    result = np.zeros(len(detected), _JUDGED)
    result["label"], result["score"] = detected[:, 1], detected[:, 6]
    sought = np.isin(found, wanted)
    if sought.any():
        matches = _matches((wanted, annotated[:, 2:]), (found[sought], detected[sought, 2:6]))
        result["hits"][sought] = (1 << np.arange(len(_THRESHOLDS))) @ matches
    return result


def average_precision(detections: np.ndarray, annotated: int) -> np.ndarray:
    """(10,) AP of one class at each threshold: COCOeval's ``accumulate``.

    Args:
        detections: of ``judged``, of this class, frame by frame.
        annotated: how many boxes of the class are annotated.
    """
    evaluation = COCOeval(iouType="bbox")
    parameters = evaluation._paramsEval = evaluation.params
    parameters.imgIds = parameters.catIds = [1]
    parameters.areaRng, parameters.maxDets = [[-np.inf, np.inf]], [len(detections)]
    precision = []
    for bit, threshold in enumerate(_THRESHOLDS):  # one at a time: it needs 40 bytes a detection
        parameters.iouThrs = [threshold]
        matches = (detections["hits"][None] >> bit & 1).astype(bool)
        evaluation.evalImgs = [
            {
                "dtScores": detections["score"],
                "dtMatches": matches,
                "dtIgnore": np.zeros_like(matches),
                "gtIgnore": np.zeros(annotated, bool),
            }
        ]
        with _silence():
            evaluation.accumulate()
        precision.append(evaluation.eval["precision"].mean())
    return np.array(precision)


def _matches(annotated: tuple, detected: tuple) -> np.ndarray:
    """(10, D) bool of detections that are sorted by image and descending score; each is an (images, boxes) pair."""
    with _silence():
        evaluation = COCOeval(_as_coco(*annotated), _as_coco(*detected), "bbox")
        parameters = evaluation.params
        parameters.maxDets, parameters.areaRng = [_MAX_DETECTIONS], [[-np.inf, np.inf]]
        evaluation.evaluate()
    return np.concatenate([image["dtMatches"] for image in evaluation.evalImgs], axis=1) > 0


def _as_coco(images: np.ndarray, boxes: np.ndarray) -> COCO:
    """pycocotools' data set of boxes of one class, the surest first."""
    sizes = boxes[:, 2:] - boxes[:, :2]
    rows = zip(
        images.tolist(),
        np.concatenate((boxes[:, :2], sizes), axis=1).tolist(),
        sizes.prod(1).tolist(),
        strict=True,
    )
    coco = COCO()
    coco.dataset = {
        "images": [{"id": image} for image in np.unique(images).tolist()],
        "annotations": [
            {
                "id": number,
                "image_id": image,
                "category_id": 1,
                "bbox": box,
                "area": area,
                "iscrowd": 0,
                "score": -number,
            }
            for number, (image, box, area) in enumerate(rows, start=1)  # 0 would mean "unmatched"
        ],
        "categories": [{"id": 1}],
    }
    coco.createIndex()
    return coco


def _silence():
    """pycocotools prints what it does, always."""
    return contextlib.redirect_stdout(io.StringIO())
