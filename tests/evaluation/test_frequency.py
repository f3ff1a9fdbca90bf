"""The frequency baseline against counts made by hand."""

import numpy as np
import pytest

from vost_sgg.evaluation import FrequencyBaseline, SceneGraphRecall
from vost_sgg.structures import FrameGroundTruth, FramePrediction

CUP, CHAIR, SOFA = 10, 7, 30


def frame(labels, attention, contacting=()):
    """Objects of class ``labels`` with an attention column each; ``contacting`` lists (object, column)."""
    count = len(labels)
    contact = np.zeros((count, 17), bool)
    for row, column in contacting:
        contact[row, column] = True
    return FrameGroundTruth(
        boxes=np.tile([0.0, 0, 10, 10], (count + 1, 1)),
        classes=np.array([0, *labels]),
        pairs=np.array([[0, i + 1] for i in range(count)]).reshape(-1, 2),
        attention=np.eye(3, dtype=bool)[list(attention)].reshape(-1, 3),
        spatial=np.zeros((count, 6), bool),
        contacting=contact,
        size=(100, 100),
    )


def given(truth):
    """A prediction of the annotated boxes and classes, without an idea of the predicates."""
    groups = [np.full((len(truth), size), 0.5) for size in (3, 6, 17)]
    return FramePrediction(
        truth.boxes, truth.classes, np.ones(len(truth.boxes)), truth.pairs, *groups
    )


TRAINING = [
    frame([CUP, CHAIR], [0, 1], [(0, 5), (1, 11)]),
    frame([CUP], [0], [(0, 5), (0, 13)]),
    frame([CUP], [2], [(0, 13)]),
    frame([], []),
]


def test_probabilities_are_shares_of_the_training_pairs():
    prediction = FrequencyBaseline(iter(TRAINING)).predict(given(frame([CHAIR, CUP], [0, 0])))
    assert prediction.attention == pytest.approx(np.array([[0, 1, 0], [2 / 3, 0, 1 / 3]]))
    assert prediction.contacting[1, [5, 13, 11]] == pytest.approx([2 / 3, 2 / 3, 0])
    assert prediction.contacting[0, 11] == 1
    assert prediction.scores.tolist() == [1, 1, 1]


def test_an_unseen_class_gets_the_shares_of_all_pairs():
    prediction = FrequencyBaseline(TRAINING).predict(given(frame([SOFA], [0])))
    assert prediction.attention == pytest.approx(np.array([[1 / 2, 1 / 4, 1 / 4]]))
    assert prediction.contacting[0, [5, 11, 13]] == pytest.approx([1 / 2, 1 / 4, 1 / 2])


def test_a_prediction_can_be_scored():
    baseline, recall = FrequencyBaseline(TRAINING), SceneGraphRecall("predcls")
    for truth in TRAINING:
        recall.update(truth, baseline.predict(given(truth)))
    assert (recall.frames, recall.frames_without_pairs) == (3, 1)
    assert recall.compute()["no"]["R@50"] == 1


def test_predicted_boxes_classes_and_scores_are_kept():
    detected = given(frame([CUP, CHAIR], [0, 0]))
    detected.classes = np.array([0, CHAIR, -1])
    detected.scores = np.array([1, 0.3, 0.2])
    prediction = FrequencyBaseline(TRAINING).predict(detected)
    assert prediction.classes is detected.classes and prediction.scores is detected.scores
    assert prediction.contacting[0, 11] == 1  # a chair, as the model has it
    assert prediction.attention[1] == pytest.approx([1 / 2, 1 / 4, 1 / 4])  # the unused class


def test_training_without_pairs_is_an_error():
    with pytest.raises(ValueError, match="at least one annotated pair"):
        FrequencyBaseline([frame([], [])])
