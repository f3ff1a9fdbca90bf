"""What happens in a video: a posture, and one role for each annotated object, as Charades' actions have."""

from dataclasses import dataclass

import numpy as np

FRAMES = 48
STAND, WALK, SIT, LIE = "stand", "walk", "sit", "lie"

# A fixed cycle of scripts over the videos of each split, so that every predicate occurs in both of them: 60 test videos
# play it once, 240 training videos four times. Every second video is drawn freely (None).
_RARE = (
    "drink", "wipe", "cover", "push", "write", "lie", "carry", "wear", "twist", "eat",
    "back", "push", "lean", "drink", "cover", "wear", "lie", "eat", "carry", "push",
    "wipe", "back", "drink", None, "wear", "lean", "cover", "push", "carry", "eat",
)  # fmt: skip
_CYCLE = tuple(name for rare in _RARE for name in (rare, None))

_HANDHELD = {
    "cup/glass/bottle": 14, "phone/camera": 14, "book": 10, "food": 8, "sandwich": 6, "paper/notebook": 7,
    "dish": 7, "towel": 6, "medicine": 4, "bag": 6, "box": 5, "laptop": 5, "clothes": 6, "pillow": 5, "broom": 5,
    "blanket": 5, "groceries": 4, "shoe": 3, "vacuum": 3, "picture": 2,
}  # fmt: skip
_CARRIED = {
    "groceries": 5, "box": 5, "bag": 4, "laptop": 4, "clothes": 4, "blanket": 3, "pillow": 3, "dish": 3, "book": 3,
}  # fmt: skip
_PASSIVE = {
    "table": 20, "door": 10, "closet/cabinet": 8, "refrigerator": 6, "shelf": 6, "television": 9, "window": 6,
    "mirror": 4, "doorway": 12, "picture": 4, "light": 6, "chair": 9, "sofa/couch": 4, "bed": 4, "laptop": 4,
    "bag": 3, "box": 3, "cup/glass/bottle": 5, "dish": 4, "book": 3, "pillow": 2, "vacuum": 2, "floor": 3,
}  # fmt: skip
# What merely stands there is dealt out in turn, so that no class is left out of a split by chance.
_FEATURED = (
    "table", "doorway", "mirror", "chair", "light", "door", "television", "window", "closet/cabinet", "table",
    "doorway", "picture", "door", "shelf", "mirror", "refrigerator", "chair", "table", "bed", "light", "sofa/couch",
    "door", "television", "vacuum", "doorway", "laptop", "closet/cabinet", "table", "window", "cup/glass/bottle", "bag",
)  # fmt: skip
TOUCHED = {
    "table": 12, "door": 9, "closet/cabinet": 6, "refrigerator": 6, "shelf": 5, "laptop": 6, "doorknob": 6,
    "window": 4, "television": 2, "mirror": 2, "box": 3, "bag": 2, "chair": 3,
}  # fmt: skip
_SEATS = {"chair": 45, "sofa/couch": 30, "bed": 15, "floor": 10}

# Script -> (postures, {object: weight}) of its leading role, whose action has the script's name.
_LEADING = {
    "drink": ((STAND, SIT), {"cup/glass/bottle": 1}),
    "eat": ((STAND, SIT), {"food": 5, "sandwich": 4, "medicine": 1}),
    "write": ((SIT,), {"paper/notebook": 4, "book": 1}),
    "carry": ((WALK,), _CARRIED),
    "wipe": ((STAND,), {"table": 5, "mirror": 2, "window": 2, "television": 1}),
    "twist": ((STAND,), {"doorknob": 3, "cup/glass/bottle": 2}),
    "back": ((STAND, WALK), {"bag": 1}),
    "cover": ((LIE, SIT), {"blanket": 8, "towel": 1, "clothes": 1}),
    "lie": ((LIE,), {"bed": 5, "sofa/couch": 3, "floor": 2}),
    "wear": ((STAND, WALK), {"clothes": 6, "shoe": 4}),
    "push": ((STAND,), {"box": 4, "pillow": 2, "shoe": 2, "bag": 2, "chair": 2}),
    "lean": ((STAND,), {"table": 4, "door": 3, "closet/cabinet": 3, "shelf": 2, "refrigerator": 2}),
}

IN_HAND = frozenset({"hold", "carry", "drink", "eat", "write", "cloth"})
AT_HAND = frozenset({"touch", "wipe", "twist", "lean"})
BODY = frozenset({"sit", "lie", "stand_on", "wear", "back", "cover"})
_MAY_PAUSE = (IN_HAND | AT_HAND | {"push"}) - {"lean", "cloth"}


@dataclass(frozen=True)
class Role:
    """What one object is for: the person does ``action`` with ``object`` in the frames [start, stop)."""

    object: str
    action: str
    start: int = 0
    stop: int = FRAMES

    def active(self, frame: int) -> bool:
        return self.start <= frame < self.stop and self.action != "passive"


@dataclass(frozen=True)
class Script:
    """Posture ("stand", "walk", "sit", "lie"), facing (as in ``Figure``) and the roles, one an object."""

    posture: str
    facing: str
    roles: tuple[Role, ...]


def draw_script(rng: np.random.Generator, nth: int) -> Script:
    """Draws the script of the ``nth`` video of a split (from 0)."""
    leading = _CYCLE[nth % len(_CYCLE)]
    postures, objects = _LEADING.get(leading, ((), {}))
    posture = (
        str(rng.choice(postures))
        if postures
        else str(rng.choice([STAND, SIT, WALK, LIE], p=[0.54, 0.32, 0.13, 0.01]))
    )
    named = [(pick(rng, objects), leading)] if leading else []
    named += _posture_roles(rng, posture, leading)
    named += _hand_roles(rng, posture, leading)
    count = 2 + (rng.random() < 0.24) + (rng.random() < 0.08)
    passive = _FEATURED[nth % len(_FEATURED)]
    while len({name for name, _ in named}) < count:
        named.append((passive, "passive"))
        passive = pick(rng, _PASSIVE)
    roles: dict[str, Role] = {}
    for name, action in named:
        if name not in roles:
            roles[name] = Role(name, action, *_interval(rng, action))
    return Script(
        posture,
        _facing(rng, posture, {r.action for r in roles.values()}),
        tuple(roles.values())[:4],
    )


def pick(rng: np.random.Generator, weights: dict[str, float]) -> str:
    names = list(weights)
    share = np.fromiter(weights.values(), float)
    return names[rng.choice(len(names), p=share / share.sum())]


def _posture_roles(rng, posture: str, leading: str | None) -> list[tuple[str, str]]:
    if posture == SIT:
        return [(pick(rng, _SEATS), "sit")]
    if posture == LIE and leading != "lie":
        return [(pick(rng, _LEADING["lie"][1]), "lie")]
    return [("floor", "stand_on")] if posture == STAND and rng.random() < 0.10 else []


def _hand_roles(rng, posture: str, leading: str | None) -> list[tuple[str, str]]:
    if leading in ("twist", "push", "back"):
        free = leading != "twist" and rng.random() < 0.6
        return [(pick(rng, _HANDHELD), "hold")] if free else []
    if leading == "wipe":
        return [("towel", "cloth")]
    roles = []
    if leading not in IN_HAND and rng.random() < (0.45 if posture == LIE else 0.90):
        light = {"phone/camera": 3, "book": 3, "pillow": 2}
        roles.append((pick(rng, light if posture == LIE else _HANDHELD), "hold"))
    if posture in (STAND, SIT) and leading not in ("lean", "write") and rng.random() < 0.85:
        roles.append(
            (
                pick(
                    rng,
                    TOUCHED if posture == STAND else {"table": 6, "laptop": 3, "phone/camera": 1},
                ),
                "touch",
            )
        )
    elif posture == STAND and leading is None and rng.random() < 0.10:
        roles.append((pick(rng, _LEADING["lean"][1]), "lean"))
    elif posture in (STAND, SIT, WALK) and leading is None and rng.random() < 0.35:
        roles.append((pick(rng, _HANDHELD), "hold"))
    return roles


def _interval(rng, action: str) -> tuple[int, int]:
    """Some contacts begin or end inside the video, so that labels change over time; most of those with what stays in
    its place do, so that the place does not tell.
    """
    share, latest = (0.60, 24) if action in ("touch", "twist", "wipe") else (0.28, 18)
    start, stop = 0, FRAMES
    if action in _MAY_PAUSE:
        start = int(rng.integers(5, latest)) if rng.random() < share else 0
        stop = int(rng.integers(FRAMES - latest, FRAMES - 5)) if rng.random() < share else FRAMES
    return start, stop


def _facing(rng, posture: str, actions: set[str]) -> str:
    facing = str(rng.choice(["right", "left", "camera", "away"], p=[0.39, 0.39, 0.20, 0.02]))
    if posture in (WALK, LIE) or actions & {"push", "twist", "write", "back"}:
        return facing if facing in ("right", "left") else str(rng.choice(["right", "left"]))
    if facing == "away" and (posture != STAND or actions & IN_HAND):
        return "camera"
    return facing
