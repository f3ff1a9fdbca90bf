"""SceneGraphRecall equals the brute-force restatement, under every protocol, constraint, K and averaging.

hypothesis draws bytes, of which small awkward frames are made: no objects, one pair, equal scores, scores of 0 and 1,
boxes that are duplicates, without area, or overlap by exactly one half, classes that are never right. Seeded bytes make
frames of more slots than K counts, and more frames than are scored together.
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.evaluation import brute_force
from vost_sgg.evaluation import SceneGraphRecall
from vost_sgg.evaluation.triplet_counts import TripletCounts
from vost_sgg.structures import FrameGroundTruth, FramePrediction

SIZE = (480, 270)
# With the first: itself, an IoU of exactly 0.5, of 0.495 but 0.5 with one pixel more, of 0.68, of 0, without area.
BOXES = np.array(
    [
        *([0, 0, 100, 100], [0, 0, 100, 50], [0, 0, 49.5, 100], [10, 10, 110, 110]),
        *([200, 100, 300, 200], [20, 20, 20, 20]),
    ]
)
LEVELS = np.array([0, 0.25, 0.5, 0.9, 0.95, 1])
OBJECTS, SLOTS = 3, 7
TRUTH_BYTES, SLOT_BYTES = 2 + OBJECTS * 28, 31
FRAME_BYTES = TRUTH_BYTES + 1 + SLOTS * SLOT_BYTES
CONSTRAINTS = ("with", "with_per_pair", "semi", "no")
EXTRA = {"plain": 0, "plus_one": 1}


def frame(data):
    """An annotation and a prediction, which has at most as many slots as there are bytes for."""
    count, person = data[0] % (OBJECTS + 1), data[1]
    objects = data[2:TRUTH_BYTES].reshape(OBJECTS, 28)[:count]
    labels = np.split(objects[:, 2:] % 5 == 4, [3, 9], axis=1)
    truth = FrameGroundTruth(
        BOXES[np.append(person, objects[:, 0]) % len(BOXES)],
        np.append(0, 1 + objects[:, 1] % 3),
        np.stack((np.zeros(count, int), np.arange(1, count + 1)), axis=1),
        *labels,
        size=SIZE,
    )
    slots = data[TRUTH_BYTES + 1 :].reshape(-1, SLOT_BYTES)
    count = data[TRUTH_BYTES] % (len(slots) + 1)
    slots = slots[:count]
    scores = np.concatenate((np.ones(count), LEVELS[slots[:, 3] % len(LEVELS)]))
    # A person in the object's place and an object in the person's: SGCLS' slots are all ordered pairs.
    people = np.where(slots[:, 4] % 8 == 7, 1, 0)
    prediction = FramePrediction(
        BOXES[np.concatenate((slots[:, 0], slots[:, 1])) % len(BOXES)],
        np.concatenate((people, slots[:, 2] % 5 - 1)),
        scores,
        np.stack((np.arange(count), count + np.arange(count)), axis=1),
        *np.split(LEVELS[slots[:, 5:] % len(LEVELS)], [3, 9], axis=1),
    )
    return truth, prediction


frames = st.lists(st.binary(min_size=FRAME_BYTES, max_size=FRAME_BYTES), max_size=10).map(
    lambda drawn: [frame(np.frombuffer(data, np.uint8).astype(int)) for data in drawn]
)
rules = st.fixed_dictionaries(
    {
        "nms": st.sampled_from((None, None, "oed", "iou")),
        "iou": st.sampled_from((None, None, "plain", "plus_one")),
        "semi_threshold": st.sampled_from((0.9, 0.5)),
    }
)


@pytest.mark.parametrize("protocol", ["oed", "sttran", "tempura"])
@settings(
    max_examples=170,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(drawn=frames, trained=frames, rules=rules)
def test_equals_brute_force(protocol, drawn, trained, rules):
    compare(drawn, trained, protocol=protocol, **rules)


@pytest.mark.parametrize("nms", [None, "oed", "iou"])
@pytest.mark.parametrize("protocol", ["oed", "sttran", "tempura"])
def test_equals_brute_force_where_every_k_cuts(protocol, nms):
    """40 to 120 slots a frame, several batches of frames; those with NMS are smaller."""
    rng = np.random.default_rng(0)
    drawn = [large_frame(rng, count) for count in rng.integers(40, 121, 14 if nms else 96)]
    recall = compare(drawn, drawn[:3], protocol=protocol, nms=nms)
    assert recall.frames > (8 if nms else 70)
    for values in recall.compute().values() if nms is None else ():
        found = [values[f"R@{k}"] for k in (10, 20, 50, 100)]
        assert found == sorted(set(found))


def large_frame(rng, slots):
    data = rng.integers(0, 256, TRUTH_BYTES + 1 + slots * SLOT_BYTES)
    data[TRUTH_BYTES] = slots
    return frame(data)


def compare(drawn, trained, **rules):
    """Asserts that all numbers of the ``drawn`` frames are the restatement's; returns the recall."""
    recall = SceneGraphRecall(
        "sgdet", constraints=CONSTRAINTS, training=TripletCounts.of(t for t, _ in trained), **rules
    )
    for truth, prediction in drawn:
        recall.update(truth, prediction)
    values, analysis = recall.compute(), recall.analysis()
    seen = {
        (int(truth.classes[truth.pairs[k][1]]), triplet[1])
        for truth, _ in trained
        for triplet, k in brute_force.annotated(truth)
    }
    for constraint in CONSTRAINTS:
        expected = brute_force.recall(
            drawn,
            constraint,
            nms=recall.protocol.nms,
            extra=EXTRA[recall.protocol.iou],
            threshold=recall.protocol.semi_threshold,
            sttran=recall.protocol.name != "oed",
            training_triplets=seen,
        )
        assert recall.frames_without_pairs == expected.left_out
        assert recall.frames == len(drawn) - expected.left_out
        if recall.frames:
            assert values[constraint] == pytest.approx(expected.values, abs=1e-12)
            further = {n: v for n, v in analysis[constraint].items() if n.startswith(("pair", "z"))}
            assert further == pytest.approx(expected.further, abs=1e-12)
    return recall
