"""The JSON file of an evaluation: every number of the table and what made it."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from detectron2.utils.file_io import PathManager

from vost_sgg.evaluation.recall import SceneGraphRecall
from vost_sgg.evaluation.slots import NUM_PREDICATES

FORMAT_VERSION = 1


def results_document(
    methods: Mapping[str, SceneGraphRecall],
    *,
    dataset: str,
    frame_rule: str,
    predicate_names: Sequence[str],
) -> dict:
    """The content of ``scene_graph_recall_<dataset>.json``; its fields are listed in docs/evaluation.md.

    Args:
        methods: name -> its recall. All are of one protocol and of the same frames.
    """
    recall = next(iter(methods.values()))
    return {
        "format_version": FORMAT_VERSION,
        "dataset": dataset,
        "frame_rule": frame_rule,
        "protocol": asdict(recall.protocol),
        "frames": recall.frames,
        "frames_without_pairs": recall.frames_without_pairs,
        "mean_recall": {
            "mR": "per_class_pooled",
            "mR_frame": "per_frame",
            "divisor": NUM_PREDICATES,
        },
        "predicates": list(predicate_names),
        "predicate_counts": recall.predicate_counts,
        "methods": {
            name: {"recall": r.compute(), "per_predicate": r.per_predicate()}
            for name, r in methods.items()
        },
    }


def write_results(document: dict, path: str) -> None:
    """Writes ``document`` as JSON: to a temporary name, then renamed."""
    temporary = f"{path}.part"
    with PathManager.open(temporary, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=1, allow_nan=False)
    os.replace(PathManager.get_local_path(temporary), PathManager.get_local_path(path))
