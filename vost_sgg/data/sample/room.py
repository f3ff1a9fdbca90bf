"""What stands in the room, and where."""

from dataclasses import dataclass, replace

import numpy as np

from vost_sgg.data.sample.figure import SEAT
from vost_sgg.data.sample.scripts import (
    AT_HAND,
    BODY,
    FRAMES,
    IN_HAND,
    LIE,
    SIT,
    TOUCHED,
    WALK,
    Role,
    Script,
    pick,
)
from vost_sgg.data.sample.sprites import SPRITES

# What hangs on the wall -> height of its centre above the floor, in body heights.
_WALL_HUNG = {"window": 0.66, "mirror": 0.72, "picture": 0.74, "television": 0.66}
_DISTRACTORS = {
    "window": 3, "picture": 3, "light": 2, "door": 2, "closet/cabinet": 2, "shelf": 2, "television": 1,
    "mirror": 1, "chair": 2, "bag": 1, "box": 1, "vacuum": 1, "shoe": 1, "table": 1,
}  # fmt: skip
# What stands on a pedestal while nobody holds it.
_SMALL = frozenset(
    {
        "book",
        "cup/glass/bottle",
        "dish",
        "food",
        "laptop",
        "medicine",
        "paper/notebook",
        "phone/camera",
    }
    | {"pillow", "sandwich", "towel", "clothes", "blanket", "groceries"}
)
# Share of what could be touched, and is not, that stands as near as what is: its place does not tell.
_WITHIN_REACH = 0.8
_SEAT_LINE = {
    "chair": 0.48,
    "sofa/couch": 0.48,
    "bed": 0.38,
}  # where one sits, from the sprite's top


@dataclass(frozen=True)
class Prop:
    """An object in the room.

    Args:
        name: class, or "pedestal", which is none.
        role: its role; None for what nobody annotates (AG boxes only the objects of the actions).
        size: (w, h) in pixels.
        place: (x, y) centre in pixels while no hand moves it.
        front: whether it is in front of the body.
        flip: whether the sprite is mirrored.
        habits: (3,) uniform draws in [0, 1): what this video's annotator makes of unclear cases.
    """

    name: str
    role: Role | None
    size: tuple[float, float]
    place: tuple[float, float]
    front: bool
    flip: bool
    habits: tuple[float, float, float]


class Room:
    """Furnishes the room of one video.

    Args:
        rng: draws sizes and places.
        size: (width, height) of the frames in pixels.
        script: its roles are the annotated objects.
        body: the person's height in pixels.
        foot: (x, y) between the person's feet.
        side: +1 or -1, where the person works.
        horizon: y where wall and floor meet.
    """

    def __init__(
        self, rng, size, script: Script, body: float, foot: np.ndarray, side: int, horizon: float
    ):
        self._rng, self._size, self._script, self._body, self._foot, self._side = (
            rng,
            size,
            script,
            body,
            foot,
            side,
        )
        self._horizon = horizon

    def furnish(self) -> tuple[Prop, ...]:
        """The props from back to front: those of the roles and up to two that nobody annotates."""
        props = []
        for role in self._script.roles:
            props += [self._floor(role)] if role.object == "floor" else self._annotated(role)
        taken = {role.object for role in self._script.roles}
        for name in (pick(self._rng, _DISTRACTORS) for _ in range(self._rng.integers(0, 3))):
            if name not in taken:
                taken.add(name)
                props.insert(0, self._passive(name, None))
        return tuple(sorted(props, key=lambda p: p.front))

    def _floor(self, role: Role) -> Prop:
        (width, height), top = self._size, self._horizon
        return self._prop(
            "floor", role, (1.5 * width, height - top), (width / 2, (height + top) / 2), False
        )

    def _prop(self, name, role, size, place, front, flip=None) -> Prop:
        flip = bool(self._rng.random() < 0.5) if flip is None else flip
        place = (float(place[0]), float(place[1]))
        return Prop(
            name,
            role,
            (float(size[0]), float(size[1])),
            place,
            front,
            flip,
            tuple(self._rng.random(3).tolist()),
        )

    def _sized(self, name: str) -> np.ndarray:
        return np.array(SPRITES[name].size) * self._body * self._rng.uniform(0.92, 1.10)

    def _annotated(self, role: Role) -> list[Prop]:
        if role.action in ("sit", "lie"):
            return [self._seat(role)]
        if role.action in IN_HAND or role.action == "push":
            return self._portable(role)
        if role.action in AT_HAND:
            return self._workplace(role, self._side)
        if role.action in BODY:
            return [self._worn(role)]
        if role.object in TOUCHED and self._rng.random() < _WITHIN_REACH:
            return self._workplace(role, self._idle_side())
        prop = self._passive(role.object, role)
        return self._raised(prop) if role.object in _SMALL else [prop]

    def _seat(self, role: Role) -> Prop:
        w, h = np.array(SPRITES[role.object].size) * self._body
        h = SEAT * self._body / (1 - _SEAT_LINE[role.object])  # so that the seat meets the hip
        dx = {"chair": 0.02, "sofa/couch": 0.0, "bed": 0.10}[role.object] * self._side * self._body
        if role.action == "lie":
            w, dx = max(w, 1.2 * self._body), 0.0
        return self._prop(
            role.object,
            role,
            (w, h),
            (self._foot[0] + dx, self._foot[1] - h / 2 + 2),
            False,
            self._side < 0,
        )

    def _portable(self, role: Role) -> list[Prop]:
        """What is picked up rests in reach until then: on a pedestal if small, else on the floor."""
        w, h = self._sized(role.object)
        if role.action in ("drink", "eat", "write"):
            w, h = 1.25 * w, 1.25 * h
        x = self._foot[0] + self._side * self._body * self._rng.uniform(0.14, 0.32)
        prop = self._prop(
            role.object, role, (w, h), (x, self._foot[1] - h / 2), True, self._side < 0
        )
        waits = role.start > 0 or role.stop < FRAMES
        small = role.object in _SMALL and role.action != "push"
        return self._raised(prop) if waits and small and self._script.posture != WALK else [prop]

    def _raised(self, prop: Prop) -> list[Prop]:
        """The prop on a pedestal: about as high as a hand would hold it, so that its place does not tell."""
        on_floor = any(
            role.action == "sit" and role.object == "floor" for role in self._script.roles
        )
        height = 0.14 if on_floor else {SIT: 0.29, LIE: 0.36}.get(self._script.posture, 0.43)
        height = (height + self._rng.uniform(-0.03, 0.04)) * self._body
        width = SPRITES["pedestal"].size[0] * self._body
        x, floor = prop.place[0], self._foot[1]
        pedestal = self._prop(
            "pedestal", None, (width, height), (x, floor - height / 2), prop.front
        )
        return [pedestal, replace(prop, place=(x, floor - height - prop.size[1] / 2 + 1))]

    def _idle_side(self) -> int:
        """A side on which no hand is at work."""
        at_work = any(role.action in AT_HAND for role in self._script.roles)
        return -self._side if at_work or self._rng.random() < 0.5 else self._side

    def _workplace(self, role: Role, side: int) -> list[Prop]:
        """What a hand works at stands beside the person, so near that the hand lies well inside its outline."""
        w, h = self._sized(role.object)
        near = self._foot[0] + side * self._body * self._rng.uniform(0.10, 0.20)
        x = near + side * w / 2
        if role.object in _WALL_HUNG:
            y = self._foot[1] - self._body * _WALL_HUNG[role.object]
            return [self._prop(role.object, role, (w, h), (x, y), False)]
        if role.object == "doorknob":
            return self._door_with_knob(role, (w, h))
        if role.object in _SMALL | {"box", "bag"} or role.action == "twist":
            prop = self._prop(
                role.object,
                role,
                (w, h),
                (x, self._foot[1] - h / 2),
                True,
            )
            return self._raised(prop)
        low = h < 0.6 * self._body
        return [
            self._prop(
                role.object, role, (w, h), (x, self._foot[1] - h / 2 - (0 if low else 4)), low
            )
        ]

    def _door_with_knob(self, role: Role, size) -> list[Prop]:
        door = np.array(SPRITES["door"].size) * self._body
        x = self._foot[0] + self._side * (0.24 * self._body)
        y = self._foot[1] - 0.5 * self._body
        panel = (x + self._side * door[0] * 0.32, self._foot[1] - door[1] / 2 - 6)
        return [
            self._prop("door", None, door, panel, False, self._side > 0),
            self._prop(role.object, role, size, (x, y), False),
        ]

    def _worn(self, role: Role) -> Prop:
        size = {"cover": (0.52, 0.26), "back": (0.24, 0.30), "wear": (0.27, 0.36)}[role.action]
        if role.object == "shoe":
            size = (0.26, 0.12)
        return self._prop(
            role.object, role, np.array(size) * self._body, (0, 0), True, self._side < 0
        )

    def _passive(self, name: str, role: Role | None) -> Prop:
        """Somewhere in the room: mostly ahead of the person, as AG's objects are."""
        w, h = self._sized(name)
        rng, body = self._rng, self._body
        ahead = self._side if rng.random() < 0.66 else -self._side
        if self._script.posture == WALK and rng.random() < 0.5:
            ahead = -ahead
        x = self._foot[0] + ahead * (body * rng.uniform(0.12, 0.55) + w / 2 * rng.uniform(0.5, 1.0))
        if name == "light":
            return self._prop(
                name, role, (w, h), (self._foot[0] + rng.normal(0, 0.25) * body, h / 2 + 1), False
            )
        if name == "doorway" and rng.random() < 0.60:
            x = self._foot[0] + rng.uniform(-0.05, 0.05) * body
        x = float(np.clip(x, 0.25 * w - 6, self._size[0] - 0.25 * w + 6))
        if name in _WALL_HUNG:
            y = self._foot[1] - body * (
                _WALL_HUNG[name]
                + rng.uniform(-0.03, 0.12)
                + (0.2 if self._script.posture == LIE else 0)
            )
            return self._prop(name, role, (w, h), (x, y), False)
        depth = rng.uniform(0.5, 0.95) * (self._foot[1] - self._horizon)
        return self._prop(name, role, (w, h), (x, self._horizon + depth - h / 2 + 4), False)
