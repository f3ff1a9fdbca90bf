"""A frame's prediction beside its annotation: what was found, missed, and said falsely."""

from collections.abc import Iterator

import numpy as np

from vost_sgg.engine.graphs import Nodes
from vost_sgg.evaluation.frame_hits import FrameHits
from vost_sgg.evaluation.slots import GROUP_SIZES, annotated_entities, predicted_entities
from vost_sgg.structures import PREDICATE_GROUPS, FrameGroundTruth, FramePrediction
from vost_sgg.visualization.relations import Edge, Node
from vost_sgg.visualization.style import FALSE_ALARM, HIT, MISSED

_GROUP_OF = np.repeat(PREDICATE_GROUPS, GROUP_SIZES).tolist()
# Rows of person and object, and the predicate.
_Triplet = tuple[int, int, int]


def judged_graph(
    truth: FrameGroundTruth, prediction: FramePrediction, hits: FrameHits, metadata
) -> tuple[list[Node], list[Edge]]:
    """The nodes and edges to draw of the triplets that were looked at, and of the annotated ones that they miss.

    The annotated boxes come first, in their order, so that a thing has the same number in every picture of its frame;
    a predicted box of its class that overlaps it by an IoU of 0.5 stands for it, without a mark. Slots that say the
    same are drawn once, with the best score.

    Args:
        truth: of the frame, boxes in pixels.
        prediction: of the frame.
        hits: of both.
        metadata: of the data set: thing_classes, predicate_classes.
    """
    things = Nodes(int(truth.size[0]), int(truth.size[1]))
    boxes, classes = annotated_entities(truth)
    rows = [things.row(*thing, 1.0) for thing in zip(classes, boxes, strict=True)]
    known = len(things.classes)
    drawn: dict[int, tuple[np.ndarray, float]] = {}
    said: dict[_Triplet, tuple[str, float]] = {}
    for triplet, verdict, score in _predicted(things, drawn, prediction, hits):
        before = said.get(triplet, (verdict, score))
        said[triplet] = HIT if HIT in (verdict, before[0]) else FALSE_ALARM, before[1]
    for i in np.flatnonzero(~hits.found):
        person, thing = (rows[box] for box in truth.pairs[hits.annotated_slot[i]])
        said.setdefault((person, thing, int(hits.annotated_predicate[i])), (MISSED, 1.0))
    nodes = []
    for row, category in enumerate(things.classes):
        box, score = drawn.get(row, (things.boxes[row], 1.0))
        verdict = MISSED if row not in drawn else "" if row < known else FALSE_ALARM
        label = f"{row} {metadata.thing_classes[category]}{_shown(score)}"
        nodes.append(Node(label, box, category == 0, verdict))
    return nodes, _edges(said, metadata)


def _predicted(
    things: Nodes, drawn: dict, prediction: FramePrediction, hits: FrameHits
) -> Iterator[tuple[_Triplet, str, float]]:
    """The triplets, the best first; their boxes are added to the things and to what is drawn."""
    boxes, classes, scores = predicted_entities(prediction)
    pairs = np.asarray(prediction.pairs).reshape(-1, 2)
    for slot, predicate, score, hit in zip(
        hits.slot, hits.predicate, hits.score, hits.hit, strict=True
    ):
        ends = pairs[slot].tolist()
        # A head of OED's can name its unused class, which is -1.
        if classes[ends].min() < 0:
            continue
        rows = [things.row(classes[i], boxes[i], scores[i]) for i in ends]
        for row, i in zip(rows, ends, strict=True):
            drawn.setdefault(row, (boxes[i], float(scores[i])))
        yield (*rows, int(predicate)), HIT if hit else FALSE_ALARM, float(score)


def _edges(said: dict[_Triplet, tuple[str, float]], metadata) -> list[Edge]:
    """An edge for the predicates of one pair, group and verdict."""
    labels: dict[tuple, list[str]] = {}
    for (person, thing, predicate), (verdict, score) in said.items():
        name = metadata.predicate_classes[predicate].replace("_", " ")
        key = _GROUP_OF[predicate], person, thing, verdict
        labels.setdefault(key, []).append(name + _shown(score))
    edges = [Edge(*key[:3], ", ".join(names), key[3]) for key, names in labels.items()]
    return sorted(edges, key=lambda edge: PREDICATE_GROUPS.index(edge.group))


def _shown(score: float) -> str:
    """Nothing of what was given, or comes from a model without scores."""
    return f" {score:.2f}" if score < 1 else ""
