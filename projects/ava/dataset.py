"""AVA as detectron2 dataset dicts: the keyframes in which somebody does what Action Genome has a predicate for."""

import logging
import os
from itertools import groupby

import numpy as np
from detectron2.structures import BoxMode
from detectron2.utils.file_io import PathManager
from detectron2.utils.logger import log_first_n
from PIL import Image

from projects.ava.actions import action_labels
from projects.ava.annotations import Annotations, Person, read_annotations
from projects.ava.keyframes import png_name
from vost_sgg.evaluation.slots import GROUP_SIZES
from vost_sgg.structures import PREDICATE_GROUPS


def load_ava(root: str, split: str) -> list[dict]:
    """AVA's keyframes as dataset dicts of this library, sorted by video and second.

    A dict has the fields of ``vost_sgg.data.action_genome.load_action_genome``, where ``annotations`` are all annotated
    persons of the keyframe, boxes in pixels, there are no pairs, ``frame_number`` is the second of the movie and
    ``image_id`` is "VIDEO/000902.png"; and besides::

        person_ids       AVA's, one a person
        person_actions   (M, 7) bool, which of ``projects.ava.actions.ACTIONS`` each person does; a row may be empty

    A keyframe whose file is not there is left out; how many are is logged.

    Args:
        root: folder with ``annotations/`` (the official files) and ``frames/`` (of projects/ava/keyframes.py).
        split: "train" or "val".

    Raises:
        FileNotFoundError: an annotation file is missing, or there is no frame at all.
        ValueError: as ``read_annotations``.
    """
    annotations = read_annotations(os.path.join(root, "annotations"), split)
    kept, missing_clips, missing_keyframes = [], [], []
    videos = groupby(annotations.overlapping().items(), key=lambda item: item[0][0])
    for video, keyframes in videos:
        folder = os.path.join(root, "frames", video)
        there = set(PathManager.ls(folder)) if PathManager.isdir(folder) else set()
        keyframes = [(second, persons) for (_, second), persons in keyframes]
        found = [item for item in keyframes if png_name(item[0]) in there]
        if not found:
            missing_clips.append(video)
            continue
        missing_keyframes += [f"{video}/{s}" for s, _ in keyframes if png_name(s) not in there]
        kept.append((video, folder, found))
    _report(root, split, annotations, missing_clips, missing_keyframes)
    if not kept:
        raise FileNotFoundError(
            f"{root}/frames has no keyframe of split {split}: dump them with projects/ava/keyframes.py"
        )
    return [
        record
        for video_index, (video, folder, found) in enumerate(kept)
        for record in _records(video, video_index, folder, found)
    ]


def _records(video: str, video_index: int, folder: str, found: list) -> list[dict]:
    with PathManager.open(os.path.join(folder, png_name(found[0][0])), "rb") as file:
        width, height = Image.open(file).size  # of the header; a clip has one size
    return [
        {
            "file_name": os.path.join(folder, png_name(second)),
            "image_id": f"{video}/{png_name(second)}",
            "height": height,
            "width": width,
            "video_id": video,
            "video_index": video_index,
            "frame_index": frame_index,
            "frame_number": second,
            **_scene(persons, np.array([width, height, width, height])),
        }
        for frame_index, (second, persons) in enumerate(found)
    ]


def _scene(persons: tuple[Person, ...], frame: np.ndarray) -> dict:
    return {
        "annotations": [
            {
                "bbox": (np.array(person.box) * frame).tolist(),
                "bbox_mode": BoxMode.XYXY_ABS,
                "category_id": 0,
            }
            for person in persons
        ],
        "pairs": np.zeros((0, 2), np.int64),
        **{
            group: np.zeros((0, size), bool)
            for group, size in zip(PREDICATE_GROUPS, GROUP_SIZES, strict=True)
        },
        "person_ids": [person.person_id for person in persons],
        "person_actions": np.stack([action_labels(person.actions) for person in persons]),
    }


def _report(root: str, split: str, annotations: Annotations, clips: list, keyframes: list) -> None:
    overlapping = annotations.overlapping()
    samples = sum(person.overlaps for persons in overlapping.values() for person in persons)
    # An evaluation reads its data set several times, and says what is in it once.
    counts = (
        f"{root}, split {split}: {len(annotations.persons):,} annotated keyframes ({annotations.excluded:,} more are "
        f"excluded), {len(overlapping):,} of them with {samples:,} persons of the seven actions; "
        f"{annotations.clipped:,} rows had a box beyond [0, 1]"
    )
    log_first_n(logging.INFO, counts, name=__name__, key="message")
    for missing, what in ((clips, "videos without any keyframe"), (keyframes, "missing keyframes")):
        if missing:
            warning = (
                f"{root}/frames: {len(missing):,} {what}, left out, such as {missing[0]}; all of them: "
                f"frames/report_{split}.json of projects/ava/keyframes.py"
            )
            log_first_n(logging.WARNING, warning, name=__name__, key="message")
