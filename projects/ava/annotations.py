"""AVA's official csv files, read and checked: who does what in which keyframe."""

import csv
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass

from detectron2.utils.file_io import PathManager

from projects.ava.actions import NUM_AVA_CLASSES, action_labels, check_label_map

SPLITS = ("train", "val")
# Either of them; the second lists the 60 classes of the ActivityNet challenge.
LABEL_MAPS = ("ava_action_list_v2.2.pbtxt", "ava_action_list_v2.2_for_activitynet_2019.pbtxt")
# (video id, second of the movie).
Keyframe = tuple[str, int]


@dataclass(frozen=True)
class Person:
    """One person of one keyframe.

    Args:
        person_id: AVA's; the same person has the same one in neighbouring keyframes.
        box: xyxy in [0, 1].
        actions: ids of AVA's 80 classes, sorted.
    """

    person_id: int
    box: tuple[float, float, float, float]
    actions: tuple[int, ...]

    @property
    def overlaps(self) -> bool:
        """Whether any of the actions is one of the seven that Action Genome has predicates for."""
        return bool(action_labels(self.actions).any())


@dataclass(frozen=True)
class Annotations:
    """A split's annotation.

    Args:
        persons: of each keyframe that is not excluded, sorted by video and second.
        excluded: keyframes with annotated persons that AVA excludes.
        clipped: rows whose box reached outside of [0, 1] and was cut off there.
    """

    persons: dict[Keyframe, tuple[Person, ...]]
    excluded: int
    clipped: int

    def overlapping(self) -> dict[Keyframe, tuple[Person, ...]]:
        """The keyframes in which a person does one of the seven actions, with all of their persons."""
        return {k: p for k, p in self.persons.items() if any(person.overlaps for person in p)}


def csv_files(split: str) -> tuple[str, str]:
    """The names of a split's csv files: persons, excluded timestamps."""
    return f"ava_{split}_v2.2.csv", f"ava_{split}_excluded_timestamps_v2.2.csv"


def read_annotations(folder: str, split: str) -> Annotations:
    """Reads a split's two csv files, and checks the label map beside them.

    Rows of one keyframe with the same person id and box are one person with several actions. A box that reaches outside
    of the frame is cut off at its border.

    Args:
        folder: with AVA v2.2's files, under their official names.
        split: "train" or "val".

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: the split is unknown, or a file is malformed; the message names file and line.
    """
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}; AVA's csv files are of {' and '.join(SPLITS)}")
    _check_files(folder, split)
    rows, exclusions = (os.path.join(folder, name) for name in csv_files(split))
    excluded = {key for _, (key, _) in _lines(exclusions, 2)}
    actions: dict[Keyframe, dict[tuple, set[int]]] = {}
    clipped = 0
    for where, (key, fields) in _lines(rows, 8):
        box, was_clipped = _box(fields[:4], where)
        person = _integer(fields[5], "person id", where), box
        actions.setdefault(key, {}).setdefault(person, set()).add(_action(fields[4], where))
        clipped += was_clipped
    persons = {
        key: tuple(Person(*person, tuple(sorted(ids))) for person, ids in actions[key].items())
        for key in sorted(actions.keys() - excluded)
    }
    return Annotations(persons, len(actions.keys() & excluded), clipped)


def _check_files(folder: str, split: str) -> None:
    names = list(csv_files(split))
    maps = [name for name in LABEL_MAPS if PathManager.isfile(os.path.join(folder, name))]
    missing = [name for name in names if not PathManager.isfile(os.path.join(folder, name))]
    missing += [] if maps else [LABEL_MAPS[0]]
    if missing:
        raise FileNotFoundError(
            f"{folder} lacks {', '.join(missing)}: put AVA v2.2's annotation files there (projects/ava/README.md)"
        )
    for name in maps:
        check_label_map(os.path.join(folder, name))


def _lines(path: str, columns: int) -> Iterator[tuple[str, tuple[Keyframe, list[str]]]]:
    """Of each row: file and line for an error message, its keyframe, and the fields behind."""
    with PathManager.open(path, "r") as file:
        for number, fields in enumerate(csv.reader(file), start=1):
            where = f"{path}, line {number}"
            if len(fields) != columns:
                raise ValueError(f"{where}: {len(fields)} fields, AVA v2.2 has {columns}")
            video, second = fields[0], _integer(fields[1], "timestamp", where)
            if not video or os.path.basename(video) != video or video.startswith("."):
                raise ValueError(f"{where}: {video!r} is no video id")
            yield where, ((video, second), fields[2:])


def _box(fields: list[str], where: str) -> tuple[tuple[float, ...], bool]:
    try:
        raw = tuple(float(field) for field in fields)
    except ValueError:
        raw = (math.nan,)
    if not all(map(math.isfinite, raw)):
        raise ValueError(f"{where}: {','.join(fields)} is no box x1,y1,x2,y2")
    box = tuple(min(max(value, 0.0), 1.0) for value in raw)
    if box[0] >= box[2] or box[1] >= box[3]:
        raise ValueError(f"{where}: box {','.join(fields)} has no area inside [0, 1]")
    return box, box != raw


def _action(field: str, where: str) -> int:
    action = _integer(field, "action id", where)
    if not 1 <= action <= NUM_AVA_CLASSES:
        raise ValueError(f"{where}: action id {action} is not from 1 to {NUM_AVA_CLASSES}")
    return action


def _integer(field: str, what: str, where: str) -> int:
    if not (field.isascii() and field.isdecimal()):
        raise ValueError(f"{where}: {field!r} is no {what}")
    return int(field)
