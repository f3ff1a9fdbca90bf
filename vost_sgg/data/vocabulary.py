"""The words of Action Genome: its classes, the order of their ids, and the spellings in which they are met."""

from collections.abc import Sequence

from detectron2.data import Metadata
from detectron2.utils.file_io import PathManager

from vost_sgg.errors import shown
from vost_sgg.registry import nearest

OBJECT_CLASSES = (
    "person bag bed blanket book box broom chair closet/cabinet clothes cup/glass/bottle dish door "
    "doorknob doorway floor food groceries laptop light medicine mirror paper/notebook "
    "phone/camera picture pillow refrigerator sandwich shelf shoe sofa/couch table television "
    "towel vacuum window"
).split()
ATTENTION_CLASSES = "looking_at not_looking_at unsure".split()
SPATIAL_CLASSES = "above beneath in_front_of behind on_the_side_of in".split()
CONTACTING_CLASSES = (
    "carrying covered_by drinking_from eating have_it_on_the_back holding leaning_on lying_on "
    "not_contacting other_relationship sitting_on standing_on touching twisting wearing wiping "
    "writing_on"
).split()
PREDICATE_CLASSES = ATTENTION_CLASSES + SPATIAL_CLASSES + CONTACTING_CLASSES


def spelling(name: str) -> str:
    """What the spellings of one name share: ``closet/cabinet`` (pickles) and ``closetcabinet`` (class files),
    ``looking_at``, ``lookingat`` and ``looking at`` (OED's json)."""
    return str(name).translate(_NO_SEPARATORS)


# No name is longer; comparing one that is with the vocabulary would take its length squared.
_MAX_LETTERS = 80
_NO_SEPARATORS = str.maketrans("", "", "/_ ")


class NameIds(dict):
    """Ids by name, in any spelling; a name outside the vocabulary raises a ValueError with the nearest names.

    Args:
        kind: what the names are, for the error message.
        names: the vocabulary, spelled as in the pickles.
        first: the id of ``names[0]``.
    """

    def __init__(self, kind: str, names: Sequence[str], first: int = 0):
        super().__init__({name: first + i for i, name in enumerate(names)})
        self.ids = range(first, first + len(names))
        self._kind = kind
        self._names = names
        self._by_spelling = {spelling(name): i for name, i in self.items()}

    def __missing__(self, name: str) -> int:
        known = self._by_spelling.get(spelling(name))
        if known is None:
            likest = nearest(str(name)[:_MAX_LETTERS], self._names)
            raise ValueError(f"unknown {self._kind} {shown(name)}; {likest}")
        self[name] = known
        return known


OBJECT_IDS = NameIds("object class", OBJECT_CLASSES)
# Ids of the predicates count through the groups, 0 to 25.
PREDICATE_IDS = {
    "attention": NameIds("attention predicate", ATTENTION_CLASSES),
    "spatial": NameIds("spatial predicate", SPATIAL_CLASSES, 3),
    "contacting": NameIds("contacting predicate", CONTACTING_CLASSES, 9),
}


def check_class_file(path: str, classes: Sequence[str]) -> None:
    """Checks that a class file lists ``classes``, one a line, in their order and in any spelling.

    Raises:
        ValueError: a line differs, or there are more or fewer lines than classes.
    """
    with PathManager.open(path, "r") as file:
        names = [line.strip() for line in file.read().splitlines() if line.strip()]
    for number, (name, expected) in enumerate(zip(names, classes, strict=False), start=1):
        if spelling(name) != spelling(expected):
            raise ValueError(
                f"{path}, line {number}: {name!r} where Action Genome v1.0 has {expected!r}; "
                f"{nearest(name, classes)} Class ids are this order: restore the official file."
            )
    if len(names) != len(classes):
        raise ValueError(
            f"{path} has {len(names)} lines, Action Genome v1.0 has {len(classes)}: "
            "restore the official file."
        )


def set_metadata(metadata: Metadata) -> None:
    """Sets the class lists of ``metadata``, a data set's entry in detectron2's MetadataCatalog."""
    metadata.set(
        thing_classes=list(OBJECT_CLASSES),
        attention_classes=list(ATTENTION_CLASSES),
        spatial_classes=list(SPATIAL_CLASSES),
        contacting_classes=list(CONTACTING_CLASSES),
        predicate_classes=list(PREDICATE_CLASSES),
    )
