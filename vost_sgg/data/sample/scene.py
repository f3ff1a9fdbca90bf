"""Draws the frames of a video: the room once, then the people and what moves."""

import cv2
import numpy as np

from vost_sgg.data.sample.brush import Palette, shade
from vost_sgg.data.sample.figure import HAND, HEAD, Figure
from vost_sgg.data.sample.layout import MARGIN, Layout
from vost_sgg.data.sample.person import Appearance, PersonPainter
from vost_sgg.data.sample.play import FrameState, Thing
from vost_sgg.data.sample.room import Prop
from vost_sgg.data.sample.scripts import IN_HAND
from vost_sgg.data.sample.sprites import paint

_SCALE = 2  # pictures are drawn at this scale, then reduced: smooth edges
_MOVES = IN_HAND | {"twist", "push", "wear", "back", "cover"}


class Scene:
    """The look of one video.

    Args:
        layout: what is where.
        rng: draws colours, textures and light.
    """

    def __init__(self, layout: Layout, rng: np.random.Generator):
        self._size = layout.size
        self._actor = PersonPainter(Appearance.draw(rng), _SCALE)
        self._second = PersonPainter(Appearance.draw(rng), _SCALE)
        self._second_in_front = layout.bystander is not None and layout.bystander[3]
        self._brightness = rng.uniform(0.82, 1.10)
        sprites = [None if p.name == "floor" else self._sprite(p, rng) for p in layout.props]
        self._room = _room(layout, rng)
        for prop, sprite in zip(layout.props, sprites, strict=False):
            if sprite is not None and not _is_dynamic(prop):
                if prop.place[1] + prop.size[1] / 2 > layout.horizon + 4:
                    _shadow(self._room, prop)
                _paste(self._room, sprite, (np.array(prop.place) + [MARGIN, 0]) * _SCALE)
        self._sprites = [
            s if s is not None and _is_dynamic(p) else None
            for p, s in zip(layout.props, sprites, strict=False)
        ]
        width, height = layout.size
        self._noise = (
            rng.normal(0, rng.uniform(1.0, 2.5), (height + 32, width + 32, 1))
            .astype(np.int16)
            .repeat(3, 2)
        )
        self._offsets = rng.integers(0, 32, (64, 2))

    def _sprite(self, prop: Prop, rng) -> np.ndarray:
        width, height = (max(4, round(side * _SCALE)) for side in prop.size)
        image = paint(prop.name, width, height, rng)
        return np.ascontiguousarray(image[:, ::-1]) if prop.flip else image

    def frame(self, state: FrameState, pan: float) -> np.ndarray:
        """(height, width, 3) uint8 RGB picture of ``state``; ``pan`` is the camera's shift in pixels."""
        width, height = self._size
        left = round((MARGIN + pan) * _SCALE)
        image = self._room[:, left : left + width * _SCALE].copy()
        for thing in state.things:
            if thing.blurred and not _is_dynamic(thing.prop) and thing.prop.name != "floor":
                _blur(image, thing.box() * _SCALE, 0.30, round_=False)
        self._people(image, state)
        if state.lost:
            self._hide_evidence(image, state.figure)
        if state.shaken:
            image = cv2.blur(image, (33, 9))
        return self._expose(
            cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), state.frame
        )

    def _people(self, image: np.ndarray, state: FrameState) -> None:
        figure, layers = state.figure, _layers(state.things)
        if state.bystander is not None and not self._second_in_front:
            self._whole(image, self._second, state.bystander)
        self._things(image, state, layers["behind"])
        early = [i for i in (0, 1) if not state.busy[i]] if figure.direction else []
        for i in early:
            self._actor.arm(image, figure, i)
        self._actor.body(image, figure, state.gaze)
        self._things(image, state, layers["worn"] + layers["front"] + layers["held"])
        for i in (0, 1):
            if i not in early:
                self._actor.arm(image, figure, i)
        for thing in state.things:
            if thing.active and thing.prop.role.action == "write":
                _pen(image, figure.hands[1 if figure.direction or state.busy[1] else 0] * _SCALE)
        if state.bystander is not None and self._second_in_front:
            self._whole(image, self._second, state.bystander)

    def _things(self, image: np.ndarray, state: FrameState, indices: list[int]) -> None:
        for i in indices:
            thing, sprite = state.things[i], self._sprites[i]
            if sprite is not None and not thing.absent:
                sprite = _rotated(sprite, thing.angle)
                _paste(image, _smeared(sprite) if thing.blurred else sprite, thing.centre * _SCALE)

    def _whole(self, image: np.ndarray, painter: PersonPainter, figure: Figure) -> None:
        painter.body(image, figure, np.array([0.7 * (figure.direction or 1), 0.3]))
        for i in (0, 1):
            painter.arm(image, figure, i)

    def _hide_evidence(self, image: np.ndarray, figure: Figure) -> None:
        for centre, radius in (
            (figure.head, 1.3 * HEAD),
            *((hand, 1.5 * HAND) for hand in figure.hands),
        ):
            reach = radius * figure.height
            _blur(image, np.concatenate([centre - reach, centre + reach]) * _SCALE, 0.8)

    def _expose(self, image: np.ndarray, frame: int) -> np.ndarray:
        y, x = self._offsets[frame % len(self._offsets)]
        noise = self._noise[y : y + image.shape[0], x : x + image.shape[1]]
        return cv2.add(cv2.convertScaleAbs(image, alpha=self._brightness), noise, dtype=cv2.CV_8U)


def _is_dynamic(prop: Prop) -> bool:
    return prop.front or (prop.role is not None and prop.role.action in _MOVES)


def _layers(things: tuple[Thing, ...]) -> dict[str, list[int]]:
    """Indices of the things by when they are drawn."""
    layers: dict[str, list[int]] = {"behind": [], "worn": [], "front": [], "held": []}
    for i, thing in enumerate(things):
        action = thing.prop.role.action if thing.prop.role else "passive"
        if action == "back" or (action == "twist" and not thing.prop.front):
            layers["behind"].append(i)
        elif action in ("wear", "cover"):
            layers["worn"].append(i)
        else:
            layers["held" if thing.active and action in IN_HAND else "front"].append(i)
    return layers


def _room(layout: Layout, rng) -> np.ndarray:
    """Wall, skirting board and floor, wider than the frame by MARGIN on both sides."""
    width, height = (layout.size[0] + 2 * MARGIN) * _SCALE, layout.size[1] * _SCALE
    horizon, palette = round(layout.horizon * _SCALE), Palette(rng)
    wall = palette.hsv((0, 1), (0.04, 0.26), (0.62, 0.90))
    ground = palette.hsv((0.04, 0.13), (0.18, 0.50), (0.42, 0.70))
    image = np.empty((height, width, 3), np.float32)
    image[:horizon] = np.array(wall) * np.linspace(0.88, 1.04, horizon)[:, None, None]
    image[horizon:] = np.array(ground) * np.linspace(0.82, 1.10, height - horizon)[:, None, None]
    pattern, step = rng.integers(3), int(rng.integers(24, 56))
    if pattern == 1:
        image[:horizon, ::step] *= 0.90
        image[:horizon, 1::step] *= 0.90
    elif pattern == 2:
        image[: int(horizon * 0.62) : step] *= 0.92
    for k in range(1, 5):
        image[horizon + int((height - horizon) * (k / 5) ** 1.4)] *= 0.82
    image[horizon - 8 : horizon] = np.array(shade(wall, 1.12))
    image[horizon - 9] = np.array(shade(wall, 0.7))
    image[horizon] *= 0.6
    clouds = cv2.resize(
        rng.normal(0, 3, (5, 8, 1)).astype(np.float32),
        (width, height),
        interpolation=cv2.INTER_CUBIC,
    )
    return np.clip(image + clouds[..., None], 0, 255).astype(np.uint8)


def _shadow(image: np.ndarray, prop: Prop) -> None:
    """Darkens the floor under what stands on it."""
    x, bottom = (prop.place[0] + MARGIN) * _SCALE, (prop.place[1] + prop.size[1] / 2) * _SCALE
    mask = np.zeros(image.shape[:2], np.uint8)
    cv2.ellipse(
        mask,
        (round(x), round(bottom)),
        (round(prop.size[0] * 0.52 * _SCALE), 5),
        0,
        0,
        360,
        70,
        -1,
        cv2.LINE_AA,
    )
    rows = slice(max(0, round(bottom) - 8), max(0, round(bottom) + 8))
    image[rows] = (image[rows] * (1 - mask[rows, :, None].astype(np.float32) / 255)).astype(
        np.uint8
    )


def _rotated(sprite: np.ndarray, angle: float) -> np.ndarray:
    if not angle:
        return sprite
    height, width = sprite.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1)
    c, s = abs(turn[0, 0]), abs(turn[0, 1])
    new = (int(np.ceil(width * c + height * s)), int(np.ceil(height * c + width * s)))
    turn[:, 2] += [(new[0] - width) / 2, (new[1] - height) / 2]
    return cv2.warpAffine(sprite, turn, new)


def _paste(image: np.ndarray, sprite: np.ndarray, centre: np.ndarray) -> None:
    """Puts a premultiplied RGBA sprite onto the image, in place."""
    height, width = sprite.shape[:2]
    x, y = round(centre[0] - width / 2), round(centre[1] - height / 2)
    x0, y0, x1, y1 = (
        max(x, 0),
        max(y, 0),
        min(x + width, image.shape[1]),
        min(y + height, image.shape[0]),
    )
    if x1 <= x0 or y1 <= y0:
        return
    part = sprite[y0 - y : y1 - y, x0 - x : x1 - x]
    under = image[y0:y1, x0:x1]
    shown = cv2.multiply(under, cv2.cvtColor(255 - part[..., 3], cv2.COLOR_GRAY2RGB), scale=1 / 255)
    under[:] = cv2.add(shown, part[..., :3])


def _smeared(sprite: np.ndarray) -> np.ndarray:
    """The sprite in quick motion."""
    return cv2.blur(
        sprite, (max(3, int(0.45 * sprite.shape[1])), max(3, int(0.12 * sprite.shape[0])))
    )


def _pen(image: np.ndarray, hand: np.ndarray) -> None:
    tip = (hand + [-6, 12]).round().astype(int)
    end = (hand + [10, -22]).round().astype(int)
    cv2.line(image, tuple(map(int, tip)), tuple(map(int, end)), (20, 24, 30), 5, cv2.LINE_AA)
    cv2.line(image, tuple(map(int, tip)), tuple(map(int, end)), (236, 190, 40), 3, cv2.LINE_AA)


def _blur(image: np.ndarray, box: np.ndarray, strength: float, round_: bool = True) -> None:
    """Blurs ``box`` or the ellipse in it; ``strength`` is the kernel's width in units of the box's."""
    x0, y0 = np.maximum(box[:2], 0).astype(int).tolist()
    x1, y1 = np.minimum(box[2:], image.shape[1::-1]).astype(int).tolist()
    if x1 - x0 < 3 or y1 - y0 < 3:
        return
    kernel = max(3, int(strength * (box[2] - box[0])))
    part = image[y0:y1, x0:x1]
    mask = np.zeros(part.shape[:2], np.uint8) if round_ else np.full(part.shape[:2], 255, np.uint8)
    half = ((x1 - x0) // 2, (y1 - y0) // 2)
    cv2.ellipse(mask, half, half, 0, 0, 360, 255, -1)
    cv2.copyTo(cv2.blur(part, (kernel, max(3, kernel // 2))), mask, part)
