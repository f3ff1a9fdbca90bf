"""The simulated annotator's errors: constants, chosen once from what VLMs are seen to confuse, fitted to no model.

docs/vlm.md explains them. A change of any of them is another annotator: count up VERSION.
"""

import random
import zlib

VERSION = 2

# How often a true predicate is named as it is; otherwise one of its confusions is, each as often as the others.
KEEP = {"attention": 0.70, "spatial": 0.80, "contacting": 0.80}
# The predicates with fewer than 20,000 labels in Action Genome (paper Tab. 4), of any group.
TAIL = frozenset(
    "leaning_on other_relationship standing_on wearing above lying_on covered_by carrying drinking_from eating "
    "writing_on wiping have_it_on_the_back twisting".split()
)
KEEP_TAIL = 0.52
# How often an error is drawn for the video, the object and the true predicate, and not for the frame.
PERSISTENT = 0.5
# Answers that are not in the asked form.
MALFORMED = 0.02

# SGDET: objects that are found; false objects a frame; standard deviation of a box's sides in shares of its size, for a
# mean overlap (IoU) of about 0.7. SGCLS and SGDET: objects that are called by the name of a confusable class.
OBJECT_RECALL = 0.75
FALSE_OBJECTS = 0.2
BOX_NOISE = 0.12
CLASS_ERROR = 0.15

PREDICATE_CONFUSIONS = {
    "looking_at": "not_looking_at unsure",
    "not_looking_at": "looking_at unsure",
    "unsure": "not_looking_at looking_at",
    "above": "in_front_of in",
    "beneath": "in_front_of behind",
    "in_front_of": "on_the_side_of behind",
    "behind": "on_the_side_of in_front_of",
    "on_the_side_of": "in_front_of behind",
    "in": "in_front_of beneath",
    "carrying": "holding",
    "covered_by": "touching lying_on",
    "drinking_from": "holding",
    "eating": "holding touching",
    "have_it_on_the_back": "carrying wearing",
    "holding": "touching carrying",
    "leaning_on": "touching sitting_on",
    "lying_on": "sitting_on leaning_on",
    "not_contacting": "touching",
    "other_relationship": "touching not_contacting",
    "sitting_on": "leaning_on touching",
    "standing_on": "not_contacting sitting_on",
    "touching": "holding not_contacting",
    "twisting": "touching holding",
    "wearing": "holding touching",
    "wiping": "touching holding",
    "writing_on": "holding touching",
}
# Classes that are taken for each other; a class in no group is always named as it is.
CLASS_CONFUSIONS = (
    "door doorway closet/cabinet",
    "cup/glass/bottle dish",
    "clothes blanket towel",
    "chair sofa/couch",
    "bed sofa/couch",
    "book paper/notebook",
    "laptop television",
    "table shelf",
    "food sandwich groceries",
    "bag box",
    "broom vacuum",
    "mirror picture window",
    "phone/camera medicine",
)


def seeded(*key: object) -> random.Random:
    """A generator of its own for ``key``, the same in every process: seeded by a CRC-32 of its words."""
    return random.Random(zlib.crc32("|".join(map(str, key)).encode()))


def confused_predicate(name: str, group: str, draw: random.Random) -> str:
    """What is named where ``name`` is true."""
    keep = KEEP_TAIL if name in TAIL else KEEP[group]
    kept = draw.random() < keep
    return name if kept else draw.choice(PREDICATE_CONFUSIONS[name].split())


def confused_class(name: str, draw: random.Random) -> str:
    """What an object of class ``name`` is called."""
    groups = [group.split() for group in CLASS_CONFUSIONS if name in group.split()]
    others = [other for group in groups for other in group if other != name]
    return draw.choice(others) if draw.random() < CLASS_ERROR and others else name
