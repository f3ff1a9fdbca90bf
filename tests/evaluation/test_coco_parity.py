"""ObjectAP equals pycocotools' own evaluation of everything at once, to the bit, however frames are shared out."""

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from vost_sgg.evaluation import ObjectAP
from vost_sgg.structures import FrameGroundTruth, FramePrediction

CLASSES, FRAMES = 5, 150


def boxes_of(rng, count):
    """Few places and sizes: many boxes are equal, or overlap at a threshold."""
    corners, sides = rng.integers(0, 4, (count, 2)) * 10.0, rng.integers(4, 9, (count, 2)) * 10.0
    return np.concatenate((corners, corners + sides), axis=1)


def random_frame(rng):
    """Some frames have no annotation or no detection; one class is never annotated, one never detected; scores are
    few numbers, or all different; now and then a class has more than a hundred detections."""
    count = rng.integers(0, 6)
    truth = FrameGroundTruth(
        boxes_of(rng, count),
        rng.integers(0, CLASSES - 1, count),
        np.zeros((0, 2), int),
        *(np.zeros((0, n), bool) for n in (3, 6, 17)),
        size=(200, 200),
    )
    count = rng.choice([0, 3, 20, 300], p=[0.2, 0.4, 0.37, 0.03])
    scores = rng.integers(0, 4, count) / 3 if rng.random() < 0.5 else rng.random(count)
    nothing = [np.zeros((0, n)) for n in (3, 6, 17)]
    labels = rng.integers(1, CLASSES, count)
    prediction = FramePrediction(
        boxes_of(rng, count), labels, scores, np.zeros((0, 2), int), *nothing
    )
    return truth, prediction


@pytest.fixture(scope="module")
def frames():
    rng = np.random.default_rng(0)
    return [random_frame(rng) for _ in range(FRAMES)]


def as_coco(sides):
    """A data set of one side's (boxes, classes, scores) a frame."""
    coco, annotations = COCO(), []
    for image, (boxes, classes, scores) in enumerate(sides):
        for (x0, y0, x1, y1), label, score in zip(boxes, classes, scores, strict=True):
            area = (x1 - x0) * (y1 - y0)
            box = {"bbox": [x0, y0, x1 - x0, y1 - y0], "area": area, "iscrowd": 0, "score": score}
            number = len(annotations) + 1
            annotations.append({"id": number, "image_id": image, "category_id": label, **box})
    coco.dataset = {
        "images": [{"id": image} for image in range(FRAMES)],
        "categories": [{"id": label} for label in range(CLASSES)],
        "annotations": annotations,
    }
    coco.createIndex()
    return coco


@pytest.fixture(scope="module")
def expected(frames):
    """Class -> (10,) AP of one COCOeval with its own parameters, read at all areas and 100 detections."""
    annotated = as_coco((t.boxes, t.classes, np.ones(len(t.classes))) for t, _ in frames)
    detected = as_coco((p.boxes, p.classes, p.scores) for _, p in frames)
    evaluation = COCOeval(annotated, detected, "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, :, 0, -1]
    return {c: precision[:, :, c].mean(1) for c in range(CLASSES) if precision[0, 0, c] >= 0}


def scored(frames):
    ap = ObjectAP()
    for frame in frames:
        ap.update(*frame)
    return ap


@pytest.mark.parametrize("shares", [(FRAMES,), (64, 86), (0, 1, 0, 129, 20, 0)])
def test_equals_one_cocoeval(frames, expected, shares):
    total, rest = ObjectAP(), iter(frames)
    for share in shares:
        total.merge_state(scored(next(rest) for _ in range(share)).state())
    assert total.frames == FRAMES
    found = total.compute()
    assert {c: v["AP50"] for c, v in found.items()} == {c: v[0] for c, v in expected.items()}
    assert {c: v["AP"] for c, v in found.items()} == {c: v.mean() for c, v in expected.items()}
    assert list(found) == [0, 1, 2, 3] and found[0]["AP"] == 0 < found[1]["AP"] < 1


def test_asking_twice_or_on_the_way_changes_nothing(frames):
    ap = scored(frames[:40])
    ap.compute(), ap.state()
    for frame in frames[40:]:
        ap.update(*frame)
    assert ap.compute() == ap.compute() == scored(frames).compute()


def test_a_detection_is_kept_in_a_few_bytes(frames):
    """What a process holds of its frames, and sends, does not grow by more."""
    state = scored(frames).state()
    detections = sum(len(p.classes) for _, p in frames)
    assert sum(part.nbytes for part in state["judged"]) <= 12 * detections
