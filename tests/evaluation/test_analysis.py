"""Head, body and tail, the harmonic mean, pair and zero-shot recall by hand; the ceiling against every choice."""

import itertools

import numpy as np
import pytest

from vost_sgg.evaluation import SceneGraphRecall
from vost_sgg.evaluation.analysis import predicate_split
from vost_sgg.evaluation.ceiling import recall_ceiling
from vost_sgg.evaluation.protocols import Protocol
from vost_sgg.evaluation.triplet_counts import TripletCounts
from vost_sgg.structures import FrameGroundTruth, FramePrediction

CUP, CHAIR = 10, 7
NOTHING = [np.zeros((2, n), bool) for n in (3, 6, 17)]


def labelled(*columns, classes=(CUP, CHAIR)):
    """A frame of two objects with the predicates ``columns`` (0..25) of each."""
    labels = np.zeros((2, 26), bool)
    for row, chosen in enumerate(columns):
        labels[row, list(chosen)] = True
    boxes = np.array([[0, 0, 100, 200], [50, 50, 80, 90], [300, 0, 400, 100]], float)
    pairs = np.array([[0, 1], [0, 2]])
    return FrameGroundTruth(
        boxes, np.array([0, *classes]), pairs, *np.split(labels, [3, 9], 1), size=(480, 270)
    )


def predicted(truth, scores):
    boxes, ones = truth.boxes, np.ones(3)
    return FramePrediction(boxes, truth.classes, ones, truth.pairs, *np.split(scores, [3, 9], 1))


def one_hot(*columns):
    scores = np.full((2, 26), 0.001)
    for row, chosen in enumerate(columns):
        scores[row, list(chosen)] = 0.8
    return scores


def test_the_split_is_by_frequency():
    counts = [100 - i for i in range(26)]
    counts[25], counts[0] = 1000, 99
    split = predicate_split(counts)
    assert split["head"] == [25, 0, 1, 2, 3, 4, 5, 6]
    assert split["tail"] == list(range(17, 25))
    assert sorted(sum(split.values(), [])) == list(range(26))


def test_by_hand():
    training = TripletCounts.of([labelled([0, 3, 9], [0])] * 9 + [labelled([1], [4])])
    truth = labelled([0, 3, 10], [1])  # <cup, 10> and <chair, 1> were never seen
    prediction = predicted(truth, one_hot([0, 4, 9], [1]))
    recall = SceneGraphRecall("predcls", constraints=("with",), training=training)
    recall.update(truth, prediction)
    recall.update(labelled([0, 3], []), predicted(truth, one_hot([1, 3, 9], [1])))
    values, analysis = recall.compute()["with"], recall.analysis()["with"]
    assert values["R@10"] == (2 / 4 + 1 / 2) / 2
    r, mean = values["R@10"], values["mR@10"]
    assert mean == pytest.approx((1 / 2 + 1 + 1 / 2) / 26)
    assert analysis["H@10"] == pytest.approx(2 * r * mean / (r + mean))
    # Only the first frame has unseen triplets; one of the two is found.
    assert analysis["zR@10"] == 1 / 2 and recall.unseen == {"triplets": 2, "frames": 1}
    assert analysis["pair_R@10"] == 1
    assert recall.predicate_split["head"][:5] == [0, 3, 9, 1, 4]
    assert analysis["head_mR@10"] == pytest.approx((1 / 2 + 1 + 1 / 2) / 8)
    assert analysis["tail_mR@10"] == 0


def test_a_pair_is_found_by_any_of_its_triplets():
    truth = labelled([0], [0])
    prediction = predicted(truth, one_hot([1, 3, 9], [2]))
    prediction.classes = np.array([0, CUP, CUP])  # the second object is no cup
    recall = SceneGraphRecall("sgcls", constraints=("with", "no"))
    recall.update(truth, prediction)
    for constraint in ("with", "no"):
        assert recall.analysis()[constraint]["pair_R@10"] == 1 / 2
    assert recall.compute()["with"]["R@10"] == 0
    assert recall.unseen is None and "zR@10" not in recall.analysis()["with"]


def test_nothing_scored_has_no_analysis():
    assert SceneGraphRecall("predcls").analysis() == {"with": {}, "no": {}}


FRAMES = [labelled([0, 10, 12], [1, 4, 5]), labelled([10], [0, 4]), labelled([10, 12], [2, 5, 11])]


@pytest.mark.parametrize("constraint", ["with", "with_per_pair"])
def test_no_choice_of_labels_beats_the_ceiling(constraint):
    """Every way to pick one label of each group (or pair), in every frame."""
    best = {}
    groups = [range(0, 3), range(3, 9), range(9, 26)] if constraint == "with" else [range(26)]
    choices = []
    for frame in FRAMES:
        labels = np.concatenate((frame.attention, frame.spatial, frame.contacting), axis=1)
        rows = [[[p for p in group if row[p]] or [None] for group in groups] for row in labels]
        choices.append(list(itertools.product(*rows[0], *rows[1])))
    for chosen in itertools.product(*choices):
        recall = SceneGraphRecall("predcls", constraints=(constraint,))
        for frame, columns in zip(FRAMES, chosen, strict=True):
            half = len(columns) // 2
            picked = [
                [c for c in part if c is not None] for part in (columns[:half], columns[half:])
            ]
            recall.update(frame, predicted(frame, one_hot(*picked)))
        for name, value in recall.compute()[constraint].items():
            best[name] = max(best.get(name, 0), value)
    protocol = Protocol("predcls", constraints=(constraint,))
    assert recall_ceiling(FRAMES, protocol)[constraint] == pytest.approx(best)


@pytest.mark.parametrize("protocol", ["oed", "sttran"])
def test_without_one_label_a_group_the_ceiling_is_all(protocol):
    rules = Protocol("sgdet", protocol, constraints=("no", "semi"), semi_threshold=0.95)
    values = recall_ceiling(FRAMES, rules)
    assert values["no"]["R@10"] == 1 and values["no"]["mR@10"] == pytest.approx(8 / 26)
    # The semi constraint takes one label of attention; here no pair has two.
    assert values["semi"]["R@10"] == 1
