"""OED's COCO-style json of Action Genome (one file a split) -> an AnnotationIndex."""

import json

from detectron2.utils.file_io import PathManager

from vost_sgg.data.annotation_index import (
    NO_RECORD,
    SPLITS,
    AnnotationIndex,
    Entry,
    IndexBuilder,
    split_key,
)
from vost_sgg.data.vocabulary import OBJECT_IDS, PREDICATE_CLASSES, PREDICATE_IDS, spelling
from vost_sgg.errors import shown

_RELATIONS = {"attention_rel": "attention", "spatial_rel": "spatial", "contact_rel": "contacting"}


def read_coco_json(path: str, split: str) -> AnnotationIndex:
    """Reads a json such as ``ag_train_coco_style.json``, whose frames are all of ``split``.

    Ids in the file: categories 1 (person) to 36, predicates 0 to 25, boxes xywh. The person comes first.

    Raises:
        ValueError: the file is cut short, or its categories, predicates or records are not OED's.
    """
    try:
        with PathManager.open(path, "r") as file:
            content = json.load(file)
        _check_categories(content)
        return _build(content, SPLITS.index(split))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is cut short or damaged ({error}): get it again") from error
    except KeyError as error:
        raise ValueError(f"{path} is not OED's json: no field {error}") from error
    except (*NO_RECORD, RecursionError) as error:
        raise ValueError(f"{path}: {error}") from error


def _check_categories(content: dict) -> None:
    for category in content["categories"]:
        if OBJECT_IDS[category["name"]] != category["id"] - 1:
            raise ValueError(f"category {shown(category)} where OED counts from person = 1")
    for category in content["rel_categories"]:
        if spelling(PREDICATE_CLASSES[category["id"]]) != spelling(category["name"]):
            raise ValueError(f"predicate {shown(category)} where OED counts from looking_at = 0")


def _build(content: dict, split: int) -> AnnotationIndex:
    annotations: dict[int, list] = {}
    for annotation in content["annotations"]:
        annotations.setdefault(annotation["image_id"], []).append(annotation)
    images = {image["file_name"].removeprefix("frames/"): image for image in content["images"]}
    builder = IndexBuilder()
    for key in sorted(images, key=split_key):
        image = images[key]
        found = annotations.get(image["id"], [])
        persons = [_xyxy(a["bbox"]) for a in found if a["category_id"] == 1]
        builder.add_frame(
            key,
            size=(image["width"], image["height"]),
            split=split,
            person_boxes=persons,
            entries=[_entry(a, key) for a in found if a["category_id"] != 1],
        )
    return builder.finish()


def _xyxy(box: list[float]) -> tuple[float, float, float, float]:
    x, y, width, height = box
    return x, y, x + width, y + height


def _entry(annotation: dict, key: str) -> Entry:
    category = annotation["category_id"] - 1
    if category not in OBJECT_IDS.ids:
        raise ValueError(f"{key}: category_id {shown(annotation['category_id'])} is not in 1 to 36")
    predicates = []
    for name, group in _RELATIONS.items():
        ids = PREDICATE_IDS[group].ids
        if not set(annotation[name]) <= set(ids):
            raise ValueError(
                f"{key}: {name} {shown(annotation[name])}; ids are {ids[0]} to {ids[-1]}"
            )
        predicates += annotation[name]
    return Entry(category, True, annotation["bbox"], predicates)
