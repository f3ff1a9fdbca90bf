"""Action Genome's own files (v1.0: two pickles, a frame list, two class files) -> an AnnotationIndex."""

import os
from array import array

from detectron2.utils.file_io import PathManager

from vost_sgg.data.annotation_index import (
    NO_RECORD,
    SPLITS,
    AnnotationIndex,
    Entry,
    IndexBuilder,
    frame_order,
)
from vost_sgg.data.plain_pickle import load_plain_pickle
from vost_sgg.data.vocabulary import (
    OBJECT_CLASSES,
    OBJECT_IDS,
    PREDICATE_CLASSES,
    PREDICATE_IDS,
    check_class_file,
)
from vost_sgg.errors import shown

FRAME_LIST = "frame_list.txt"
PERSONS = "person_bbox.pkl"
OBJECTS = "object_bbox_and_relationship.pkl"
OBJECT_NAMES = "object_classes.txt"
PREDICATE_NAMES = "relationship_classes.txt"
OFFICIAL_FILES = (FRAME_LIST, OBJECT_NAMES, PREDICATE_NAMES, PERSONS, OBJECTS)


def read_official(folder: str) -> AnnotationIndex:
    """Reads the five official files of ``folder`` (they must exist).

    Raises:
        ValueError: a class file is not the official one, a pickle is damaged or not plain data, the three lists of
            frames differ, or a record has an unknown name or lacks a field. The message names file and frame.
    """
    check_class_file(os.path.join(folder, OBJECT_NAMES), OBJECT_CLASSES)
    check_class_file(os.path.join(folder, PREDICATE_NAMES), PREDICATE_CLASSES)
    keys = _read_frame_list(os.path.join(folder, FRAME_LIST))
    persons = _read_persons(os.path.join(folder, PERSONS))
    objects = _load_records(os.path.join(folder, OBJECTS))
    _check_same_frames(folder, set(keys), persons, objects)
    return _build(os.path.join(folder, OBJECTS), keys, persons, objects)


def _read_frame_list(path: str) -> list[str]:
    with PathManager.open(path, "r") as file:
        lines = {line.strip() for line in file if line.strip()}
    try:
        return frame_order(lines)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _load_records(path: str) -> dict:
    records = load_plain_pickle(path)
    if not isinstance(records, dict):
        raise ValueError(f"{path} holds a {type(records).__name__}, not a dict of frames")
    return records


def _read_persons(path: str) -> dict[str, tuple]:
    """Frame -> (size, person boxes xyxy). The key points, nine tenths of the file, are let go at once."""
    persons = {}
    for key, record in _load_records(path).items():
        try:
            width, height = record["bbox_size"]
            mode = record.get("bbox_mode", "xyxy")
            persons[key] = (
                array("i", (int(width), int(height))),  # as the index has it: no larger number fits
                record["bbox"].astype(float).reshape(-1, 4).tolist(),
            )
        except NO_RECORD as error:
            raise ValueError(
                f"{path}: {shown(key)}: not a person record ({shown(error)})"
            ) from error
        if not isinstance(mode, str) or mode != "xyxy":
            raise ValueError(
                f"{path}: {shown(key)}: person boxes are {shown(mode)}; Action Genome's are 'xyxy'"
            )
    return persons


def _check_same_frames(folder: str, keys: set, persons: dict, objects: dict) -> None:
    lists = {FRAME_LIST: keys, PERSONS: persons.keys(), OBJECTS: objects.keys()}
    every = set().union(*lists.values())
    for name, frames in lists.items():
        missing = every - frames
        if missing:
            counts = ", ".join(f"{n} {len(f):,}" for n, f in lists.items())
            raise ValueError(
                f"{os.path.join(folder, name)} lacks {len(missing):,} frames that the other files have, such as "
                f"{shown(min(missing, key=str))} (frames: {counts}). The five files must be of one download: get "
                "them again (datasets/README.md)."
            )


def _build(path: str, keys: list[str], persons: dict, objects: dict) -> AnnotationIndex:
    builder = IndexBuilder()
    for key in keys:
        size, person_boxes = persons[key]
        records = objects.pop(key)  # what has been read makes room for what is made of it
        try:
            entries = [_entry(record) for record in records]
            split = _split(records)
            builder.add_frame(
                key, size=size, split=split, person_boxes=person_boxes, entries=entries
            )
        except NO_RECORD as error:
            reason = f"no field {error}" if isinstance(error, KeyError) else error
            raise ValueError(f"{path}: {key}: {reason}") from error
    return builder.finish()


def _entry(record: dict) -> Entry:
    category = OBJECT_IDS[record["class"]]
    if category == 0:
        raise ValueError("a person among the objects; persons belong into " + PERSONS)
    predicates = [
        ids[name]
        for group, ids in PREDICATE_IDS.items()
        for name in record[f"{group}_relationship"] or ()
    ]
    box = record["bbox"]
    if box is not None and len(box) != 4:
        raise ValueError(f"the box of {record['class']} is {shown(box)}, not (x, y, width, height)")
    return Entry(category, bool(record["visible"]), box, predicates)


def _split(records: list[dict]) -> int:
    """The split of a frame is that of its first object (as OED and STTran)."""
    if not records:
        return -1
    name = records[0]["metadata"]["set"]
    if name not in SPLITS:
        raise ValueError(f"metadata['set'] is {shown(name)}, not 'train' or 'test'")
    return SPLITS.index(name)
