"""Speed and memory of the evaluator, on made-up predictions."""

import statistics
import tempfile
import time
from collections.abc import Sequence

import numpy as np
from detectron2.data import MetadataCatalog
from tqdm import tqdm

from vost_sgg.engine.benchmark.fresh_process import in_fresh_process, process_peak
from vost_sgg.engine.benchmark.inputs import SEED, made_up_ground_truth
from vost_sgg.evaluation import ObjectAP, SceneGraphEvaluator, SceneGraphRecall
from vost_sgg.structures import FrameGroundTruth, FramePrediction

CONSTRAINTS = ("with", "semi", "no")
_SIZE = (480, 270)
_SLOTS = 100  # pairs that SGDET predicts a frame
_NAME = "made_up_evaluation"


def benchmark_evaluator(frames: int, repeats: int, memory: Sequence[int] = ()) -> dict:
    """Frames a second of :class:`SceneGraphRecall`, every K and both averagings, and of SGDET's :class:`ObjectAP`,
    medians of ``repeats`` passes; memory of evaluations of as many frames as ``memory`` lists.

    Returns:
        ``settings``; ``frames_per_second`` of ``sgdet`` (100 pairs a frame), ``object AP`` of the same and ``predcls``;
        ``memory``: for each number of frames what :func:`evaluation_memory` returns.
    """
    generator = np.random.default_rng(SEED)
    rates = {}
    for name in tqdm(("sgdet", "object AP", "predcls"), desc="evaluating"):
        video = [made_up_frame(generator, name) for _ in range(frames)]
        _seconds(name, video[:100])
        rates[name] = frames / statistics.median(_seconds(name, video) for _ in range(repeats))
    settings = {
        "frames": frames,
        "repeats": repeats,
        "constraints": list(CONSTRAINTS),
        "pairs": {"sgdet": _SLOTS, "predcls": "as annotated, 1 to 4"},
    }
    held = {str(n): in_fresh_process(evaluation_memory, n) for n in tqdm(memory, desc="memory")}
    return {"settings": settings, "frames_per_second": rates, "memory": held}


def evaluation_memory(frames: int) -> dict[str, int]:
    """Bytes that this process holds at most in an evaluation of SGDET, from predictions to the results and the
    prediction file, and those that it held before, of its imports."""
    imports = process_peak()
    MetadataCatalog.get(_NAME).set(
        thing_classes=[f"class {i}" for i in range(36)],
        predicate_classes=[f"predicate {i}" for i in range(26)],
    )
    generator = np.random.default_rng(SEED)
    with tempfile.TemporaryDirectory() as folder:
        evaluator = SceneGraphEvaluator(
            dataset_name=_NAME, task="sgdet", constraints=CONSTRAINTS, output_dir=folder
        )
        for number in range(frames):
            image_id = f"{number // 30:05d}.mp4/{number % 30:06d}.png"
            evaluator.update(*made_up_frame(generator, "sgdet"), image_id)
        evaluator.evaluate()
    return {"imports_bytes": imports, "peak_bytes": process_peak()}


def _seconds(name: str, video: list[tuple[FrameGroundTruth, FramePrediction]]) -> float:
    start = time.perf_counter()
    if name == "object AP":
        scores = ObjectAP(person=False)
    else:
        scores = SceneGraphRecall(name, constraints=CONSTRAINTS)
    for ground_truth, prediction in video:
        scores.update(ground_truth, prediction)
    scores.compute()
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
