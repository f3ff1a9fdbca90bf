"""Files of results as evaluations write them, with numbers of one's choice."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import yaml

from tests.random_frames import random_ground_truth
from vost_sgg.data.vocabulary import PREDICATE_CLASSES
from vost_sgg.evaluation import SceneGraphRecall
from vost_sgg.evaluation.results import results_document
from vost_sgg.structures import FramePrediction

BASELINE = "frequency baseline"


@cache
def _evaluated(task: str, **rules) -> str:
    """A real evaluation of a few frames, as JSON."""
    recall = SceneGraphRecall(task, **rules)
    rng = np.random.default_rng(0)
    for _ in range(3):
        truth = random_ground_truth(rng, 3)
        scores = np.ones(len(truth.boxes))
        labels = (truth.attention, truth.spatial, truth.contacting)
        recall.update(
            truth,
            FramePrediction(
                truth.boxes, truth.classes, scores, truth.pairs, *(a.astype(float) for a in labels)
            ),
        )
    names = {"dataset": "tiny_test", "frame_rule": "oed", "predicate_names": PREDICATE_CLASSES}
    return json.dumps(results_document({"model": recall}, **names))


def results(method="OED", value=0.5, *, baseline=None, task="predcls", changes=(), **rules) -> dict:
    """A results document in which all of the model's recalls are ``value``.

    Args:
        baseline: the same of the frequency baseline; None: it was not scored.
        changes: fields with other values.
        rules: of ``SceneGraphRecall``.
    """
    document = json.loads(_evaluated(task, **rules)) | dict(changes)
    (scores,) = document["methods"].values()
    values = {method: value} | ({} if baseline is None else {BASELINE: baseline})
    document["methods"] = {name: _filled(scores, number) for name, number in values.items()}
    return document


def _filled(node, number: float):
    if isinstance(node, dict):
        return {key: _filled(value, number) for key, value in node.items()}
    return [number] * len(node) if isinstance(node, list) else number


def write_run(folder: Path, document: dict, **config) -> str:
    """Writes a run's folder: the results and, if keys are given, its config; returns the folder's path."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"scene_graph_recall_{document['dataset']}.json"
    (folder / name).write_text(json.dumps(document))
    if config:
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return str(folder)
