import numpy as np
import pytest

from vost_sgg.data.frame_sources import TimedFrame
from vost_sgg.data.vocabulary import (
    ATTENTION_CLASSES,
    CONTACTING_CLASSES,
    OBJECT_CLASSES,
    SPATIAL_CLASSES,
)
from vost_sgg.engine.graphs import scene_graph
from vost_sgg.evaluation.slots import predicted_slots
from vost_sgg.structures import FramePrediction
from vost_sgg.vlm.words import Vocabulary

WORDS = Vocabulary(
    *map(tuple, (OBJECT_CLASSES, ATTENTION_CLASSES, SPATIAL_CLASSES, CONTACTING_CLASSES))
)
FRAME = TimedFrame(np.zeros((40, 60, 3), np.uint8), 7, 0.7, 0.1)
CUP, CHAIR = OBJECT_CLASSES.index("cup/glass/bottle"), OBJECT_CLASSES.index("chair")
PERSON_BOX, CUP_BOX = (2.0, 2.0, 20.0, 38.0), (22.0, 10.0, 30.0, 20.0)


def prediction(slots) -> FramePrediction:
    """From (object's class, its box, its score, person's box, {predicate: probability}) a slot."""
    k = len(slots)
    values = np.zeros((k, 26))
    names = WORDS.attention + WORDS.spatial + WORDS.contacting
    for row, slot in zip(values, slots, strict=True):
        for name, value in slot[4].items():
            row[names.index(name)] = value
    return FramePrediction(
        boxes=np.array([s[3] for s in slots] + [s[1] for s in slots], float).reshape(-1, 4),
        classes=np.array([0] * k + [s[0] for s in slots]),
        scores=np.array([1.0] * k + [s[2] for s in slots]),
        pairs=np.stack([np.arange(k), k + np.arange(k)], axis=1),
        attention=values[:, :3],
        spatial=values[:, 3:9],
        contacting=values[:, 9:],
    )


def graph(slots, threshold=0.3):
    return scene_graph(prediction(slots), FRAME, WORDS, threshold)


def test_slots_of_one_pair_are_one_edge_with_the_best_score():
    close = tuple(np.add(CUP_BOX, 1.0))
    sure = (CUP, CUP_BOX, 0.9, PERSON_BOX, {"holding": 0.5, "looking_at": 0.6, "unsure": 0.3})
    less = (CUP, close, 0.8, tuple(np.add(PERSON_BOX, 1)), {"holding": 0.9, "unsure": 0.5})
    found = graph([less, sure])
    assert [(o.name, o.score) for o in found.objects] == [
        ("person", 1.0),
        ("cup/glass/bottle", 0.9),
    ]
    assert found.objects[1].box == CUP_BOX
    scores = {r.predicate: r.score for r in found.relations}
    assert scores == {"holding": pytest.approx(0.72), "looking_at": pytest.approx(0.54)}


def test_things_apart_or_of_another_class_stay_apart():
    far = (40.0, 10.0, 48.0, 20.0)
    slots = [
        (CUP, CUP_BOX, 0.9, PERSON_BOX, {"holding": 0.9}),
        (CUP, far, 0.9, PERSON_BOX, {"holding": 0.8}),
        (CHAIR, CUP_BOX, 0.9, PERSON_BOX, {"touching": 0.8}),
    ]
    names = [node.name for node in graph(slots).objects]
    assert names == ["person", "chair", "cup/glass/bottle", "cup/glass/bottle"]


def test_what_scores_below_the_threshold_is_left_out():
    slots = [(CUP, CUP_BOX, 0.5, PERSON_BOX, {"holding": 0.7, "wiping": 0.5})]
    assert [r.predicate for r in graph(slots).relations] == ["holding"]
    assert len(graph(slots, 0.51).objects) == 0


def test_scores_are_those_that_the_evaluation_ranks_by():
    generator = np.random.default_rng(0)
    boxes = [(x, 5.0, x + 4.0, 9.0) for x in (10.0, 20.0, 30.0)]
    names = WORDS.attention + WORDS.spatial + WORDS.contacting
    slots = [
        (
            CUP,
            box,
            generator.random(),
            PERSON_BOX,
            dict(zip(names, generator.random(26), strict=True)),
        )
        for box in boxes
    ]
    found = [r.score for r in graph(slots, 0.0).relations if r.group != "attention"]
    ranked = predicted_slots(prediction(slots))
    expected = (ranked.scores[:, None] * ranked.predicates)[:, 3:]
    np.testing.assert_allclose(found, np.sort(expected.ravel())[::-1])


def test_boxes_stay_in_the_frame_and_unused_classes_and_pairs_with_oneself_out():
    outside = (50.0, -5.0, 90.0, 60.0)
    slots = [
        (CUP, outside, 0.9, PERSON_BOX, {"holding": 0.9}),
        (-1, CUP_BOX, 0.9, PERSON_BOX, {"holding": 0.9}),
        (0, PERSON_BOX, 0.9, PERSON_BOX, {"touching": 0.9}),
    ]
    found = graph(slots)
    assert [node.name for node in found.objects] == ["person", "cup/glass/bottle"]
    assert found.objects[1].box == (50.0, 0.0, 60.0, 40.0)
    assert [r.predicate for r in found.relations] == ["holding"]


def test_a_detectors_boxes_are_nodes_without_edges():
    nothing = [np.zeros((0, n)) for n in (3, 6, 17)]
    boxes = np.array([PERSON_BOX, CUP_BOX, CUP_BOX])
    detected = FramePrediction(
        boxes, np.array([0, CUP, CHAIR]), np.array([0.9, 0.8, 0.1]), np.zeros((0, 2), int), *nothing
    )
    found = scene_graph(detected, FRAME, WORDS, 0.3)
    assert [(o.name, o.score) for o in found.objects] == [
        ("person", 0.9),
        ("cup/glass/bottle", 0.8),
    ]
    assert (found.index, found.time, found.size, found.relations) == (7, 0.7, (60, 40), ())
