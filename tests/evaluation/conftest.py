"""Random frames as a detector sees them, with the awkward cases: ties, zeros, empty frames, duplicated boxes."""

import numpy as np
import pytest

from vost_sgg.structures import FrameGroundTruth, FramePrediction


def _boxes(rng, count, size):
    corner = rng.uniform(0, 0.6, (count, 2))
    side = rng.uniform(0.1, 0.4, (count, 2))
    return (np.concatenate([corner, corner + side], axis=1) * np.tile(size, 2)).astype(np.float32)


def _truth(rng, num_classes):
    pairs = int(rng.integers(0, 5))
    size = [(480, 270), (270, 480)][rng.integers(2)]
    classes = np.concatenate([[0], rng.integers(1, num_classes, pairs)])
    labels = [rng.random((pairs, n)) < p for n, p in ((3, 0.4), (6, 0.3), (17, 0.15))]
    index = np.stack([np.zeros(pairs, int), 1 + np.arange(pairs)], axis=1)
    return FrameGroundTruth(_boxes(rng, 1 + pairs, size), classes, index, *labels, size=size)


def _given(truth, rng):
    """Boxes and classes of the annotation: PredCLS."""
    return truth.boxes.copy(), truth.classes.copy(), np.ones(len(truth.boxes)), truth.pairs.copy()


def _detected(truth, rng, num_classes):
    """Jittered copies of annotated boxes, each several times: SGDET."""
    slots = int(rng.integers(0, 20))
    things = rng.integers(0, len(truth.boxes), slots)
    jitter = rng.normal(0, rng.choice([0, 4, 30]), (2 * slots, 4))
    boxes = np.concatenate([np.repeat(truth.boxes[:1], slots, 0), truth.boxes[things]]) + jitter
    boxes = np.concatenate(
        [np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])], axis=1
    )
    guess = np.where(
        rng.random(slots) < 0.7, truth.classes[things], rng.integers(-1, num_classes, slots)
    )
    classes = np.concatenate([np.zeros(slots, int), guess])
    scores = np.concatenate([np.ones(slots), rng.integers(0, 5, slots) / 4])
    pairs = np.stack([np.arange(slots), slots + np.arange(slots)], axis=1)
    return boxes, classes, scores, pairs


def _prediction(rng, truth, task, grid, num_classes):
    given = _given(truth, rng) if task == "predcls" else _detected(truth, rng, num_classes)
    pairs = len(given[-1])
    scores = [rng.random((pairs, n)).astype(np.float32) for n in (3, 6, 17)]
    if grid:  # equal scores, and exact 0 and 1
        scores = [np.round(s * grid) / grid for s in scores]
        scores = [s * (rng.random((pairs, 1)) < 0.8) for s in scores]
    return FramePrediction(*given, *scores)


@pytest.fixture
def random_frames():
    """Makes ``count`` (ground truth, prediction) frames; ``grid`` is the number of steps between equal scores."""

    def make(count, task="sgdet", seed=0, grid=None, num_classes=5):
        rng = np.random.default_rng(seed)
        truths = [_truth(rng, num_classes) for _ in range(count)]
        return [(truth, _prediction(rng, truth, task, grid, num_classes)) for truth in truths]

    return make
