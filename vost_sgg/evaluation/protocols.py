"""Named evaluation protocols: whose rules score a scene graph. The page docs/evaluation.md explains each choice."""

from collections.abc import Sequence
from dataclasses import dataclass

from vost_sgg.registry import nearest

TASKS = ("predcls", "sgcls", "sgdet")

# Constraint -> its title in a table.
CONSTRAINTS = {
    "with": "With Constraint",
    "with_per_pair": "With Constraint, per pair",
    "semi": "Semi Constraint",
    "no": "No Constraint",
}

# OED scores boxes in [0, 1] by their plain overlap; STTran's and TEMPURA's boxes are pixels and a width is x1 - x0 + 1.
PROTOCOL_IOU = {"oed": "plain", "sttran": "plus_one", "tempura": "plus_one"}
IOU_RULES = ("plain", "plus_one")
NMS_RULES = ("oed", "iou")

# STTran's: "only a hyper-parameter", says its author.
SEMI_THRESHOLD = 0.9

# Ranks at which recall is read, the K of R@K.
RANKS = (10, 20, 50, 100)


@dataclass(frozen=True)
class Protocol:
    """The rules of one evaluation, every name checked and every default filled in.

    Args:
        task: ``predcls``, ``sgcls`` or ``sgdet``.
        name: ``oed``, ``sttran`` or ``tempura``.
        constraints: any of ``with``, ``with_per_pair``, ``semi``, ``no``.
        nms: pair NMS before the ranks are read: None, ``oed`` or ``iou``.
        iou: ``plain`` or ``plus_one``; None takes the one that belongs to ``name``.
        semi_threshold: what a spatial or contacting predicate must exceed in ``semi``; in [0, 1).

    Raises:
        ValueError: a name is unknown, and the message gives the nearest ones; or the threshold is out of range.
    """

    task: str
    name: str = "oed"
    constraints: Sequence[str] = ("with", "no")
    nms: str | None = None
    iou: str | None = None
    semi_threshold: float = SEMI_THRESHOLD

    def __post_init__(self):
        _check("task", self.task, TASKS)
        _check("protocol", self.name, PROTOCOL_IOU)
        if isinstance(self.constraints, str) or not self.constraints:
            raise ValueError(
                f"constraints must be a sequence of names, such as ('with', 'no'), got {self.constraints!r}"
            )
        for constraint in self.constraints:
            _check("constraint", constraint, CONSTRAINTS)
        if self.nms is not None:
            _check("nms", self.nms, NMS_RULES)
        if self.iou is not None:
            _check("iou", self.iou, IOU_RULES)
        if not 0 <= self.semi_threshold < 1:
            raise ValueError(f"semi_threshold must be in [0, 1), got {self.semi_threshold}")
        object.__setattr__(self, "constraints", tuple(dict.fromkeys(self.constraints)))
        object.__setattr__(self, "iou", self.iou or PROTOCOL_IOU[self.name])
        object.__setattr__(self, "semi_threshold", float(self.semi_threshold))

    @property
    def frame_rule(self) -> str:
        """The rule by which the protocol's own authors chose the frames, a key of the data sets' frame rules."""
        if self.name == "oed":
            return "oed"
        return "sttran" if self.task == "predcls" else "sttran_filtersmall"

    @property
    def semi_needs_first_two(self) -> bool:
        """Whether ``semi`` passes over a group whose first two predicates are both exactly 0, as STTran's code does:
        by them it tells which of its rows is which. OED has no semi constraint."""
        return self.name != "oed"

    def describe(self) -> str:
        """One line for the header of a table, such as ``PredCLS, protocol oed (IoU plain, no pair NMS)``."""
        task = {"predcls": "PredCLS", "sgcls": "SGCLS", "sgdet": "SGDET"}[self.task]
        nms = f"pair NMS {self.nms}" if self.nms else "no pair NMS"
        return f"{task}, protocol {self.name} (IoU {self.iou}, {nms})"


def _check(kind: str, name: str, known) -> None:
    if name not in known:
        raise ValueError(f"unknown {kind} {name!r}; {nearest(str(name), known)}")
