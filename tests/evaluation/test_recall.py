"""SceneGraphRecall against the brute-force restatement, by hand, merged, and on bad input."""

import pytest

from tests.evaluation import brute_force
from vost_sgg.evaluation import SceneGraphRecall

CONSTRAINTS = ("with", "with_per_pair", "semi", "no")
EXTRA = {"oed": 0, "sttran": 1, "tempura": 1}


def evaluated(frames, task="sgdet", **arguments):
    recall = SceneGraphRecall(task, **{"constraints": CONSTRAINTS, **arguments})
    for truth, prediction in frames:
        recall.update(truth, prediction)
    return recall


@pytest.mark.parametrize("grid", [None, 2, 8])
@pytest.mark.parametrize("protocol", list(EXTRA))
@pytest.mark.parametrize("task", ["predcls", "sgdet"])
def test_equals_brute_force(random_frames, task, protocol, grid):
    frames = random_frames(100, task, seed=len(protocol), grid=grid)
    recall = evaluated(frames, task, protocol=protocol)
    for constraint, values in recall.compute().items():
        expected = brute_force.recall(frames, constraint, extra=EXTRA[protocol])
        assert values == pytest.approx(expected.values, abs=1e-12)
        assert recall.frames_without_pairs == expected.left_out > 0
        assert recall.frames == 100 - expected.left_out


@pytest.mark.parametrize("nms", ["oed", "iou"])
@pytest.mark.parametrize("grid", [None, 4])
def test_pair_nms_equals_brute_force(random_frames, nms, grid):
    frames = random_frames(80, seed=3, grid=grid, num_classes=3)
    values = evaluated(frames, nms=nms).compute()
    assert values != evaluated(frames).compute()
    for constraint in CONSTRAINTS:
        expected = brute_force.recall(frames, constraint, nms=nms)
        assert values[constraint] == pytest.approx(expected.values, abs=1e-12)
