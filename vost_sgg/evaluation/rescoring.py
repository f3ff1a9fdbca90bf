"""Scoring a prediction file against annotations, without a model."""

from collections.abc import Container, Mapping

import numpy as np

from vost_sgg.evaluation.prediction_file import ROWS, PredictionFile
from vost_sgg.evaluation.scene_graph_scores import SceneGraphScores
from vost_sgg.structures import FrameGroundTruth, FramePrediction

_NOTHING = FramePrediction(
    **{name: np.zeros((0, width) if width else 0, dtype) for name, (dtype, width) in ROWS.items()}
)


def rescore(
    file: PredictionFile, annotations: Mapping[str, FrameGroundTruth], scores: SceneGraphScores
) -> list[str]:
    """Adds every annotated frame, in the order of ``annotations``, to ``scores``.

    Args:
        annotations: image id -> annotation.

    Returns:
        Image ids of the frames that the file has no prediction of: each is scored as a prediction without pairs.

    Raises:
        ValueError: the file predicts a frame that is not annotated, or a prediction is wrong; the message names both.
    """
    check_frames(file, annotations)
    missing = []
    for image_id, ground_truth in annotations.items():
        if image_id not in file:
            missing.append(image_id)
        try:
            scores.update(ground_truth, prediction_of(file, image_id))
        except ValueError as error:
            raise ValueError(f"{file.path}, frame {image_id}: {error}") from None
    return missing


def prediction_of(file: PredictionFile, image_id: str) -> FramePrediction:
    """What the file says of a frame, without pairs where it says nothing. Raises ValueError as ``file.prediction``."""
    return file.prediction(image_id) if image_id in file else _NOTHING


def check_frames(file: PredictionFile, annotated: Container[str]) -> None:
    """Raises ValueError if the file predicts a frame whose image id is not among the annotated ones."""
    unknown = [image_id for image_id in file.image_ids if image_id not in annotated]
    if unknown:
        raise ValueError(
            f"{file.path}: {len(unknown)} of its {len(file)} frames are not in the data set, such as {unknown[0]}: "
            "name the data set that was predicted (--dataset)"
        )


def check_vocabulary(file: PredictionFile, metadata) -> None:
    """Raises ValueError, with the first difference, if the file's vocabulary is not the data set's, in its order."""
    for kind, ours, theirs in (
        ("object class", metadata.thing_classes, file.header.objects),
        ("predicate", metadata.predicate_classes, file.header.predicates),
    ):
        if list(ours) != list(theirs):
            pairs = enumerate(zip(theirs, ours, strict=False))
            differences = [f"{i} is {a}, here {b}" for i, (a, b) in pairs if a != b]
            reason = differences[0] if differences else f"it has {len(theirs)}, here {len(ours)}"
            raise ValueError(
                f"{file.path} has another vocabulary than the data set: {kind} {reason}"
            )
