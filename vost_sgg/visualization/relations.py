"""A scene graph, annotated or predicted, as the lines of text that a drawing shows."""

from dataclasses import dataclass

import numpy as np
import torch

from vost_sgg.structures import PREDICATE_GROUPS, Array, FrameGroundTruth, FramePrediction


@dataclass
class Node:
    """A box of the frame.

    Args:
        label: number and class, such as "2 sofa/couch"; predictions with their score.
        box: (4,) xyxy, in the unit of the graph.
        is_person: whether it is a person, not an object.
        verdict: one of ``style.MARKS``; "": it was not compared.
    """

    label: str
    box: np.ndarray
    is_person: bool
    verdict: str = ""


@dataclass
class Edge:
    """The predicates of one group between the person and one object.

    Args:
        group: attention | spatial | contacting. Spatial runs from object to person, the others from person to object.
        person, object: indices of nodes.
        label: names of the predicates, separated by ", "; predictions with their probability.
        verdict: as a node's.
    """

    group: str
    person: int
    object: int
    label: str
    verdict: str = ""


def drawn_graph(
    graph: FrameGroundTruth | FramePrediction, metadata, *, threshold: float, max_pairs: int
) -> tuple[list[Node], list[Edge]]:
    """The nodes and edges to draw, persons first.

    Of a prediction these are the ``max_pairs`` pairs of the highest score (of person times object), and of each group
    its best predicate, for spatial and contacting also every other above ``threshold``.
    """
    predicted = isinstance(graph, FramePrediction)
    rows = _best_pairs(graph, max_pairs) if predicted else np.arange(len(graph))
    pairs = _numpy(graph.pairs)[rows].reshape(-1, 2)
    used = dict.fromkeys([*pairs[:, 0], *pairs[:, 1]]) if predicted else range(len(graph.boxes))
    number = {int(box): i for i, box in enumerate(used)}
    boxes, classes = _numpy(graph.boxes), _numpy(graph.classes)
    nodes = []
    for box, i in number.items():
        name = metadata.thing_classes[classes[box]]
        score = f" {float(graph.scores[box]):.2f}" if predicted else ""
        nodes.append(Node(f"{i} {name}{score}", boxes[box], classes[box] == 0))
    edges = []
    for row, (person, thing) in zip(rows, pairs, strict=True):
        for group in PREDICATE_GROUPS:
            names = getattr(metadata, f"{group}_classes")
            values = _numpy(getattr(graph, group))[row]
            label = (
                _predicted(values, names, group, threshold) if predicted else _named(values, names)
            )
            if label:
                edges.append(Edge(group, number[int(person)], number[int(thing)], label))
    return nodes, edges


def _numpy(array: Array) -> np.ndarray:
    return np.asarray(torch.as_tensor(array).detach().cpu())


def _best_pairs(graph: FramePrediction, count: int) -> np.ndarray:
    scores = _numpy(graph.scores)[_numpy(graph.pairs).reshape(-1, 2)].prod(axis=1)
    return np.argsort(-scores, kind="stable")[:count]


def _named(labels: np.ndarray, names) -> str:
    return ", ".join(names[i].replace("_", " ") for i in np.flatnonzero(labels))


def _predicted(probabilities: np.ndarray, names, group: str, threshold: float) -> str:
    order = np.argsort(-probabilities, kind="stable")
    # Attention's predicates exclude each other.
    shown = 1 if group == "attention" else max(1, int((probabilities >= threshold).sum()))
    return ", ".join(f"{names[i].replace('_', ' ')} {probabilities[i]:.2f}" for i in order[:shown])
