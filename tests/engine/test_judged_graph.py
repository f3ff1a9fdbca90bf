"""What is drawn of a prediction beside its annotation, of a frame small enough to be judged by hand."""

from types import SimpleNamespace

import numpy as np

from vost_sgg.data.vocabulary import OBJECT_CLASSES, PREDICATE_CLASSES
from vost_sgg.engine.judged_graph import judged_graph
from vost_sgg.evaluation.frame_hits import frame_hits
from vost_sgg.evaluation.protocols import Protocol
from vost_sgg.structures import FrameGroundTruth, FramePrediction
from vost_sgg.visualization.style import FALSE_ALARM, HIT, MISSED

METADATA = SimpleNamespace(thing_classes=OBJECT_CLASSES, predicate_classes=PREDICATE_CLASSES)
CUP, CHAIR, BED = (OBJECT_CLASSES.index(n) for n in ("cup/glass/bottle", "chair", "bed"))
PERSON_BOX, CUP_BOX, CHAIR_BOX = (2, 2, 20, 38), (22, 10, 30, 20), (35, 5, 55, 38)


def columns(rows, dtype):
    """(K, 26) of {predicate: value} a pair, cut into the three groups."""
    values = np.zeros((len(rows), 26), dtype)
    for row, named in zip(values, rows, strict=True):
        for name, value in named.items():
            row[PREDICATE_CLASSES.index(name)] = value
    return np.split(values, [3, 9], axis=1)


def truth():
    """A person who looks at a cup and holds it, and sits on a chair."""
    labels = [{"looking_at": 1, "holding": 1}, {"sitting_on": 1}]
    boxes = np.array([PERSON_BOX, CUP_BOX, CHAIR_BOX], np.float32)
    pairs = np.array([[0, 1], [0, 2]])
    classes = np.array([0, CUP, CHAIR])
    return FrameGroundTruth(boxes, classes, pairs, *columns(labels, bool), size=(60, 40))


def drawn(prediction, rank=10, constraint="with", task="sgdet"):
    hits = frame_hits(truth(), prediction, Protocol(task), constraint=constraint, rank=rank)
    nodes, edges = judged_graph(truth(), prediction, hits, METADATA)
    return nodes, {(e.group, e.person, e.object, e.label, e.verdict) for e in edges}


def slots(*of):
    """A prediction from (object's class, its box, its score, {predicate: probability}) a slot."""
    k = len(of)
    boxes = [PERSON_BOX] * k + [slot[1] for slot in of]
    return FramePrediction(
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        classes=np.array([0] * k + [slot[0] for slot in of]),
        scores=np.array([1.0] * k + [slot[2] for slot in of]),
        pairs=np.stack([np.arange(k), k + np.arange(k)], axis=1),
        attention=columns([slot[3] for slot in of], float)[0],
        spatial=columns([slot[3] for slot in of], float)[1],
        contacting=columns([slot[3] for slot in of], float)[2],
    )


def test_hits_misses_and_false_alarms():
    near = tuple(np.add(CUP_BOX, 1))
    nodes, edges = drawn(
        slots(
            (CUP, near, 0.5, {"looking_at": 0.8, "touching": 0.6}),
            (BED, CHAIR_BOX, 0.9, {"unsure": 0.5}),
        )
    )
    # The annotated things keep their numbers; what nobody annotated comes behind them.
    assert [(n.label, n.verdict) for n in nodes] == [
        ("0 person", ""),
        ("1 cup/glass/bottle 0.50", ""),
        ("2 chair", MISSED),
        ("3 bed 0.90", FALSE_ALARM),
    ]
    assert nodes[1].box.tolist() == list(near) and nodes[2].box.tolist() == list(CHAIR_BOX)
    assert edges == {
        ("attention", 0, 1, "looking at 0.40", HIT),
        ("contacting", 0, 1, "touching 0.30", FALSE_ALARM),
        ("contacting", 0, 1, "holding", MISSED),
        ("contacting", 0, 2, "sitting on", MISSED),
        ("attention", 0, 3, "unsure 0.45", FALSE_ALARM),
    }


def test_slots_that_say_the_same_are_drawn_once():
    moved = tuple(np.add(CUP_BOX, 1))
    nodes, edges = drawn(
        slots((CUP, CUP_BOX, 0.9, {"looking_at": 1}), (CUP, moved, 0.8, {"looking_at": 1}))
    )
    assert len(nodes) == 3 and nodes[1].label == "1 cup/glass/bottle 0.90"
    assert ("attention", 0, 1, "looking at 0.90", HIT) in edges and len(edges) == 3


def test_only_the_first_triplets_count():
    prediction = slots(
        (CUP, CUP_BOX, 1.0, {"holding": 0.9}), (CHAIR, CHAIR_BOX, 1.0, {"sitting_on": 0.8})
    )
    _, edges = drawn(prediction, rank=1)
    assert ("contacting", 0, 2, "sitting on", MISSED) in edges
    _, edges = drawn(prediction, rank=2)
    assert ("contacting", 0, 2, "sitting on 0.80", HIT) in edges


def test_a_model_without_scores_shows_none_and_nothing_predicted_is_all_missed():
    nodes, edges = drawn(
        slots((CUP, CUP_BOX, 1.0, {"looking_at": 1, "holding": 1})), constraint="no"
    )
    assert nodes[1].label == "1 cup/glass/bottle"
    assert {label for *_, label, verdict in edges if verdict == HIT} == {"looking at", "holding"}
    nodes, edges = drawn(slots())
    assert [n.verdict for n in nodes] == [MISSED] * 3
    assert {verdict for *_, verdict in edges} == {MISSED} and len(edges) == 3


def test_oeds_unused_class_is_not_drawn():
    nodes, edges = drawn(slots((-1, CUP_BOX, 0.9, {"holding": 1})))
    assert len(nodes) == 3 and {verdict for *_, verdict in edges} == {MISSED}
