"""Frames a second of the evaluator, on made-up predictions."""

import statistics
import time

import numpy as np
from tqdm import tqdm

from vost_sgg.engine.benchmark.inputs import SEED, made_up_ground_truth
from vost_sgg.evaluation import SceneGraphRecall
from vost_sgg.structures import FrameGroundTruth, FramePrediction

CONSTRAINTS = ("with", "semi", "no")
_SIZE = (480, 270)
_SLOTS = 100  # pairs that SGDET predicts a frame


def benchmark_evaluator(frames: int, repeats: int) -> dict:
    """Frames a second of :class:`SceneGraphRecall`, every K and both averagings, median of ``repeats`` passes.

    Returns:
        ``settings`` and ``frames_per_second`` of ``sgdet`` (100 pairs a frame) and ``predcls``.
    """
    rates = {}
    for task in tqdm(("sgdet", "predcls"), desc="evaluating"):
        generator = np.random.default_rng(SEED)
        video = [made_up_frame(generator, task) for _ in range(frames)]
        _score(task, video[:100])
        rates[task] = frames / statistics.median(_score(task, video) for _ in range(repeats))
    settings = {
        "frames": frames,
        "repeats": repeats,
        "constraints": list(CONSTRAINTS),
        "pairs": {"sgdet": _SLOTS, "predcls": "as annotated, 1 to 4"},
    }
    return {"settings": settings, "frames_per_second": rates}


def _score(task: str, video: list[tuple[FrameGroundTruth, FramePrediction]]) -> float:
    start = time.perf_counter()
    recall = SceneGraphRecall(task, constraints=CONSTRAINTS)
    for ground_truth, prediction in video:
        recall.update(ground_truth, prediction)
    recall.compute()
    return time.perf_counter() - start


def made_up_frame(
    generator: np.random.Generator, task: str
) -> tuple[FrameGroundTruth, FramePrediction]:
    """A random annotation and a random prediction of ``task`` for it, part of which is right."""
    truth = made_up_ground_truth(generator, int(generator.integers(1, 5)), _SIZE)
    if task == "predcls":
        entities = truth.boxes, truth.classes, np.ones(len(truth.boxes)), truth.pairs
    else:
        entities = _detections(generator, truth)
    count = len(entities[-1])
    attention = generator.dirichlet(np.ones(3), count)
    spatial, contacting = generator.random((count, 6)), generator.random((count, 17))
    return truth, FramePrediction(*entities, attention, spatial, contacting)


def _detections(generator: np.random.Generator, truth: FrameGroundTruth) -> tuple:
    """Annotated boxes moved by some pixels, two in three with the right class: many overlap, as a detector's."""
    chosen = generator.integers(1, len(truth.boxes), _SLOTS)
    rows = np.concatenate((np.zeros(_SLOTS, int), chosen))
    boxes = truth.boxes[rows] + generator.normal(0, 4, (2 * _SLOTS, 4)).astype(np.float32)
    right = generator.random(_SLOTS) < 2 / 3
    classes = np.where(right, truth.classes[chosen], generator.integers(1, 36, _SLOTS))
    scores = np.concatenate((np.ones(_SLOTS), generator.random(_SLOTS)))
    slots = np.arange(_SLOTS)
    pairs = np.stack((slots, _SLOTS + slots), axis=1)
    return boxes, np.concatenate((np.zeros(_SLOTS, int), classes)), scores, pairs
