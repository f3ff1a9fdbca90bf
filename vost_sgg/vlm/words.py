"""The vocabulary of a data set as a VLM is told it and as it writes it."""

from dataclasses import dataclass

from vost_sgg.structures import PREDICATE_GROUPS


def prompt_word(name: str) -> str:
    """A class as a prompt spells it: ``sitting_on`` is "sitting on"; ``cup/glass/bottle`` stays."""
    return name.replace("_", " ")


@dataclass(frozen=True)
class Vocabulary:
    """The class names of a data set, spelled as its metadata spells them, in the order of their ids.

    Args:
        objects: the person first.
        attention, spatial, contacting: predicates of each group.
    """

    objects: tuple[str, ...]
    attention: tuple[str, ...]
    spatial: tuple[str, ...]
    contacting: tuple[str, ...]

    @classmethod
    def of(cls, metadata) -> "Vocabulary":
        """From a data set's entry in detectron2's MetadataCatalog."""
        groups = {g: tuple(getattr(metadata, f"{g}_classes")) for g in PREDICATE_GROUPS}
        return cls(tuple(metadata.thing_classes), **groups)

    @property
    def person(self) -> str:
        return self.objects[0]

    def group(self, name: str) -> tuple[str, ...]:
        """The predicates of one of PREDICATE_GROUPS."""
        return getattr(self, name)
