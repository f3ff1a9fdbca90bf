"""The shapes in which models nest what they were asked for, brought to the asked one.

Each function takes any JSON value and ``note``, which is called with "other_form" where it is not shaped as asked.
"""

from collections.abc import Callable

from vost_sgg.vlm.answers import GROUP_KEYS
from vost_sgg.vlm.word_reader import bare

Note = Callable[[str], None]

# The asked key -> other keys for it, bare (letters and digits only). Group keys are told by how they begin.
KEYS = {
    "object": ("object", "name", "label", "class", "category", "objectname", "objectclass"),
    "box": ("box", "bbox", "bbox2d", "boundingbox", "objectbox", "objectbbox", "coordinates"),
    "number": ("number", "id", "index", "boxnumber", "boxid", "box"),
    "person": ("person", "personbox", "personbbox", "personboundingbox", "human"),
    "objects": ("objects", "relations", "relationships", "detections", "boxes", "answer", "pairs"),
    "boxes": ("boxes", "objects", "relations", "relationships", "detections", "answer"),
}
_MAX_DEPTH = 4


def value_of(entry: dict, key: str, note: Note) -> object:
    """The value under ``key`` or another key for it; None if there is none."""
    if key in entry:
        return entry[key]
    for name, value in entry.items():
        if _is_key(bare(str(name)), key):
            note("other_form")
            return value
    return None


def _is_key(name: str, key: str) -> bool:
    if key in GROUP_KEYS.values():
        return name.startswith(key)
    return name in KEYS[key]


def _has_group(entry: dict) -> bool:
    return any(_is_key(bare(str(k)), g) for k in entry for g in GROUP_KEYS.values())


def relation_entry(value: object, note: Note) -> dict:
    """The first dict of ``value`` with predicates in it; {} if there is none."""
    found = _first_relation(value, 0)
    if found is not value:
        note("other_form")
    return found or {}


def _first_relation(value: object, depth: int) -> dict | None:
    if isinstance(value, dict) and _has_group(value):
        return value
    if depth >= _MAX_DEPTH or not isinstance(value, dict | list):
        return None
    parts = value.values() if isinstance(value, dict) else value
    found = (_first_relation(part, depth + 1) for part in parts)
    return next((entry for entry in found if entry is not None), None)


def box_entries(value: object, note: Note) -> list[tuple[int, dict]]:
    """SGCLS: each box's number and its entry; an entry without a number counts from the one before."""
    listed = _entries(value, "boxes", note)
    numbered = []
    for position, entry in enumerate(listed, start=1):
        number = value_of(entry, "number", note)
        if isinstance(number, str) and number.strip().isdecimal() and len(number) < 9:
            note("other_form")
            number = int(number)
        if isinstance(number, bool) or not isinstance(number, int | float):
            note("other_form")
            number = position
        numbered.append((int(number), entry))
    return numbered


def objects_and_person(value: object, note: Note) -> tuple[list[dict], object]:
    """SGDET: the objects' entries, and what stands for the person's box (None: nothing)."""
    entries = _entries(value, "objects", note)
    person = None
    for part in value if isinstance(value, list) else [value]:
        if person is None and isinstance(part, dict):
            person = value_of(part, "person", note)
    if isinstance(person, dict):
        note("other_form")
        person = value_of(person, "box", note)
    return entries, person or None


def _entries(value: object, key: str, note: Note) -> list[dict]:
    """The dicts of the list under ``key``; of a bare list; or one by name, {"cup": {...}}."""
    if isinstance(value, list):
        note("other_form")
        parts = value
    else:
        parts = value_of(value, key, note) if isinstance(value, dict) else None
        if parts is None and isinstance(value, dict):
            parts = [value] if _is_entry(value) else value
            note("other_form")
    if isinstance(parts, dict):
        note("other_form")
        parts = [
            {"object": name, **entry} for name, entry in parts.items() if isinstance(entry, dict)
        ]
    flat = []
    for part in parts if isinstance(parts, list) else []:
        if isinstance(part, dict) and not _is_entry(part):
            flat.extend(_entries(part, key, lambda _: None))
        flat.extend([part] if isinstance(part, dict) and _is_entry(part) else [])
        if not isinstance(part, dict):
            note("other_form")
    return flat


def _is_entry(entry: dict) -> bool:
    names = {bare(str(name)) for name in entry}
    return _has_group(entry) or bool(names & {*KEYS["object"], *KEYS["box"]})
