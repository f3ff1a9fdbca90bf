"""The paper's counting of a model's cases against the VLM's answers, compared with a restatement case by case."""

import numpy as np
import pytest

from vost_sgg.data.vocabulary import PREDICATE_CLASSES
from vost_sgg.evaluation.prior_agreement import RARE_PREDICATES, PriorAgreement, agreement_table
from vost_sgg.evaluation.published import published_counts
from vost_sgg.structures import FrameGroundTruth, FramePrediction

GROUPS = {"attention": range(3), "spatial": range(3, 9), "contacting": range(9, 26)}


def frame(labels, scores):
    """A frame of K pairs from (K, 26) labels and scores."""
    count = len(labels)
    boxes = np.tile([0.0, 0.0, 1.0, 1.0], (count + 1, 1))
    pairs = np.array([[0, k + 1] for k in range(count)])
    classes = np.arange(count + 1)
    groups = [{g: array[:, list(c)] for g, c in GROUPS.items()} for array in (labels, scores)]
    truth = FrameGroundTruth(boxes=boxes, classes=classes, pairs=pairs, size=(1, 1), **groups[0])
    ones = np.ones(count + 1)
    return truth, FramePrediction(boxes, classes, ones, pairs, **groups[1])


def restated(frames):
    """The counts by the words of docs/ablation.md, for the rare predicates and the others."""
    keys = ("cases", "model_correct", "vlm_right", "vlm_wrong", "agreed", "corrected")
    counts = {kind: dict.fromkeys(keys, 0) for kind in ("rare", "other")}
    for labels, scores, named in frames:
        for k, predicate in np.argwhere(labels).tolist():
            group = next(g for g in GROUPS.values() if predicate in g)
            model = max(group, key=lambda p: scores[k, p]) == predicate
            said = {p for p in group if named[k, p]}
            true = {p for p in group if labels[k, p]}
            wrong = bool(said) and not said & true
            count = counts["rare" if PREDICATE_CLASSES[predicate] in RARE_PREDICATES else "other"]
            count["cases"] += 1
            count["model_correct"] += model
            count["vlm_right"] += predicate in said
            count["vlm_wrong"] += wrong
            count["agreed"] += model and predicate in said
            count["corrected"] += model and wrong
    return counts


def test_counts_are_those_of_a_loop_over_cases():
    rng = np.random.default_rng(0)
    frames = [
        (rng.random((k, 26)) < 0.2, rng.random((k, 26)), rng.random((k, 26)) < 0.1)
        for k in rng.integers(1, 5, 60)
    ]
    agreement = PriorAgreement(PREDICATE_CLASSES)
    for labels, scores, named in frames:
        agreement.add(*frame(labels, scores), named)
    found = agreement.compute()
    for kind, expected in restated(frames).items():
        assert expected.items() <= found[kind].items()
        assert found[kind]["agreed_share"] == expected["agreed"] / expected["model_correct"]
        assert found[kind]["corrected_share"] == expected["corrected"] / expected["vlm_wrong"]
        assert min(expected.values()) > 0


def test_the_rare_predicates_are_the_last_eight_of_the_paper_s_table():
    assert set(RARE_PREDICATES) == set(list(published_counts().counts)[-8:])


def test_no_case_has_no_share():
    found = PriorAgreement(PREDICATE_CLASSES).compute()
    assert found["rare"]["agreed_share"] is None and found["rare"]["corrected_share"] is None
    document = {
        **{"method": "VOST", "dataset": "tiny", "frame_rule": "oed", "frames": 3},
        **{"protocol": {"task": "predcls", "name": "oed"}, "agreement": found},
    }
    assert agreement_table(document).splitlines()[-1].split()[-2:] == ["-", "-"]


def test_answers_about_other_pairs_are_refused():
    truth, prediction = frame(np.ones((2, 26), bool), np.ones((2, 26)))
    with pytest.raises(ValueError, match="2 given pairs, predictions of 2 and answers about 3"):
        PriorAgreement(PREDICATE_CLASSES).add(truth, prediction, np.ones((3, 26), bool))
