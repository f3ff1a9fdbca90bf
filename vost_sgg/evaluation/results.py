"""The JSON file of an evaluation: every number of the table and what made it."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from detectron2.utils.file_io import PathManager

from vost_sgg.evaluation.object_ap import PERSON, mean_over_objects
from vost_sgg.evaluation.protocols import Protocol
from vost_sgg.evaluation.recall import SceneGraphRecall
from vost_sgg.evaluation.slots import NUM_PREDICATES
from vost_sgg.whole_files import replaced

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
        "protocol_frame_rule": recall.protocol.frame_rule,
        "frames": recall.frames,
        "frames_without_pairs": recall.frames_without_pairs,
        "frames_without_prediction": recall.frames_without_prediction,
        "mean_recall": {
            "mR": "per_class_pooled",
            "mR_frame": "per_frame",
            "divisor": NUM_PREDICATES,
        },
        "predicates": list(predicate_names),
        "predicate_counts": recall.predicate_counts,
        "predicate_split": {
            part: [predicate_names[p] for p in members]
            for part, members in recall.predicate_split.items()
        },
        "unseen": recall.unseen,
        "methods": {
            name: {
                "recall": r.compute(),
                "per_predicate": r.per_predicate(),
                "analysis": r.analysis(),
            }
            for name, r in methods.items()
        },
    }


def scored(document: Mapping) -> str:
    """What was scored: ``ag_sample_test (frame rule oed), 1391 frames``."""
    return (
        f"{document['dataset']} (frame rule {document['frame_rule']}), {document['frames']} frames"
    )


def scored_by(document: Mapping) -> str:
    """The header line of a table of ``document``: its protocol and what was scored."""
    return f"{Protocol(**document['protocol']).describe()}; {scored(document)}"


def object_ap_document(
    by_class: Mapping[int, Mapping[str, float]], class_names: Sequence[str] | None
) -> dict:
    """The field ``object_ap``: means over the object classes, the person apart where it counts, and each class.

    Args:
        by_class: what ``ObjectAP.compute`` returns.
        class_names: of the class ids; None: the ids are written.
    """
    names = {label: class_names[label] if class_names else str(label) for label in by_class}
    return {
        **mean_over_objects(by_class),
        **({"person": by_class[PERSON]} if PERSON in by_class else {}),
        "per_class": {names[label]: value for label, value in by_class.items() if label != PERSON},
    }


def write_results(document: dict, path: str) -> None:
    """Writes ``document`` as JSON: to a temporary name, then renamed. Missing folders are made."""
    PathManager.mkdirs(os.path.dirname(path) or ".")
    with replaced(path, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=1, allow_nan=False)
