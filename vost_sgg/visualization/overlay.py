"""Scene graphs drawn onto their frames, for videos: boxes with names, and a list of each pair's predicates."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vost_sgg.scene_graph import SceneGraph
from vost_sgg.structures import PREDICATE_GROUPS
from vost_sgg.visualization.style import (
    GROUP_STYLES,
    OBJECT_COLOURS,
    PERSON_COLOUR,
    label_spot,
)

# Share of the frame's height that the list may cover.
LIST_SHARE = 0.4
# Shorter side in pixels from which names stand with their scores.
SCORES_FROM = 240
# The list's plate: white, translucent.
PLATE = (255, 255, 255, 215)
# What a predicate's mark looks like, as in the report: shape and colour tell the group.
_CORNERS = {
    "spatial": ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)),
    "contacting": ((0.5, -0.1), (1.1, 0.5), (0.5, 1.1), (-0.1, 0.5)),
}


@dataclass
class _Row:
    """A line of the list: the predicates of one pair, and the lines of text that they need."""

    order: tuple[int, int]
    score: float
    lines: list[list[tuple[float, str, str]]]


class OverlayPainter:
    """Draws the graphs of one video, in which a class keeps its colour.

    A name stands at each box; at the edge a line an object lists its predicates. A predicate's mark tells its group:
    a blue disc attention, an orange square spatial, a green diamond contacting. What does not fit is counted.

    Args:
        person: name of the person's class.
        size: (width, height) of the frames in pixels.
    """

    def __init__(self, *, person: str, size: tuple[int, int]):
        self._person, self._size = person, size
        points = max(10, round(4 + 0.03 * min(size)))
        path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
        self._font = ImageFont.truetype(str(path), points)
        self._pad = max(2, points // 5)
        self._line = points + 2 * self._pad
        self._at_top: bool | None = None
        self._colours: dict[str, str] = {person: PERSON_COLOUR}

    def __call__(self, image: np.ndarray, graph: SceneGraph) -> np.ndarray:
        """The frame with its graph, (height, width, 3) uint8 RGB, a copy.

        Args:
            image: (height, width, 3) uint8 RGB, of the painter's size.
            graph: its boxes are in pixels of the image.
        """
        picture = Image.fromarray(image)
        pen = ImageDraw.Draw(picture, "RGBA")
        names = _names(graph)
        lines = self._list(graph, names)
        top, bottom = self._place(len(lines) * self._line, graph)
        for node in graph.objects:
            self._draw_box(pen, node.box, self._colour(node.name))
        taken: list[np.ndarray] = []
        for name, node in zip(names, graph.objects, strict=True):
            # In SGDET every slot has a person, without a score.
            shown = node.score < 1 and min(self._size) >= SCORES_FROM
            text = f"{name} {node.score:.2f}" if shown else name
            self._draw_tag(pen, text, node, taken, (top, bottom))
        if lines:
            pen.rectangle((0, top, self._size[0], bottom), fill=PLATE)
        for number, line in enumerate(lines):
            for x, kind, text in line:
                self._draw_item(pen, x, top + number * self._line, kind, text)
        return np.asarray(picture)

    def _colour(self, name: str) -> str:
        if name not in self._colours:
            self._colours[name] = OBJECT_COLOURS[(len(self._colours) - 1) % len(OBJECT_COLOURS)]
        return self._colours[name]

    def _draw_box(self, pen, box, colour: str) -> None:
        width = max(2, min(self._size) // 120)
        last = self._size[0] - 1, self._size[1] - 1
        x0, y0, x1, y1 = np.minimum(np.round(box), last * 2).tolist()
        rim = "white" if colour == PERSON_COLOUR else "black"
        pen.rectangle((x0 - 1, y0 - 1, x1 + 1, y1 + 1), outline=rim, width=width + 2)
        pen.rectangle((x0, y0, x1, y1), outline=colour, width=width)

    def _draw_tag(self, pen, text: str, node, taken: list[np.ndarray], plate: tuple) -> None:
        size = np.array([self._font.getlength(text) + 2 * self._pad, self._line])
        # Between the list and the opposite edge, in coordinates that begin there.
        first, last = (plate[1], self._size[1]) if self._at_top else (0, plate[0])
        shift = np.array([0, first])
        box = np.array(node.box) - np.tile(shift, 2)
        x, y = label_spot(size, box, np.array([self._size[0], last - first]), taken) + shift
        self._draw_plate(pen, x, y, text, node.name)

    def _place(self, height: float, graph: SceneGraph) -> tuple[float, float]:
        """Top and bottom of the list: where it covers less of the boxes, as in the video's first graph."""
        below = self._size[1] - height
        if self._at_top is None and height:
            boxes = np.array([node.box for node in graph.objects])
            widths, ys = boxes[:, 2] - boxes[:, 0], boxes[:, 1::2]
            covered = [
                (widths * np.ptp(ys.clip(*part), axis=1)).sum()
                for part in ((0, height), (below, self._size[1]))
            ]
            self._at_top = bool(covered[0] < covered[1])
        return (0, height) if self._at_top else (below, self._size[1])

    def _draw_plate(self, pen, x: float, y: float, text: str, name: str) -> None:
        colour = self._colour(name)
        ink = "white" if colour == PERSON_COLOUR else "black"
        right = x + self._font.getlength(text) + 2 * self._pad
        pen.rectangle((x, y, right, y + self._line - 1), fill=colour)
        pen.text((x + self._pad, y + self._line / 2), text, ink, self._font, anchor="lm")

    def _draw_item(self, pen, x: float, y: float, kind: str, text: str) -> None:
        """A predicate behind its group's mark, or (kind: a class) a name on its plate."""
        if kind not in GROUP_STYLES:
            if kind:
                self._draw_plate(pen, x, y, text, kind)
            else:
                pen.text((x, y + self._line / 2), text, "black", self._font, anchor="lm")
            return
        side = self._mark
        corner = np.array([x, y + (self._line - side) / 2])
        colour = GROUP_STYLES[kind][0]
        if kind in _CORNERS:
            pen.polygon([tuple(corner + side * np.array(p)) for p in _CORNERS[kind]], fill=colour)
        else:
            pen.ellipse((*corner, *(corner + side)), fill=colour)
        x += side + self._pad
        pen.text((x, y + self._line / 2), text, "black", self._font, anchor="lm")

    @property
    def _mark(self) -> float:
        return round(0.6 * self._font.size)

    def _list(self, graph: SceneGraph, names: list[str]) -> list[list[tuple[float, str, str]]]:
        """The lines, each of (x, kind, text); the surest pairs where there is no room for all, in the boxes' order."""
        rows = sorted(self._rows(graph, names), key=lambda row: -row.score)
        room = max(2, int(LIST_SHARE * self._size[1] / self._line))
        if sum(len(row.lines) for row in rows) <= room:
            kept = rows
        else:
            # A list of the surest pair alone may be cut off.
            kept, free = [], room - 1
            rows[0].lines = rows[0].lines[:free]
            for row in rows:
                if len(row.lines) <= free:
                    kept.append(row)
                    free -= len(row.lines)
        lines = [line for row in sorted(kept, key=lambda row: row.order) for line in row.lines]
        if len(kept) < len(rows):
            lines.append([(self._pad, "", f"and {len(rows) - len(kept)} more")])
        return lines

    def _rows(self, graph: SceneGraph, names: list[str]) -> list[_Row]:
        people = len({r.subject for r in graph.relations})
        rows = []
        for subject, thing in dict.fromkeys((r.subject, r.object) for r in graph.relations):
            relations = [r for r in graph.relations if (r.subject, r.object) == (subject, thing)]
            items = [(graph.objects[thing].name, names[thing])]
            if people > 1:
                items.insert(0, (graph.objects[subject].name, names[subject]))
            for group in PREDICATE_GROUPS:
                items += [
                    (group, r.predicate.replace("_", " ")) for r in relations if r.group == group
                ]
            rows.append(_Row((subject, thing), relations[0].score, self._wrapped(items)))
        return rows

    def _wrapped(self, items: list[tuple[str, str]]) -> list[list[tuple[float, str, str]]]:
        gap, x, lines = 3 * self._pad, float(self._pad), [[]]
        for kind, text in items:
            mark = self._mark if kind in GROUP_STYLES else self._pad
            width = self._font.getlength(text) + mark + self._pad
            if lines[-1] and x + width > self._size[0]:
                lines.append([])
                x = 4.0 * self._pad
            lines[-1].append((x, kind, text))
            x += width + gap
        return lines


def _names(graph: SceneGraph) -> list[str]:
    """The objects' names, numbered from 1 where a frame has several of one class."""
    count, seen, names = Counter(node.name for node in graph.objects), Counter(), []
    for node in graph.objects:
        seen[node.name] += 1
        names.append(f"{node.name} {seen[node.name]}" if count[node.name] > 1 else node.name)
    return names
