import itertools
import random

import pytest

from tests.visualization.report_documents import graph
from vost_sgg.visualization.report.matching import counterparts, iou, matches

HOLDING = ("contacting", "holding", "cup")


def test_a_hit_has_the_triplet_and_both_boxes():
    truth = graph(HOLDING)
    assert matches(graph((*HOLDING, 0.5)), truth) == [0]
    assert matches(graph(("contacting", "touching", "cup", 0.5)), truth) == [None]
    assert matches(graph(("contacting", "holding", "table", 0.5)), truth) == [None]


@pytest.mark.parametrize("moved", ["person", "cup"])
def test_a_box_that_overlaps_too_little_makes_a_false_alarm(moved):
    # Half as wide again: IoU 1/2 is a hit. A third of it is left when it is narrower still.
    box = {"person": [0, 0, 20, 10], "cup": [30, 0, 50, 10]}
    half = {**box, moved: [box[moved][0], 0, box[moved][0] + 10, 10]}
    third = {**box, moved: [box[moved][0], 0, box[moved][0] + 7, 10]}
    truth = graph(HOLDING, boxes=box)
    assert matches(graph((*HOLDING, 0.5), boxes=half), truth) == [0]
    assert matches(graph((*HOLDING, 0.5), boxes=third), truth) == [None]


def test_an_annotated_relation_is_hit_once_by_the_highest_score():
    predicted = graph((*HOLDING, 0.2), (*HOLDING, 0.7), (*HOLDING, 0.4))
    assert matches(predicted, graph(HOLDING)) == [None, 0, None]


def test_leaving_out_low_scores_changes_no_other_match():
    """What the report's score filter relies on, on graphs with several objects of a class."""
    draw = random.Random(0)

    def crowded(scored: bool) -> dict:
        boxes = [[x, 0, x + 20, 20] for x in (draw.uniform(0, 30) for _ in range(5))]
        objects = [
            {"class": "person" if row == 0 else "cup", "box": box} for row, box in enumerate(boxes)
        ]
        relations = [
            {
                "subject": 0,
                "object": row,
                "predicate": name,
                **({"score": draw.random()} if scored else {}),
            }
            for row, name in itertools.product(range(1, 5), ("holding", "touching"))
        ]
        return {"objects": objects, "relations": relations}

    for _ in range(50):
        predicted, truth = crowded(True), crowded(False)
        for one in (predicted, truth):
            one["objects"][0]["box"] = [0, 0, 20, 20]
        found = matches(predicted, truth)
        kept = [row for row, item in enumerate(predicted["relations"]) if item["score"] >= 0.5]
        rest = {**predicted, "relations": [predicted["relations"][row] for row in kept]}
        assert matches(rest, truth) == [found[row] for row in kept]
        assert any(row is not None for row in found)


def test_counterparts_are_of_the_class_and_overlap_most():
    truth = {
        "objects": [
            {"class": "cup", "box": [0, 0, 10, 10]},
            {"class": "cup", "box": [50, 0, 60, 10]},
        ]
    }
    predicted = {
        "objects": [
            {"class": "table", "box": [0, 0, 10, 10]},
            {"class": "cup", "box": [0, 0, 10, 7]},
            {"class": "cup", "box": [0, 0, 10, 9]},
        ]
    }
    assert counterparts(predicted, truth) == [2, None]


def test_iou_in_closed_form():
    assert iou([0, 0, 4, 2], [2, 1, 6, 3]) == pytest.approx(2 / 14)
    assert iou([0, 0, 1, 1], [1, 0, 2, 1]) == 0
    assert iou([3, 3, 3, 3], [3, 3, 3, 3]) == 0
