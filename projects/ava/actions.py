"""The seven of AVA's 80 action classes that Action Genome has predicates for: the one table that joins the two."""

import re
from dataclasses import dataclass

import numpy as np
from detectron2.utils.file_io import PathManager

from vost_sgg.data.vocabulary import PREDICATE_IDS

NUM_AVA_CLASSES = 80


@dataclass(frozen=True)
class Action:
    """An AVA class and what Action Genome calls it.

    Args:
        id: AVA's, 1 to 80.
        name: as AVA's label map spells it.
        predicates: contacting predicates; each of them means that the person does it.
    """

    id: int
    name: str
    predicates: tuple[str, ...]


# The paper's nine words (Supplement 6): sitting, lying, sleeping, eating, carrying, holding, writing, standing,
# touching. AVA joins two of them twice.
ACTIONS = (
    Action(8, "lie/sleep", ("lying_on",)),
    Action(11, "sit", ("sitting_on",)),
    Action(12, "stand", ("standing_on",)),
    Action(17, "carry/hold (an object)", ("carrying", "holding")),
    Action(29, "eat", ("eating",)),
    Action(59, "touch (an object)", ("touching",)),
    Action(63, "write", ("writing_on",)),
)
ACTION_NAMES = tuple(action.name for action in ACTIONS)
# Each action's rows of the 26 predicates.
PREDICATE_ROWS = tuple(
    [PREDICATE_IDS["contacting"][name] for name in action.predicates] for action in ACTIONS
)
# An entry of the label map, in the official file's form and in that of the ActivityNet challenge.
_ENTRY = re.compile(r'name:\s*"([^"]*)"\s*(?:label_)?id:\s*(\d+)')


def action_labels(ids) -> np.ndarray:
    """(7,) bool: which of ``ACTIONS`` are among the AVA class ``ids``."""
    return np.array([action.id in ids for action in ACTIONS])


def check_label_map(path: str) -> None:
    """Checks that an ``ava_action_list_*.pbtxt`` gives the seven classes the ids of ``ACTIONS``.

    Raises:
        ValueError: it does not, or it is no label map.
    """
    with PathManager.open(path, "r") as file:
        named = {int(number): name for name, number in _ENTRY.findall(file.read())}
    for action in ACTIONS:
        if named.get(action.id) != action.name:
            found = named.get(action.id, "nothing")
            raise ValueError(
                f"{path}: class {action.id} is {found!r} where AVA v2.2 has {action.name!r}: "
                "restore the official file"
            )
