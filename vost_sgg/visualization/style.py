"""Sizes, colours and labels that the drawings share. Lengths are pixels of the picture."""

import numpy as np
from matplotlib.patheffects import withStroke
from matplotlib.text import Text

DPI = 100
MARGIN = 16
# Height of the row that explains lines and marks.
LEGEND = 40
FONT = 17
POINTS = 72 / DPI
# Between the text of a label and its border.
PAD = 0.28 * FONT

# Okabe and Ito's colours, safe for the colour-blind: three for the groups of predicates, which line styles tell apart
# too, and others for the objects, which their numbers tell apart too.
GROUP_STYLES = {
    "attention": ("#0072B2", "-"),
    "spatial": ("#D55E00", (0, (6, 2))),
    "contacting": ("#009E73", (0, (1.5, 1.5))),
}
PERSON_COLOUR = "#000000"
SOFT_INK = "#555555"
OBJECT_COLOURS = ("#E69F00", "#56B4E9", "#CC79A7", "#F0E442", "#BBBBBB")

# What comparing with an annotation makes of a box or a triplet, and its mark, as in the report.
HIT, MISSED, FALSE_ALARM = "hit", "missed", "false alarm"
MARKS = {HIT: "\N{CHECK MARK}", MISSED: "\N{MULTIPLICATION X}", FALSE_ALARM: "!"}
# The line around it; "" is what was not compared.
VERDICT_LINES = {"": "-", HIT: "-", MISSED: (0, (4, 2)), FALSE_ALARM: (0, (1, 1.5))}


def marked(text: str, verdict: str) -> str:
    """The text behind its verdict's mark."""
    return f"{MARKS[verdict]}\N{NO-BREAK SPACE}{text}" if verdict else text


def node_colour(index: int, is_person: bool) -> str:
    """The colour of a node's box and label."""
    return PERSON_COLOUR if is_person else OBJECT_COLOURS[(index - 1) % len(OBJECT_COLOURS)]


def label(axes, x: float, y: float, text: str, face: str, border: str, **arguments) -> Text:
    """Text on a coloured plate."""
    plate = {"boxstyle": f"round,pad={PAD / FONT}", "facecolor": face, "edgecolor": border}
    ink = "white" if face == PERSON_COLOUR else "black"
    arguments = {"color": ink, "fontsize": FONT * POINTS, "zorder": 5, **arguments}
    return axes.text(x, y, text, bbox={**plate, "linewidth": 1.5}, **arguments)


def judge(text: Text, verdict: str) -> Text:
    """Gives a label with a white plate the looks of a verdict: a bold line, a hollow one, hatches."""
    plate = text.get_bbox_patch()
    plate.set(linestyle=VERDICT_LINES[verdict], linewidth=3 if verdict == HIT else 1.5)
    if verdict == FALSE_ALARM:
        plate.set(hatch="////", hatch_linewidth=0.6)
        text.set_path_effects([withStroke(linewidth=4, foreground="white")])
    if verdict == MISSED:
        text.set(color=SOFT_INK, fontstyle="italic")
    return text


def label_size(text: Text) -> tuple[float, float]:
    """Width and height of a label, its plate included."""
    extent = text.get_window_extent(text.axes.figure.canvas.get_renderer())
    return extent.width + 2 * PAD, extent.height + 2 * PAD


def label_spot(
    size: np.ndarray, box: np.ndarray, limit: np.ndarray, taken: list[np.ndarray]
) -> np.ndarray:
    """The upper left corner of a label at a corner of its box, where it covers the least of other labels.

    Args:
        size: (2,) width and height of the label.
        box: (4,) xyxy.
        limit: (2,) width and height of the picture, which the label does not leave.
        taken: (4,) xyxy of the labels that stand; this one is appended.
    """
    x0, y0, x1, y1 = box
    right, above, below = x1 - size[0], y0 - size[1], y1 - size[1]
    corners = [(x0, above), (x0, y0), (right, above), (right, y0), (x0, below), (right, below)]
    spots = [np.clip(spot, 0, limit - size) for spot in [*corners, (x0, y1), (right, y1)]]
    best = min(spots, key=lambda spot: sum(_overlap(spot, size, other) for other in taken))
    taken.append(np.concatenate([best, best + size]))
    return best


def _overlap(corner: np.ndarray, size: np.ndarray, other: np.ndarray) -> float:
    sides = np.minimum(corner + size, other[2:]) - np.maximum(corner, other[:2])
    return float(np.prod(np.maximum(sides, 0)))
