"""A video before it is played: the person's place, the room, the camera."""

from dataclasses import dataclass

import numpy as np

from vost_sgg.data.sample.room import Prop, Room
from vost_sgg.data.sample.scripts import FRAMES, LIE, WALK, Script, draw_script

LANDSCAPE, PORTRAIT = (224, 160), (160, 224)
MARGIN = 24  # pixels of room beside the frame, which a turning camera may show


@dataclass(frozen=True)
class Layout:
    """A video before it is played. Pixels are those of the frame; the room reaches MARGIN beyond it on both sides.

    Args:
        size: (width, height) of the frames.
        script: what happens.
        height: the person's height in pixels.
        foot: (x, y) between the feet in the middle of the video.
        speed: pixels a frame, for walking.
        horizon: y where the wall meets the floor.
        side: +1 or -1, where "in front" is for a person who faces the camera: the side of the hands' work.
        recline, tilt: how far the torso leans back on a seat, or sideways on a support (body heights).
        phase: of the periodic motions.
        props: objects from back to front.
        pan: (FRAMES,) shift of the camera in pixels.
        bystander: (place at frame 0, pixels a frame, height, in front) of a second person, or None.
    """

    size: tuple[int, int]
    script: Script
    height: float
    foot: np.ndarray
    speed: float
    horizon: float
    side: int
    recline: float
    tilt: float
    phase: float
    props: tuple[Prop, ...]
    pan: np.ndarray
    bystander: tuple[np.ndarray, float, float, bool] | None


def draw_layout(rng: np.random.Generator, nth: int, portrait: bool) -> Layout:
    """Draws the room, the people and the camera of the ``nth`` video of a split."""
    width, height = size = PORTRAIT if portrait else LANDSCAPE
    script = draw_script(rng, nth)
    body = height * (rng.uniform(0.54, 0.62) if portrait else rng.uniform(0.72, 0.80))
    facing = {"right": 1, "left": -1}.get(script.facing, 0)
    side = facing or int(rng.choice([-1, 1]))
    # Room ahead for the hands' work; a walk is centred, and so is a lying body, whose hip is meant.
    shift = facing * {WALK: 0.0, LIE: -0.05}.get(script.posture, 0.12)
    foot = np.array([0.5 - shift + rng.uniform(-0.05, 0.05), rng.uniform(0.90, 0.95)]) * size
    leaning = any(role.action == "lean" for role in script.roles)
    horizon = height * rng.uniform(0.58, 0.66)
    room = Room(rng, size, script, body, foot, side, horizon)
    return Layout(
        size=size, script=script, height=body, foot=foot, horizon=horizon, side=side,
        speed=facing * width * rng.uniform(0.30, 0.50) / FRAMES if script.posture == WALK else 0.0,
        recline=0.08 if rng.random() < 0.16 else 0.0, tilt=0.09 * side if leaning else 0.0,
        phase=rng.uniform(0, 2 * np.pi), props=room.furnish(), pan=_pan(rng, width),
        bystander=_bystander(rng, size, foot, body),
    )  # fmt: skip


def _pan(rng, width: int) -> np.ndarray:
    reach = min(MARGIN - 2, width * 0.11) * rng.choice([0.15, 1.0], p=[0.6, 0.4])
    t = np.arange(FRAMES)
    return reach * np.sin(rng.uniform(0.05, 0.11) * t + rng.uniform(0, 6))


def _bystander(rng, size, foot, body):
    if rng.random() >= 0.22:
        return None
    in_front = rng.random() < 0.3
    height = body * (rng.uniform(0.95, 1.05) if in_front else rng.uniform(0.72, 0.88))
    side = int(rng.choice([-1, 1]))
    speed = -side * rng.uniform(0.5, 1.0) * size[0] / FRAMES if in_front else rng.uniform(-0.3, 0.3)
    x = size[0] * (0.5 + 0.62 * side) if in_front else size[0] * (0.5 + 0.36 * side)
    return (
        np.array([x, foot[1] + (6 if in_front else -0.07 * size[1])]),
        float(speed),
        float(height),
        in_front,
    )
