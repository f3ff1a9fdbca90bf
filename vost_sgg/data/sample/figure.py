"""The person's geometry: joints of a posed figure, its box and its key points. Nothing is drawn here."""

import math
from dataclasses import dataclass, replace

import numpy as np

HEAD = (
    0.135  # radius, in units of body height; smaller heads leave no evidence of gaze at 160 pixels
)
HAND = 0.066
ARM_LINK = 0.185
SEAT = 0.27  # height of a sitting person's hip above the floor
LIMB_WIDTH = {"thigh": 0.100, "shin": 0.082, "upper_arm": 0.068, "forearm": 0.058}

# Half-extent of the flesh around each joint, in units of body height.
_EXTENT = {
    "hip": 0.075,
    "neck": 0.085,
    "head": HEAD * 1.08,
    "knee": 0.048,
    "ankle": 0.04,
    "toe": 0.028,
    "elbow": 0.034,
    "hand": HAND,
}
FACING_RIGHT, FACING_LEFT, FACING_CAMERA, FACING_AWAY = "right", "left", "camera", "away"


@dataclass(frozen=True)
class Figure:
    """A posed person. Points are (x, y) in pixels; pairs of limbs are (far, near) in profile, else (left, right).

    Args:
        height: body height in pixels.
        facing: "right", "left", "camera" or "away".
        lying: whether the body is horizontal.
        hip, neck, head: single joints; ``head`` is the centre of the skull.
        knees, ankles, toes, shoulders, elbows, hands: (2, 2) arrays.
    """

    height: float
    facing: str
    lying: bool
    hip: np.ndarray
    neck: np.ndarray
    head: np.ndarray
    knees: np.ndarray
    ankles: np.ndarray
    toes: np.ndarray
    shoulders: np.ndarray
    elbows: np.ndarray
    hands: np.ndarray

    @property
    def direction(self) -> int:
        """+1 or -1 in profile, 0 when facing the camera or away from it."""
        return {FACING_RIGHT: 1, FACING_LEFT: -1}.get(self.facing, 0)

    def joints(self) -> dict[str, np.ndarray]:
        """Joint kind -> (n, 2) points."""
        single = {"hip": self.hip[None], "neck": self.neck[None], "head": self.head[None]}
        pairs = {
            "knee": self.knees,
            "ankle": self.ankles,
            "toe": self.toes,
            "elbow": self.elbows,
            "hand": self.hands,
        }
        return single | pairs

    def box(self, arms: bool = True) -> np.ndarray:
        """(4,) xyxy in pixels, not clipped to the frame; without ``arms`` that of head, trunk and legs."""
        joints = {k: v for k, v in self.joints().items() if arms or k not in ("elbow", "hand")}
        low = [points.min(0) - _EXTENT[kind] * self.height for kind, points in joints.items()]
        high = [points.max(0) + _EXTENT[kind] * self.height for kind, points in joints.items()]
        return np.concatenate([np.min(low, 0), np.max(high, 0)])

    def coco_keypoints(self) -> np.ndarray:
        """(17, 2) in COCO's order: nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles."""
        h, side = self.height, np.array([0.05 * self.height, 0])
        face = self.head + np.array([self.direction * 0.08 * h, 0])
        head = [
            face,
            face - side * 0.6,
            face + side * 0.6,
            self.head - side * 1.6,
            self.head + side * 1.6,
        ]
        hips = [self.hip - side, self.hip + side]
        limbs = (self.shoulders, self.elbows, self.hands, hips, self.knees, self.ankles)
        return np.concatenate([np.stack(head), *(np.asarray(limb) for limb in limbs)])

    def reach(self, targets: tuple) -> "Figure":
        """The figure with hands brought to ``targets`` (two points or None each), as near as the arms allow."""
        resting = np.array([[self.direction * 0.05, 0.33]]) + np.array([[-0.05, 0], [0.05, 0]]) * (
            self.direction == 0
        )
        if self.lying:
            resting = np.array([[0.10, 0.10], [0.14, 0.08]]) * [self._feet_side(), 1]
        arms = []
        for i, (shoulder, target) in enumerate(zip(self.shoulders, targets, strict=False)):
            goal = (
                shoulder + resting[i % len(resting)] * self.height
                if target is None
                else np.asarray(target, float)
            )
            bend = self.direction if self.direction else (1, -1)[i]
            arms.append(_two_links(shoulder, goal, ARM_LINK * self.height, bend))
        return replace(
            self, elbows=np.stack([a[0] for a in arms]), hands=np.stack([a[1] for a in arms])
        )

    def _feet_side(self) -> float:
        return float(np.sign(self.hip[0] - self.neck[0])) or 1.0


def _two_links(
    start: np.ndarray, goal: np.ndarray, link: float, bend: int
) -> tuple[np.ndarray, np.ndarray]:
    """Elbow and hand of an arm of two equal links that reaches for ``goal``."""
    offset = goal - start
    distance = float(np.hypot(*offset)) + 1e-6
    direction = offset / distance
    distance = min(distance, 1.98 * link)
    angle = bend * math.acos(distance / (2 * link))
    c, s = math.cos(angle), math.sin(angle)
    elbow = start + link * np.array(
        [direction[0] * c - direction[1] * s, direction[0] * s + direction[1] * c]
    )
    return elbow, start + distance * direction


def stand(height: float, foot: np.ndarray, facing: str, *, stride: float | None = None, tilt: float = 0.0,
          kick: float = 0.0) -> Figure:  # fmt: skip
    """A standing or walking person.

    Args:
        foot: the point on the floor between the feet.
        stride: phase of the walk in radians, None when standing still.
        tilt: how far the shoulders lean sideways, in units of height (towards + x).
        kick: how far the near foot is stretched forwards, in units of height.
    """
    d = _direction(facing)
    hip = foot + np.array([0, -0.41]) * height
    neck = hip + np.array([d * 0.02 + tilt, -0.29]) * height
    knees, ankles = [], []
    for i, side in enumerate((-1, 1)):
        swing = (
            math.sin(stride) * 0.13 * side if stride is not None else (0.03 if d else 0.055) * side
        )
        forward = kick * d if i == 1 else 0.0
        knees.append(
            hip
            + np.array([swing * 0.6 + d * 0.02 + forward * 0.7, 0.20 - abs(forward) * 0.3]) * height
        )
        ankles.append(foot + np.array([swing + forward, -0.03 - abs(forward) * 0.45]) * height)
    return _assemble(height, facing, hip, neck, knees, ankles)


def sit(
    height: float, foot: np.ndarray, facing: str, *, hip_height: float = SEAT, recline: float = 0.0
) -> Figure:
    """A sitting person whose feet rest at ``foot``'s level; ``hip_height`` near 0 sits on the floor, legs stretched."""
    d = _direction(facing)
    hip = foot + np.array([0, -hip_height]) * height
    neck = hip + np.array([d * (0.02 - recline), -0.29]) * height
    low = hip_height < 0.15
    knees, ankles = [], []
    for side in (-1, 1):
        if d:
            knees.append(hip + np.array([d * 0.20 + side * 0.015, -0.10 if low else 0.02]) * height)
            ankles.append(
                foot + np.array([d * (0.36 if low else 0.22) + side * 0.02, -0.03]) * height
            )
        else:
            knees.append(
                hip + np.array([side * (0.17 if low else 0.10), -0.02 if low else 0.09]) * height
            )
            ankles.append(foot + np.array([side * (0.06 if low else 0.09), -0.02]) * height)
    return _assemble(height, facing, hip, neck, knees, ankles)


def lie(height: float, hip: np.ndarray, facing: str) -> Figure:
    """A person on the back: the head lies on the side opposite to ``facing``, the feet point that way."""
    d = _direction(facing) or 1
    neck = hip + np.array([-d * 0.29, -0.02]) * height
    head = neck + np.array([-d * 0.13, -0.045]) * height
    knees = [hip + np.array([d * 0.20, y]) * height for y in (-0.03, 0.0)]
    ankles = [hip + np.array([d * 0.40, y]) * height for y in (0.0, 0.015)]
    toes = [ankle + np.array([d * 0.02, -0.06]) * height for ankle in ankles]
    shoulders = neck + np.array([[d * 0.02, -0.01], [d * 0.04, 0.02]]) * height
    pairs = (
        np.stack(knees),
        np.stack(ankles),
        np.stack(toes),
        shoulders,
        shoulders.copy(),
        shoulders.copy(),
    )
    return Figure(height, facing, True, hip, neck, head, *pairs)


def _direction(facing: str) -> int:
    return {FACING_RIGHT: 1, FACING_LEFT: -1}.get(facing, 0)


def _assemble(height: float, facing: str, hip, neck, knees, ankles) -> Figure:
    d = _direction(facing)
    head = neck + np.array([d * 0.025, -0.145]) * height
    spread = 0.02 if d else 0.095
    shoulders = neck + np.array([[-spread, 0.035], [spread, 0.035]]) * height
    toes = [
        ankle + np.array([d * 0.07 if d else side * 0.035, 0.015]) * height
        for ankle, side in zip(ankles, (-1, 1), strict=False)
    ]
    pairs = (
        np.stack(knees),
        np.stack(ankles),
        np.stack(toes),
        shoulders,
        shoulders.copy(),
        shoulders.copy(),
    )
    return Figure(height, facing, False, hip, neck, head, *pairs)
