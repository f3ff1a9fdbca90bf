"""Where an acting person brings an object, and where the hands go for it."""

import math
from dataclasses import dataclass

import numpy as np

from vost_sgg.data.sample.figure import Figure
from vost_sgg.data.sample.layout import Layout
from vost_sgg.data.sample.room import Prop
from vost_sgg.data.sample.scripts import AT_HAND, IN_HAND

_TALL = frozenset({"broom", "vacuum"})  # stands on the floor while it is held
_HANDLED = frozenset({"door", "doorknob", "refrigerator", "closet/cabinet"})
_BIG = 0.23  # an object wider than this (in body heights) is held with both hands


@dataclass(frozen=True)
class Placement:
    """Where an object is in a frame.

    Args:
        centre: (x, y) in pixels of the room.
        angle: rotation in degrees, anticlockwise.
        hands: the points that hands are brought to: none, one or two.
        at_mouth: whether it is raised to the mouth.
    """

    centre: np.ndarray
    angle: float = 0.0
    hands: tuple = ()
    at_mouth: bool = False


def place(layout: Layout, prop: Prop, figure: Figure, frame: int) -> Placement:
    """Where ``prop`` is in ``frame``, given the posed body of the person."""
    role = prop.role
    if role is None or not role.active(frame) or role.action not in _ACTIONS:
        return Placement(np.array(prop.place))
    return _ACTIONS[role.action](layout, prop, figure, frame)


def kick(layout: Layout, frame: int) -> float:
    """How far the foot is stretched out when something is pushed with it, in body heights."""
    return 0.13 + 0.05 * math.sin(0.8 * frame + layout.phase)


def _ahead(layout: Layout, figure: Figure, x: float, y: float) -> np.ndarray:
    """The point x ahead of and y below the neck, in body heights; in front of the body when it faces the camera."""
    forward = layout.side * (x if figure.direction else x * 0.45)
    return figure.neck + np.array([forward, y]) * figure.height


def _hold(layout: Layout, prop: Prop, figure: Figure, frame: int) -> Placement:
    h, bob = figure.height, 0.012 * math.sin(0.25 * frame + layout.phase)
    if figure.lying:
        centre = figure.neck + np.array([layout.side * 0.10, -0.23 + bob]) * h
        return Placement(centre, hands=(centre + np.array([0, 0.3 * prop.size[1]]),))
    if prop.name in _TALL:
        swing = 0.05 * math.sin(0.5 * frame + layout.phase)
        centre = np.array(
            [figure.hip[0] + layout.side * (0.27 + swing) * h, layout.foot[1] - prop.size[1] / 2]
        )
        grip = centre + np.array(
            [layout.side * 0.22 * prop.size[0] * (prop.name == "vacuum"), -0.42 * prop.size[1]]
        )
        return Placement(centre, hands=(grip, grip + np.array([0, 0.08 * h])))
    centre, alone = _held_at(layout, prop, figure, bob)
    if prop.size[0] > _BIG * h and alone:
        edge = np.array([0.40 * prop.size[0], 0.22 * prop.size[1]])
        return Placement(centre, hands=(centre - edge * [1, -1], centre + edge))
    grip = centre + np.array([-layout.side * 0.2 * prop.size[0], 0.32 * prop.size[1]])
    return Placement(centre, hands=(grip,))


def _held_at(layout: Layout, prop: Prop, figure: Figure, bob: float) -> tuple[np.ndarray, bool]:
    """Where an object is held, and whether both hands are free for it: what the other hand does must stay in sight."""
    actions = [p.role.action for p in layout.props if p.role and p is not prop]
    first = next((p for p in layout.props if p.role and p.role.action in IN_HAND), prop)
    if prop is not first:
        return _ahead(layout, figure, 0.05, 0.36 + bob), False
    alone = not AT_HAND.intersection(actions)
    forward = 0.19 if alone else 0.06
    return _ahead(layout, figure, forward, 0.06 + prop.size[1] / figure.height / 2 + bob), alone


def _carry(layout: Layout, prop: Prop, figure: Figure, frame: int) -> Placement:
    centre = _ahead(layout, figure, 0.24, 0.24 + 0.015 * math.sin(1.15 * frame))
    below = np.array([0.28 * prop.size[0], 0.42 * prop.size[1]])
    return Placement(centre, hands=(centre + below * [-1, 1], centre + below))


def _to_mouth(layout: Layout, prop: Prop, figure: Figure, frame: int) -> Placement:
    if math.sin(0.45 * frame + layout.phase) < -0.35:
        return _hold(layout, prop, figure, frame)
    drinks = prop.role.action == "drink"
    centre = (
        figure.head
        + np.array([layout.side * (0.17 if figure.direction else 0.08), 0.10]) * figure.height
    )
    grip = centre + np.array([layout.side * 0.30 * prop.size[0], 0.40 * prop.size[1]])
    return Placement(
        centre, angle=layout.side * (32 if drinks else 8), hands=(grip,), at_mouth=True
    )


def _write(layout: Layout, prop: Prop, figure: Figure, frame: int) -> Placement:
    centre = _ahead(layout, figure, 0.25, 0.22)
    stroke = np.array(
        [0.26 * prop.size[0] * math.sin(2.2 * frame), 0.10 * prop.size[1] * math.cos(1.7 * frame)]
    )
    corner = np.array([-layout.side * 0.42 * prop.size[0], 0.36 * prop.size[1]])
    return Placement(
        centre,
        angle=layout.side * 10,
        hands=(centre + corner, centre + stroke + np.array([0, 0.1 * prop.size[1]])),
    )


def is_gripped(prop: Prop) -> bool:
    """Whether the hand that touches something with a handle holds it by that, for a whole video."""
    return prop.role.action == "touch" and prop.name in _HANDLED and prop.habits[0] > 0.55


def _touch_point(layout: Layout, prop: Prop, figure: Figure) -> np.ndarray:
    """Flat on the surface at the height of the shoulder, or low at the edge, where handles are."""
    w, h = prop.size
    gripped = is_gripped(prop)
    depth = min((0.05 if gripped else 0.15) * figure.height, 0.45 * w)
    x = prop.place[0] - layout.side * (w / 2 - depth)
    shoulder = figure.neck[1] + 0.04 * figure.height
    high, low = (0.24, 0.30) if gripped else (0.02, 0.12)
    y = np.clip(
        prop.place[1] - 0.15 * h, shoulder + high * figure.height, shoulder + low * figure.height
    )
    return np.array([x, float(np.clip(y, prop.place[1] - 0.45 * h, prop.place[1] + 0.4 * h))])


def _touch(layout: Layout, prop: Prop, figure: Figure, frame: int) -> Placement:
    return Placement(np.array(prop.place), hands=(_touch_point(layout, prop, figure),))


def _wipe(layout: Layout, prop: Prop, figure: Figure, frame: int) -> Placement:
    sweep = np.array([0.07 * math.sin(1.6 * frame), 0.02 * math.cos(1.6 * frame)]) * figure.height
    return Placement(np.array(prop.place), hands=(_touch_point(layout, prop, figure) + sweep,))


def _cloth(layout: Layout, prop: Prop, figure: Figure, frame: int) -> Placement:
    """The towel hangs from the hand that wipes."""
    wiped = next(
        (p for p in layout.props if p.role and p.role.action == "wipe" and p.role.active(frame)),
        None,
    )
    if wiped is None:
        return _hold(layout, prop, figure, frame)
    return Placement(
        _wipe(layout, wiped, figure, frame).hands[0] + np.array([0, 0.25 * prop.size[1]])
    )


def _twist(layout: Layout, prop: Prop, figure: Figure, frame: int) -> Placement:
    centre = np.array(prop.place)
    angle = 38 * math.sin(1.2 * frame + layout.phase)
    grip = centre + np.array([-layout.side * 0.30 * prop.size[0], 0.30 * prop.size[1]])
    return Placement(centre, angle=angle, hands=(grip,))


def _push(layout: Layout, prop: Prop, figure: Figure, frame: int) -> Placement:
    toe = figure.toes[1]
    return Placement(
        np.array([toe[0] + layout.side * prop.size[0] * 0.42, layout.foot[1] - prop.size[1] / 2])
    )


def _worn(layout: Layout, prop: Prop, figure: Figure, frame: int) -> Placement:
    if prop.name == "shoe":
        return Placement((figure.ankles.mean(0) + figure.toes.mean(0)) / 2)
    return Placement((figure.neck + figure.hip) / 2 + np.array([0, 0.02 * figure.height]))


def _on_back(layout: Layout, prop: Prop, figure: Figure, frame: int) -> Placement:
    behind = np.array([-figure.direction * 0.14, 0.0]) * figure.height
    return Placement((figure.neck + figure.hip) / 2 + behind, angle=-figure.direction * 6)


def _cover(layout: Layout, prop: Prop, figure: Figure, frame: int) -> Placement:
    thighs = (figure.hip + figure.knees.mean(0)) / 2
    low = 0.02 if figure.lying else 0.07
    return Placement(thighs + np.array([layout.side * 0.03, low]) * figure.height)


_ACTIONS = {
    "hold": _hold, "carry": _carry, "drink": _to_mouth, "eat": _to_mouth, "write": _write, "touch": _touch,
    "lean": _touch, "wipe": _wipe, "cloth": _cloth, "twist": _twist, "push": _push, "wear": _worn, "back": _on_back,
    "cover": _cover,
}  # fmt: skip
