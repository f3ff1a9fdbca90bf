"""Draws a posed figure: limbs, clothes, and a face whose eyes and outline turn with the gaze."""

from dataclasses import dataclass

import cv2
import numpy as np

from vost_sgg.data.sample.brush import DARK, WHITE, Colour, Palette, shade
from vost_sgg.data.sample.figure import FACING_AWAY, HAND, HEAD, LIMB_WIDTH, Figure

_SKIN = ((240, 198, 160), (214, 162, 120), (168, 116, 80), (112, 74, 52))
_HAIR = ((36, 30, 30), (96, 62, 36), (196, 150, 82), (78, 76, 78), (150, 70, 36))
_SHIFT = 4


@dataclass(frozen=True)
class Appearance:
    """What a person wears and looks like through a video."""

    skin: Colour
    hair: Colour
    top: Colour
    trousers: Colour
    shoes: Colour
    long_hair: bool
    long_sleeves: bool

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Appearance":
        palette = Palette(rng)
        return cls(
            skin=_SKIN[rng.integers(len(_SKIN))],
            hair=_HAIR[rng.integers(len(_HAIR))],
            top=palette.main,
            trousers=palette.hsv((0.52, 0.72), (0.15, 0.65), (0.22, 0.55)),
            shoes=palette.hsv((0, 1), (0.0, 0.5), (0.15, 0.35)),
            long_hair=bool(rng.random() < 0.5),
            long_sleeves=bool(rng.random() < 0.5),
        )


class PersonPainter:
    """Draws one person onto RGB images. ``scale`` turns the figure's pixels into the image's."""

    def __init__(self, appearance: Appearance, scale: float):
        self._look = appearance
        self._scale = scale

    def body(self, image: np.ndarray, figure: Figure, gaze: np.ndarray | None) -> None:
        """Everything but the arms; ``gaze`` is a unit vector, None when only the back of the head is seen."""
        look, h = self._look, figure.height
        if look.long_hair and not figure.lying and figure.facing != FACING_AWAY:
            behind = np.array([-figure.direction * 0.06, 0]) * h
            self._limb(
                image,
                [figure.head + behind, figure.neck + behind + [0, 0.05 * h]],
                0.20 * h,
                look.hair,
            )
        for knee, ankle, toe in zip(figure.knees, figure.ankles, figure.toes, strict=False):
            self._limb(image, [figure.hip, knee], LIMB_WIDTH["thigh"] * h, look.trousers)
            self._limb(image, [knee, ankle], LIMB_WIDTH["shin"] * h, look.trousers)
            self._limb(image, [ankle, toe], 0.055 * h, look.shoes)
        profile = figure.direction != 0 or figure.lying
        self._limb(image, [figure.hip, figure.neck + _towards(figure.neck, figure.hip) * 0.06 * h],
                   (0.155 if profile else 0.18) * h, look.top)  # fmt: skip
        if not profile:
            self._limb(image, figure.shoulders + [[0, 0.02 * h]], 0.085 * h, look.top)
        self._limb(
            image,
            [figure.neck, figure.neck + (figure.head - figure.neck) * 0.5],
            0.07 * h,
            look.skin,
        )
        self._head(image, figure, gaze)

    def arm(self, image: np.ndarray, figure: Figure, index: int) -> None:
        """One arm with its hand: 0 is the far (or left) one, 1 the near (or right) one."""
        look, h = self._look, figure.height
        shoulder, elbow, hand = figure.shoulders[index], figure.elbows[index], figure.hands[index]
        sleeve = shade(look.top, 0.86)
        self._limb(
            image,
            [elbow, hand],
            LIMB_WIDTH["forearm"] * h,
            sleeve if look.long_sleeves else look.skin,
        )
        self._limb(image, [shoulder, elbow], LIMB_WIDTH["upper_arm"] * h, sleeve)
        self._disc(image, hand, (HAND * h, HAND * h), shade(look.skin, 0.55))
        self._disc(image, hand, (HAND * h - 0.9, HAND * h - 0.9), look.skin)

    def _head(self, image: np.ndarray, figure: Figure, gaze: np.ndarray | None) -> None:
        look, r = self._look, HEAD * figure.height
        if look.long_hair and not figure.lying:
            self._limb(
                image, [figure.head, figure.neck + [0, 0.02 * figure.height]], 1.5 * r, look.hair
            )
        self._disc(image, figure.head, (r + 0.7, r * 1.08 + 0.7), DARK)
        self._disc(image, figure.head, (r, r * 1.08), look.hair)
        if gaze is None or figure.facing == FACING_AWAY:
            return
        face = figure.head + gaze * [0.40 * r, 0.34 * r] + [0, 0.10 * r]
        self._disc(image, face, (0.74 * r + 0.6, 0.84 * r + 0.6), shade(look.skin, 0.55))
        self._disc(image, face, (0.74 * r, 0.84 * r), look.skin)
        for side in (-1, 1):
            eye = face + gaze * [0.26 * r, 0.26 * r] + [side * 0.30 * r, -0.18 * r]
            self._disc(image, eye, (0.23 * r, 0.25 * r), WHITE)
            self._disc(image, eye + gaze * 0.10 * r, (0.13 * r, 0.15 * r), (16, 14, 20))
        self._disc(
            image,
            face + gaze * [0.52 * r, 0.20 * r] + [0, 0.12 * r],
            (0.13 * r, 0.13 * r),
            shade(look.skin, 0.74),
        )
        mouth = face + gaze * [0.28 * r, 0.10 * r] + [0, 0.50 * r]
        self._limb(
            image,
            [mouth - [0.18 * r, 0], mouth + [0.18 * r, 0]],
            0.10 * r,
            (150, 56, 56),
            outline=False,
        )

    def _limb(
        self, image: np.ndarray, points, width: float, colour: Colour, outline: bool = True
    ) -> None:
        fixed = [np.rint(np.asarray(points, float) * self._scale * (1 << _SHIFT)).astype(np.int32)]
        thickness = max(1, round(width * self._scale))
        if outline:
            cv2.polylines(
                image, fixed, False, shade(colour, 0.55), thickness + 2, cv2.LINE_AA, _SHIFT
            )
        cv2.polylines(image, fixed, False, colour, thickness, cv2.LINE_AA, _SHIFT)

    def _disc(
        self, image: np.ndarray, centre: np.ndarray, radii: tuple[float, float], colour: Colour
    ) -> None:
        x, y, rx, ry = (round(v * self._scale * (1 << _SHIFT)) for v in (*centre, *radii))
        cv2.ellipse(image, (x, y), (rx, ry), 0, 0, 360, colour, -1, cv2.LINE_AA, _SHIFT)


def _towards(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    offset = end - start
    return offset / (np.hypot(*offset) + 1e-6)
