"""Which predicted relations of a frame are hits.

A predicted relation is a hit if subject, predicate and object have the classes of an annotated relation and both boxes
overlap its boxes with an IoU of at least 0.5. Predictions are taken from the highest score down, and an annotated
relation is hit once. So what is a hit stays one when predictions below some score are left out.
"""

from collections.abc import Mapping, Sequence

MIN_IOU = 0.5


def matches(predicted: Mapping, truth: Mapping) -> list[int | None]:
    """The annotated relation that each predicted relation is a hit of.

    Args:
        predicted: ``objects`` (class, box in x0, y0, x1, y1) and
            ``relations`` (subject, object, predicate, score) of a frame.
        truth: the same of its ground truth, without scores.

    Returns:
        For each predicted relation a row of the annotated relations; None for a false alarm.
    """
    found: list[int | None] = [None] * len(predicted["relations"])
    free = list(range(len(truth["relations"])))
    for row in sorted(range(len(found)), key=lambda row: -predicted["relations"][row]["score"]):
        overlaps = {
            target: _overlap(predicted, row, truth, target)
            for target in free
            if _triplet(predicted, row) == _triplet(truth, target)
        }
        best = max(overlaps, key=overlaps.get, default=None)
        if best is not None and overlaps[best] >= MIN_IOU:
            found[row] = best
            free.remove(best)
    return found


def counterparts(predicted: Mapping, truth: Mapping) -> list[int | None]:
    """For each annotated object the predicted one of its class that overlaps it most, by an IoU of 0.5 or more."""
    return [_counterpart(item, predicted["objects"]) for item in truth["objects"]]


def _counterpart(item: Mapping, objects: Sequence[Mapping]) -> int | None:
    overlaps = {
        row: iou(item["box"], other["box"])
        for row, other in enumerate(objects)
        if other["class"] == item["class"]
    }
    best = max(overlaps, key=overlaps.get, default=None)
    return best if best is not None and overlaps[best] >= MIN_IOU else None


def _triplet(graph: Mapping, row: int) -> tuple[str, str, str]:
    relation, objects = graph["relations"][row], graph["objects"]
    ends = objects[relation["subject"]]["class"], objects[relation["object"]]["class"]
    return ends[0], relation["predicate"], ends[1]


def _overlap(predicted: Mapping, row: int, truth: Mapping, target: int) -> float:
    """The smaller IoU of the two ends."""
    ends = [
        (predicted["relations"][row][end], truth["relations"][target][end])
        for end in ("subject", "object")
    ]
    return min(
        iou(predicted["objects"][ours]["box"], truth["objects"][theirs]["box"])
        for ours, theirs in ends
    )


def iou(first: Sequence[float], second: Sequence[float]) -> float:
    """Intersection over union of two boxes x0, y0, x1, y1; 0 where both are empty."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    shared = max(width, 0.0) * max(height, 0.0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    union = sum(areas) - shared
    return shared / union if union > 0 else 0.0
