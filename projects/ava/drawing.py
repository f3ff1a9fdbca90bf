"""Draws the layout of the paper's Fig. 13. Told apart by marks and borders as well as by green and red."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from matplotlib.patheffects import withStroke

# Pixels. A panel is a frame with the annotated actions above it and the two plates below.
DPI = 100
WIDTH, FRAME_HEIGHT, PLATE_HEIGHT, HEAD = 420, 280, 118, 58
GAP = 22
COLUMNS = 3
# Text and plates; readable on each other, and dark against light without colour.
GOOD, BAD = ("#00664a", "#d8f3e8"), ("#a32a00", "#fde3d8")
_POINTS = 72 / DPI


@dataclass(frozen=True)
class Panel:
    """One person of one keyframe.

    Args:
        image: (h, w, 3) uint8 RGB.
        box: (4,) xyxy of the annotated person in its pixels.
        annotated: names of the person's actions.
        named: of each of the two methods, best first.
    """

    image: np.ndarray
    box: np.ndarray
    annotated: Sequence[str]
    named: Sequence[Sequence[str]]


def draw_panels(panels: Sequence[Panel], titles: Sequence[str]) -> np.ndarray:
    """(H, W, 3) uint8 RGB: the panels in rows of three.

    Args:
        panels: at least one.
        titles: of the two methods, left and right.
    """
    columns, rows = min(COLUMNS, len(panels)), -(-len(panels) // COLUMNS)
    height = HEAD + FRAME_HEIGHT + PLATE_HEIGHT + GAP
    total = columns * (WIDTH + GAP) + GAP, rows * height + GAP
    figure = Figure((total[0] / DPI, total[1] / DPI), dpi=DPI, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, total[0]), ylim=(total[1], 0))
    axes.axis("off")
    for i, panel in enumerate(panels):
        x, y = GAP + i % COLUMNS * (WIDTH + GAP), GAP + i // COLUMNS * height
        _panel(axes, panel, titles, x, y)
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3]


def _panel(axes, panel: Panel, titles: Sequence[str], x: float, y: float) -> None:
    _text(axes, x, y + 14, "annotated:", weight="bold")
    _text(axes, x, y + 38, ", ".join(map(_short, panel.annotated)))
    _frame(axes, panel, x, y + HEAD)
    half, top = (WIDTH - 12) / 2, y + HEAD + FRAME_HEIGHT + 10
    for k, (title, named) in enumerate(zip(titles, panel.named, strict=True)):
        _plate(axes, title, named, panel.annotated, x + k * (half + 12), top, half)


def _frame(axes, panel: Panel, x: float, y: float) -> None:
    height, width = panel.image.shape[:2]
    scale = min(WIDTH / width, FRAME_HEIGHT / height)
    left, top = x + (WIDTH - width * scale) / 2, y + (FRAME_HEIGHT - height * scale) / 2
    extent = (left, left + width * scale, top + height * scale, top)
    axes.imshow(panel.image, extent=extent, interpolation="bicubic", aspect="auto", zorder=1)
    x0, y0, x1, y1 = np.asarray(panel.box) * scale + np.tile([left, top], 2)
    person = Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, ec="black", lw=2, zorder=2)
    axes.add_patch(person).set_path_effects([withStroke(linewidth=4, foreground="white")])


def _plate(axes, title: str, named, annotated, x: float, y: float, width: float) -> None:
    whole = set(annotated) <= set(named)
    ink, fill = GOOD if whole else BAD
    height = PLATE_HEIGHT - 14
    axes.add_patch(
        FancyBboxPatch(
            (x + 4, y + 4), width - 8, height - 8, boxstyle="round,pad=4", fc=fill, ec=ink,
            lw=1.8, ls="-" if whole else (0, (4, 2)),
        )
    )  # fmt: skip
    _text(axes, x + 10, y + 14, title, weight="bold")
    lines = [(f"{'✓' if n in annotated else '✗'} {_short(n)}", n in annotated) for n in named]
    step = (height - 32) / max(4, len(lines))
    for i, (line, right) in enumerate(lines or [("names none of the seven", False)]):
        _text(axes, x + 10, y + 36 + i * step, line, color=(GOOD if right else BAD)[0])


def _text(axes, x: float, y: float, text: str, **style) -> None:
    axes.text(x, y, text, fontsize=13.5 * _POINTS, va="center", ha="left", zorder=3, **style)


def _short(name: str) -> str:
    """An action without the explanation behind its name."""
    return name.partition(" (")[0]
