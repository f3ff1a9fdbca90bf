"""Plays a layout: the state of any frame, from which labels are derived and pictures drawn."""

import math
from dataclasses import dataclass, fields, replace

import numpy as np

from vost_sgg.data.sample.action import Placement, kick, place
from vost_sgg.data.sample.figure import Figure, lie, sit, stand
from vost_sgg.data.sample.layout import Layout
from vost_sgg.data.sample.room import Prop
from vost_sgg.data.sample.scripts import AT_HAND, FRAMES, IN_HAND, LIE, SIT, WALK

_LOST = 0.08  # share of frames whose face and hands are a blur: neighbours tell
_BLURRED = 0.20  # share of entries blurred by motion in a frame and clear in the next
_SHAKEN = 0.075  # share of frames in which the camera shakes: nobody could annotate an object
HIDDEN_FACE, ELSEWHERE = "hidden", "elsewhere"


@dataclass(frozen=True)
class Thing:
    """An object in one frame.

    Args:
        prop: what it is.
        centre: (x, y) in pixels of the frame.
        angle: rotation in degrees.
        active: whether the role's contact is going on.
        at_mouth: whether it is raised to the mouth.
        absent: whether it is out of the picture (in a pocket, another room).
        blurred: whether it is blurred by motion.
    """

    prop: Prop
    centre: np.ndarray
    angle: float
    active: bool
    at_mouth: bool
    absent: bool
    blurred: bool

    def box(self) -> np.ndarray:
        """(4,) xyxy in pixels of the frame, not clipped to it."""
        w, h = self.prop.size
        c, s = abs(math.cos(math.radians(self.angle))), abs(math.sin(math.radians(self.angle)))
        half = np.array([w * c + h * s, h * c + w * s]) / 2
        return np.concatenate([self.centre - half, self.centre + half])


@dataclass(frozen=True)
class FrameState:
    """Everything about one frame. Pixels are those of the frame.

    Args:
        frame: number from 0.
        figure: the person.
        gaze: unit vector, None while the face is turned away.
        gaze_target: index into ``things``, or None.
        things: one for each prop of the layout.
        busy: which hands do something.
        bystander: a second person.
        lost: the face and the hands are blurred.
        shaken: the whole frame is blurred.
    """

    frame: int
    figure: Figure
    gaze: np.ndarray | None
    gaze_target: int | None
    things: tuple[Thing, ...]
    busy: tuple[bool, bool]
    bystander: Figure | None
    lost: bool
    shaken: bool


class Play:
    """One video, ready to be asked for any of its frames: ``play.state(frame)`` for frame 0 to FRAMES - 1."""

    def __init__(self, layout: Layout, rng: np.random.Generator):
        self.layout = layout
        self._gaze = self._draw_gaze(rng)
        self._lost = rng.random(FRAMES) < _LOST
        self._shaken = rng.random(FRAMES) < _SHAKEN
        self._blurred = rng.random((len(layout.props), FRAMES)) < _BLURRED
        # Some of what a hand takes later or puts away comes from out of the picture.
        self._pocketed = rng.random(len(layout.props)) < 0.35

    def _draw_gaze(self, rng) -> list:
        """Who looks where, dwell by dwell (1.2 to 2.8 s): an index of a prop, elsewhere, or with the face hidden."""
        layout = self.layout
        seen = [i for i, p in enumerate(layout.props) if p.role]
        hands = [i for i in seen if layout.props[i].role.action in IN_HAND | AT_HAND]
        timeline: list = []
        while len(timeline) < FRAMES:
            draw = rng.random()
            target = (
                seen[rng.integers(len(seen))]
                if not hands or draw > 0.76
                else hands[rng.integers(len(hands))]
            )
            if draw < 0.13:
                target = ELSEWHERE
            elif draw < 0.235:
                target = HIDDEN_FACE
            timeline += [HIDDEN_FACE if layout.script.facing == "away" else target] * int(
                rng.uniform(12, 28)
            )
        return timeline[:FRAMES]

    def state(self, frame: int) -> FrameState:
        """The state of frame ``frame``."""
        layout = self.layout
        body = self._body(frame)
        placements = [place(layout, prop, body, frame) for prop in layout.props]
        targets = self._hand_targets(body, placements)
        figure = _moved(body.reach(targets), layout.pan[frame])
        things = tuple(self._thing(i, p, frame) for i, p in enumerate(placements))
        gaze, target = self._look(figure, things, frame)
        return FrameState(
            frame=frame, figure=figure, gaze=gaze, gaze_target=target, things=things,
            busy=(targets[0] is not None, targets[1] is not None), bystander=self._bystander(frame),
            lost=bool(self._lost[frame]), shaken=bool(self._shaken[frame]),
        )  # fmt: skip

    def _body(self, frame: int) -> Figure:
        layout = self.layout
        facing, h = layout.script.facing, layout.height
        foot = layout.foot + np.array([layout.speed * (frame - FRAMES / 2), 0])
        seat = next(
            (p.name for p in layout.props if p.role and p.role.action in ("sit", "lie")), "floor"
        )
        if layout.script.posture == SIT:
            return sit(
                h,
                foot,
                facing,
                hip_height=0.08 if seat == "floor" else 0.27,
                recline=layout.recline,
            )
        if layout.script.posture == LIE:
            hip = foot + np.array(
                [0.02 * layout.side * h, (-0.08 if seat == "floor" else -0.32) * h]
            )
            return lie(h, hip, facing)
        pushes = any(
            p.role and p.role.action == "push" and p.role.active(frame) for p in layout.props
        )
        stride = 1.15 * frame + layout.phase if layout.script.posture == WALK else None
        return stand(
            h,
            foot,
            facing,
            stride=stride,
            tilt=layout.tilt,
            kick=kick(layout, frame) if pushes else 0.0,
        )

    def _hand_targets(self, body: Figure, placements: list[Placement]) -> tuple:
        """The near hand serves the first object that asks for a hand, the far hand the next one."""
        main = 1 if body.direction or self.layout.side > 0 else 0
        targets: list = [None, None]
        order = (main, 1 - main)
        wanted = [hands for hands in (p.hands for p in placements) if hands]
        for hands in sorted(wanted, key=len):
            free = [i for i in order if targets[i] is None]
            for i, point in zip(free, hands, strict=False):
                targets[i] = point
        return tuple(targets)

    def _thing(self, index: int, placement: Placement, frame: int) -> Thing:
        prop = self.layout.props[index]
        role = prop.role
        active = role is not None and role.active(frame)
        waiting = role is not None and role.action in IN_HAND and not active
        centre = placement.centre - np.array([self.layout.pan[frame], 0])
        return Thing(prop, centre, placement.angle, active, placement.at_mouth, bool(waiting and self._pocketed[index]),
                     bool(role is not None and self._blurred[index, frame]))  # fmt: skip

    def _look(
        self, figure: Figure, things: tuple[Thing, ...], frame: int
    ) -> tuple[np.ndarray | None, int | None]:
        target = self._gaze[frame]
        if target == HIDDEN_FACE:
            return None, None
        if target != ELSEWHERE and not things[target].absent:
            return _octant(_look_point(figure, things[target]) - figure.head), target
        taken = [
            _unit(_look_point(figure, t) - figure.head)
            for t in things
            if t.prop.role and t.prop.name != "floor"
        ]
        directions = [
            _octant(np.array([math.cos(a), math.sin(a)])) for a in np.arange(8) * math.pi / 4
        ]
        nearest = [
            max((float(d @ other) for other in taken), default=-1.0) + 0.15 * abs(d[1])
            for d in directions
        ]
        return directions[int(np.argmin(nearest))], None

    def _bystander(self, frame: int) -> Figure | None:
        if self.layout.bystander is None:
            return None
        start, speed, height, in_front = self.layout.bystander
        facing = "camera" if abs(speed) < 0.4 else ("right" if speed > 0 else "left")
        stride = 1.15 * frame if in_front else None
        figure = stand(height, start + np.array([speed * frame, 0]), facing, stride=stride)
        return _moved(figure.reach((None, None)), self.layout.pan[frame])


def _look_point(figure: Figure, thing: Thing) -> np.ndarray:
    """Where the eyes rest on a thing; on something large, at the height that is nearest to the eyes."""
    if thing.prop.name == "floor":
        return figure.head + np.array([figure.direction * 0.4, 1.0]) * figure.height
    half = thing.prop.size[1] / 2
    y = float(np.clip(figure.head[1], thing.centre[1] - 0.5 * half, thing.centre[1] + 0.5 * half))
    return np.array([thing.centre[0], y])


def looks_towards(state: FrameState, thing: Thing) -> bool:
    """Whether ``thing`` lies in the eighth of the circle that the gaze points to."""
    return float(
        _unit(_look_point(state.figure, thing) - state.figure.head) @ state.gaze
    ) > math.cos(math.pi / 8)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / (np.hypot(*vector) + 1e-6)


def _octant(vector: np.ndarray) -> np.ndarray:
    angle = round(math.atan2(vector[1], vector[0]) / (math.pi / 4)) * math.pi / 4
    return np.array([math.cos(angle), math.sin(angle)])


def _moved(figure: Figure, pan: float) -> Figure:
    """The figure as a camera shifted by ``pan`` sees it."""
    shift = np.array([pan, 0])
    points = {
        f.name: getattr(figure, f.name) - shift
        for f in fields(figure)
        if isinstance(getattr(figure, f.name), np.ndarray)
    }
    return replace(figure, **points)
