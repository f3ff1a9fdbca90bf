"""One frame's hits against the recall of that frame alone."""

import numpy as np
import pytest

from tests.evaluation import brute_force
from vost_sgg.evaluation import SceneGraphRecall
from vost_sgg.evaluation.frame_hits import frame_hits
from vost_sgg.evaluation.protocols import Protocol


def with_positive_scores(prediction):
    """Scores of 0, which are left out here and ranked by an evaluation, become small ones."""
    for field in ("scores", "attention", "spatial", "contacting"):
        setattr(prediction, field, np.maximum(getattr(prediction, field), 1e-3))
    return prediction


@pytest.mark.parametrize("constraint", ["with", "with_per_pair", "semi", "no"])
@pytest.mark.parametrize(("task", "nms"), [("predcls", None), ("sgdet", None), ("sgdet", "oed")])
def test_the_share_found_is_the_recall_of_the_frame(random_frames, task, nms, constraint):
    rules = {"constraints": (constraint,), "nms": nms, "semi_threshold": 0.5}
    protocol = Protocol(task, **rules)
    scored = 0
    for truth, prediction in random_frames(30, task=task):
        with_positive_scores(prediction)
        recall = SceneGraphRecall(task, **rules)
        recall.update(truth, prediction)
        for rank in (10, 50):
            hits = frame_hits(truth, prediction, protocol, constraint=constraint, rank=rank)
            assert len(hits.slot) <= rank and (np.diff(hits.score) <= 0).all()
            if recall.frames:
                scored += 1
                assert hits.recall == pytest.approx(recall.compute()[constraint][f"R@{rank}"])
            else:
                assert np.isnan(hits.recall)
    assert scored > 20


def test_a_hit_says_what_it_finds(random_frames):
    protocol = Protocol("predcls")
    for truth, prediction in random_frames(20, task="predcls"):
        with_positive_scores(prediction)
        hits = frame_hits(truth, prediction, protocol, constraint="no", rank=10)
        labels = np.concatenate([truth.attention, truth.spatial, truth.contacting], axis=1)
        assert labels[hits.slot[hits.hit], hits.predicate[hits.hit]].all()
        assert labels[hits.annotated_slot, hits.annotated_predicate].all()
        assert len(hits.found) == len(brute_force.annotated(truth))
        assert hits.hit.sum() <= hits.found.sum()


def test_what_scores_nothing_is_not_predicted(random_frames):
    for truth, prediction in random_frames(5, task="predcls"):
        prediction.spatial[:], prediction.contacting[:] = 0, 0
        hits = frame_hits(truth, prediction, Protocol("predcls"), constraint="with", rank=10)
        assert (hits.predicate < 3).all() and (hits.score > 0).all()
