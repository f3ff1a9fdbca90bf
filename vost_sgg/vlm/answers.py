"""The dataclasses that an answer is read into; docs/vlm.md has the JSON that a prompt asks for."""

from dataclasses import asdict, dataclass

from vost_sgg.structures import PREDICATE_GROUPS

# Of the form in docs/vlm.md; it stands in the manifest of a cache. An answer of another version is never mixed in.
ANSWER_VERSION = 1

# A group's key in an answer. The paper's prompts say "contact".
GROUP_KEYS = {"attention": "attention", "spatial": "spatial", "contacting": "contact"}

# How well an answer could be read.
PARSED, REPAIRED, EMPTY = "parsed", "repaired", "empty"
STATUSES = (PARSED, REPAIRED, EMPTY)


@dataclass(frozen=True)
class Relation:
    """What a VLM says of one object and the person. Names are spelled as in the data set's metadata.

    Args:
        object: class name; None where it is given (PredCLS).
        row: the object's row in the frame's boxes where boxes are given (PredCLS, SGCLS), else None.
        box: xyxy in pixels of the frame where the VLM gives boxes (SGDET), else None.
        attention, spatial, contacting: predicates named, without repetition, in the answer's order; may be empty.
    """

    object: str | None = None
    row: int | None = None
    box: tuple[float, float, float, float] | None = None
    attention: tuple[str, ...] = ()
    spatial: tuple[str, ...] = ()
    contacting: tuple[str, ...] = ()

    @property
    def named(self) -> int:
        """Predicates named."""
        return sum(len(getattr(self, group)) for group in PREDICATE_GROUPS)


@dataclass(frozen=True)
class Answer:
    """One answer as read by the parser.

    Args:
        status: "parsed" (as it was asked for), "repaired" (something was mended or dropped, see ``issues``) or "empty"
            (nothing could be used).
        issues: what was repaired, dropped or not understood, as keys of ``vost_sgg.vlm.parser.ISSUES``, sorted.
        relations: in the answer's order. PredCLS: one, or none if the answer is empty.
        person_row: row of the frame's boxes that the VLM calls the person (SGCLS); the given one (PredCLS); or None.
        person_box: xyxy in pixels of the frame (SGDET), or None.
    """

    status: str
    issues: tuple[str, ...] = ()
    relations: tuple[Relation, ...] = ()
    person_row: int | None = None
    person_box: tuple[float, float, float, float] | None = None

    def to_json(self) -> dict:
        """Plain values; fields that are empty are left out."""
        document = {k: v for k, v in asdict(self).items() if v not in (None, ())}
        if "relations" in document:
            document["relations"] = [
                {k: v for k, v in relation.items() if v not in (None, ())}
                for relation in document["relations"]
            ]
        return document

    @classmethod
    def from_json(cls, document: dict) -> "Answer":
        """The inverse of :meth:`to_json`. Raises TypeError, KeyError or AttributeError where it is no answer."""
        values = {k: _tuple(v) for k, v in document.items()}
        relations = [
            Relation(**{k: _tuple(v) for k, v in relation.items()})
            for relation in document.get("relations", ())
        ]
        return cls(**{**values, "relations": tuple(relations)})


def _tuple(value):
    return tuple(value) if isinstance(value, list) else value
