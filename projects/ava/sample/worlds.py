"""The second world of the sample: other bodies, other rooms, other cameras, drawn once a clip."""

from dataclasses import dataclass, fields, replace
from functools import cached_property

import cv2
import numpy as np

from vost_sgg.data.sample.figure import Figure
from vost_sgg.data.sample.layout import Layout
from vost_sgg.data.sample.play import FrameState


@dataclass(frozen=True)
class World:
    """How a clip's play is filmed. The familiar world, that of ``ag_sample``, changes nothing.

    Args:
        build: limbs and head are drawn as those of a body so many times as high, on the same joints.
        horizon: how much higher the wall meets the floor, in shares of the frame's height.
        camera: (2, 3) from a point of the play's frame to one of the picture.
        size: (width, height) of the play's frame and of the picture.
        colours: (3, 3) from the play's RGB to the picture's.
        gamma: of the picture; above 1 it is darker.
        vignette: how much darker the corners are, as a share.
    """

    build: float
    horizon: float
    camera: np.ndarray
    size: tuple[int, int]
    colours: np.ndarray
    gamma: float
    vignette: float

    @classmethod
    def familiar(cls, size: tuple[int, int]) -> "World":
        """The world of ``ag_sample``, for frames of ``size``."""
        return cls(1.0, 0.0, np.eye(2, 3), size, np.eye(3), 1.0, 0.0)

    @classmethod
    def shifted(cls, rng: np.random.Generator, size: tuple[int, int]) -> "World":
        """Another world, for a play whose frames have ``size``."""
        build = rng.uniform(0.74, 0.86) if rng.random() < 0.5 else rng.uniform(1.16, 1.30)
        return cls(
            build=build, horizon=rng.uniform(0.06, 0.16), camera=_camera(rng, size), size=size,
            colours=_colours(rng), gamma=rng.uniform(1.0, 1.6), vignette=rng.uniform(0.2, 0.6),
        )  # fmt: skip

    def layout(self, layout: Layout) -> Layout:
        """The room of this world, in which everything is where it was."""
        return replace(layout, horizon=layout.horizon - self.horizon * layout.size[1])

    def state(self, state: FrameState) -> FrameState:
        """The state with the bodies of this world."""
        bystander = state.bystander and self.figure(state.bystander)
        return replace(state, figure=self.figure(state.figure), bystander=bystander)

    def figure(self, figure: Figure) -> Figure:
        """A figure of this world, in pixels of the play's frame."""
        return replace(figure, height=figure.height * self.build)

    def picture(self, image: np.ndarray) -> np.ndarray:
        """(height, width, 3) uint8 RGB of ``size``: what this world's camera makes of a frame of the play."""
        image = cv2.warpAffine(
            image, self.camera, self.size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
        )
        mixed = cv2.transform(image, self.colours)
        return cv2.multiply(cv2.LUT(mixed, self._curve), self._light, scale=1 / 255)

    @cached_property
    def _curve(self) -> np.ndarray:
        return np.rint(255 * (np.arange(256) / 255) ** self.gamma).astype(np.uint8)

    @cached_property
    def _light(self) -> np.ndarray:
        x, y = (np.linspace(-1, 1, side) for side in self.size)
        light = 1 - self.vignette / 2 * (x[None] ** 2 + y[:, None] ** 2)
        return np.rint(255 * light).astype(np.uint8)[..., None].repeat(3, axis=2)

    def body_box(self, figure: Figure) -> np.ndarray:
        """(4,) xyxy in pixels of the picture of a figure of the play, not cut off at its border."""
        turned = {
            f.name: self._points(getattr(figure, f.name))
            for f in fields(figure)
            if isinstance(getattr(figure, f.name), np.ndarray)
        }
        scale = np.sqrt(abs(np.linalg.det(self.camera[:, :2])))
        return replace(figure, height=figure.height * self.build * scale, **turned).box()

    def _points(self, points: np.ndarray) -> np.ndarray:
        return points @ self.camera[:, :2].T + self.camera[:, 2]

    def boxes(self, boxes: np.ndarray) -> np.ndarray:
        """(n, 4) boxes of the play's frame as boxes of the picture, xyxy in pixels, cut off at its border."""
        corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
        points = self._points(corners)
        found = np.concatenate([points.min(1), points.max(1)], axis=1)
        return found.clip(0, [*self.size, *self.size])


def _camera(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Nearer, a little tilted, with another lens, in half of the clips mirrored."""
    scale = rng.uniform(1.0, 1.15)
    angle = np.radians(rng.uniform(3, 7) * rng.choice([-1, 1]))
    mirror = np.diag([rng.choice([-1.0, 1.0]), 1.0])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = scale * np.diag([rng.uniform(0.90, 1.16), 1.0]) @ turn @ mirror
    centre = np.array(size) / 2
    shift = rng.uniform(-0.03, 0.03, 2) * size
    return np.column_stack([matrix, centre + shift - matrix @ centre])


def _colours(rng: np.random.Generator) -> np.ndarray:
    """A film stock: hues turned around the grey axis, less saturated, with a cast."""
    angle = np.radians(rng.uniform(40, 140) * rng.choice([-1, 1]))
    axis = np.full(3, 1 / np.sqrt(3))
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    turn = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    grey = np.full((3, 3), 1 / 3)
    saturation = rng.uniform(0.5, 0.9)
    cast = np.diag(rng.uniform(0.85, 1.1, 3))
    return cast @ (saturation * turn + (1 - saturation) * grey)
