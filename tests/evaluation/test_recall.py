"""SceneGraphRecall on cases computed by hand, merged, and on bad input; test_exactness.py has the random frames."""

import copy
import dataclasses
import json
import random

import numpy as np
import pytest
import torch

from vost_sgg.evaluation import SceneGraphRecall
from vost_sgg.structures import FrameGroundTruth, FramePrediction

CONSTRAINTS = ("with", "with_per_pair", "semi", "no")
HOLDING, TOUCHING = 5, 13  # columns of contacting
IN_FRONT_OF, BEHIND = 2, 3  # columns of spatial


def evaluated(frames, task="sgdet", **arguments):
    recall = SceneGraphRecall(task, **{"constraints": CONSTRAINTS, **arguments})
    for truth, prediction in frames:
        recall.update(truth, prediction)
    return recall


def cells(size, **values):
    """One row: zeros but for ``column=value`` given as ``_column``."""
    row = np.zeros((1, size))
    for column, value in values.items():
        row[0, int(column[1:])] = value
    return row


@pytest.fixture
def scene():
    """A person looks at a cup in front, holds and touches it; the model takes in_front_of for behind."""
    boxes = np.array([[0, 0, 100, 200], [50, 50, 80, 90]], np.float32)
    classes, pairs = np.array([0, 10]), np.array([[0, 1]])
    truth = FrameGroundTruth(
        boxes,
        classes,
        pairs,
        cells(3, _0=1) > 0,
        cells(6, _2=1) > 0,
        cells(17, _5=1, _13=1) > 0,
        size=(480, 270),
    )
    prediction = FramePrediction(
        boxes,
        classes,
        np.ones(2),
        pairs,
        cells(3, _0=0.8, _1=0.2),
        cells(6, _2=0.5, _3=0.6),
        cells(17, _5=0.95, _13=0.92),
    )
    return truth, prediction


def test_by_hand(scene):
    recall = evaluated([scene], "predcls")
    values = recall.compute()
    # One predicate a group: looking_at, behind (wrong), holding; touching has no place.
    assert values["with"]["R@10"] == 2 / 4
    # One a pair: holding.
    assert values["with_per_pair"]["R@10"] == 1 / 4
    # Above 0.9: holding and touching; attention by argmax.
    assert values["semi"]["R@10"] == 3 / 4
    assert values["no"]["R@10"] == 1
    assert values["with"]["mR@10"] == values["with"]["mR_frame@10"] == pytest.approx(2 / 26)
    assert recall.per_predicate()["with"]["R@10"][9 + HOLDING] == 1
    assert recall.per_predicate()["with"]["R@10"][9 + TOUCHING] == 0
    assert [i for i, count in enumerate(recall.predicate_counts) if count] == [0, 5, 14, 22]


def test_semi_constraint_takes_a_threshold(scene):
    for threshold, expected in ((0.9, 3 / 4), (0.93, 2 / 4), (0.4, 4 / 4)):
        recall = evaluated([scene], semi_threshold=threshold)
        assert recall.compute()["semi"]["R@10"] == expected


def test_semi_constraint_of_sttran_passes_over_groups_that_begin_with_zeros(scene):
    """Its code tells the rows apart by their first two scores; of the same rows OED's preset takes every predicate."""
    truth, prediction = scene
    prediction.spatial[0] = [0, 0, 0.95, 0, 0, 0]
    for protocol, expected in (("oed", 4 / 4), ("sttran", 1 / 4), ("tempura", 1 / 4)):
        recall = evaluated([(truth, prediction)], protocol=protocol)
        assert recall.compute()["semi"]["R@10"] == expected
    prediction.spatial[0, 0] = prediction.contacting[0, 1] = 1e-9
    assert evaluated([scene], protocol="sttran").compute()["semi"]["R@10"] == 1


def test_spatial_triplets_run_from_object_to_person(scene):
    truth, prediction = scene
    prediction.spatial[0, [IN_FRONT_OF, BEHIND]] = 0.6, 0.5
    backwards = dataclasses.replace(prediction, pairs=np.array([[1, 0]]))
    found = evaluated([(truth, prediction)]).per_predicate()["no"]["R@10"]
    assert [i for i, value in enumerate(found) if value] == [0, 5, 14, 22]
    assert not any(evaluated([(truth, backwards)]).per_predicate()["with"]["R@10"])


def test_cells_outside_their_group_fill_the_tail_of_no_constraint(scene):
    """A slot from the cup to the person: its own 26 cells run the wrong way. Of the 52 behind them, 23 of attention's
    row, 20 of the spatial one and 9 of contacting's, the 3rd, 24th, 32nd and 40th are the annotated triplets."""
    truth, prediction = scene
    backwards = dataclasses.replace(prediction, pairs=np.array([[1, 0]]))
    values = evaluated([(truth, backwards)]).compute()["no"]
    assert [values[f"R@{k}"] for k in (10, 20, 50, 100)] == [0, 0, 2 / 4, 1]


def test_pooled_and_framewise_mean_recall_differ(scene):
    truth, prediction = scene
    index = np.array([0, 1, 1])
    two_cups = dataclasses.replace(
        truth,
        boxes=np.concatenate([truth.boxes, [[300, 50, 330, 90]]]),
        classes=truth.classes[index],
        pairs=np.array([[0, 1], [0, 2]]),
        **{name: getattr(truth, name)[[0, 0]] for name in ("attention", "spatial", "contacting")},
    )
    recall = evaluated([scene, (two_cups, prediction)], constraints=("with",))
    per_predicate = recall.per_predicate()["with"]
    assert per_predicate["R@10"][9 + HOLDING] == pytest.approx(2 / 3)
    assert per_predicate["R_frame@10"][9 + HOLDING] == pytest.approx(3 / 4)
    assert recall.compute()["with"]["mR@10"] == pytest.approx(2 * 2 / 3 / 26)
    assert recall.compute()["with"]["mR_frame@10"] == pytest.approx(2 * 3 / 4 / 26)


def test_equal_scores_rank_by_slot_then_predicate():
    """Eleven slots of equal scores: ten ranks are ten slots under "with", two cells each of five slots under "no"."""
    count = 11
    boxes = np.array([[20 * i, 0, 20 * i + 10, 10] for i in range(count + 1)], float)
    classes = np.arange(count + 1)
    pairs = np.stack([np.zeros(count, int), np.arange(1, count + 1)], axis=1)
    nothing = [np.zeros((count, n)) for n in (3, 6, 17)]
    attention = np.tile([0.5, 0.5, 0.0], (count, 1))
    truth = FrameGroundTruth(boxes, classes, pairs, attention > 0, *nothing[1:], size=(480, 270))
    prediction = FramePrediction(boxes, classes, np.ones(12), pairs, attention, *nothing[1:])
    values = evaluated([(truth, prediction)]).compute()
    assert values["with"]["R@10"] == values["no"]["R@10"] == 10 / 22
    found = evaluated([(truth, prediction)]).per_predicate()
    assert found["with"]["R@10"][:2] == [10 / 11, 0]
    assert found["no"]["R@10"][:2] == [5 / 11, 5 / 11]


def test_a_frame_with_no_prediction_counts_zero(scene):
    truth, prediction = scene
    fields = dataclasses.asdict(prediction)
    nothing = FramePrediction(**{name: array[:0] for name, array in fields.items()})
    recall = evaluated([scene, (truth, nothing)])
    assert recall.compute()["no"]["R@10"] == 0.5
    assert recall.frames_without_prediction == 1


def test_no_frame_at_all_has_no_recall():
    assert np.isnan(SceneGraphRecall("predcls").compute()["with"]["R@10"])


def test_units_of_boxes_do_not_matter_to_oed(random_frames):
    frames = random_frames(40, seed=5)

    def normalised(truth, prediction):
        side = np.tile(truth.size, 2)
        return (
            dataclasses.replace(truth, boxes=truth.boxes / side, size=(1, 1)),
            dataclasses.replace(prediction, boxes=prediction.boxes / side),
        )

    in_unit_square = [normalised(*frame) for frame in frames]
    assert evaluated(in_unit_square, nms="oed").compute() == evaluated(frames, nms="oed").compute()


def test_protocol_sets_iou_and_the_argument_overrides_it(scene):
    """A cup of 10 x 40 of which 10 x 19.8 are found: 0.495 as areas, 0.507 in STTran's counting of pixels."""
    truth, prediction = scene
    truth.boxes[1] = [50, 50, 60, 90]
    boxes = np.array([truth.boxes[0], [50, 50, 60, 69.8]])
    frames = [(truth, dataclasses.replace(prediction, boxes=boxes))]
    for arguments, expected in (
        ({"protocol": "oed"}, 0),
        ({"protocol": "oed", "iou": "plus_one"}, 1),
        ({"protocol": "sttran"}, 1),
        ({"protocol": "tempura"}, 1),
        ({"protocol": "tempura", "iou": "plain"}, 0),
    ):
        assert evaluated(frames, **arguments).compute()["no"]["R@10"] == expected


def test_an_overlap_of_exactly_one_half_matches(scene):
    truth, prediction = scene
    boxes = truth.boxes.copy()
    boxes[0, 3] = 100  # half of the person's height
    prediction = dataclasses.replace(prediction, boxes=boxes)
    assert evaluated([(truth, prediction)]).compute()["no"]["R@10"] == 1


@pytest.mark.parametrize(("duplicates", "expected"), [(499, 2 / 4), (500, 1 / 4)])
def test_500_cells_compete_before_the_nms_of_no_constraint(scene, duplicates, expected):
    """Duplicates of one slot: looking_at of each comes first, then holding, if it is among the 500."""
    truth, prediction = scene
    prediction.attention[:], prediction.spatial[:], prediction.contacting[:] = [1, 0, 0], 0, 0
    prediction.contacting[0, HOLDING] = 0.5
    fields = {
        n: np.repeat(getattr(prediction, n), duplicates, 0)
        for n in ("attention", "spatial", "contacting")
    }
    slots = dataclasses.replace(prediction, pairs=np.tile([[0, 1]], (duplicates, 1)), **fields)
    for nms in ("oed", "iou"):
        assert evaluated([(truth, slots)], nms=nms).compute()["no"]["R@10"] == expected


def test_tensors_count_as_arrays_do_and_nothing_is_changed(random_frames):
    frames = random_frames(30, grid=4)
    before = copy.deepcopy(frames)
    tensors = [
        (
            truth.to("cpu"),
            FramePrediction(
                **{f.name: torch.as_tensor(getattr(p, f.name)) for f in dataclasses.fields(p)}
            ),
        )
        for truth, p in frames
    ]
    assert evaluated(tensors).compute() == evaluated(frames).compute()
    for (truth, prediction), (truth_before, prediction_before) in zip(frames, before, strict=True):
        for now, then in ((truth, truth_before), (prediction, prediction_before)):
            assert all(
                np.array_equal(getattr(now, f.name), getattr(then, f.name))
                for f in dataclasses.fields(now)
            )


def test_shards_merge_to_the_same_bits(random_frames):
    frames = random_frames(150, grid=8)
    whole = evaluated(frames)
    dealer = random.Random(0)
    for shards in (2, 7):
        shares = [[] for _ in range(shards + 1)]  # the last stays empty
        for frame in dealer.sample(frames, len(frames)):
            shares[dealer.randrange(shards)].append(frame)
        total = evaluated(shares[0])
        for share in shares[1:]:
            total.merge_state(json.loads(json.dumps(evaluated(share).state())))
        assert total.compute() == whole.compute()
        assert total.per_predicate() == whole.per_predicate()
        assert total.frames_without_pairs == whole.frames_without_pairs


def test_results_of_other_rules_do_not_merge(scene):
    with pytest.raises(ValueError, match="cannot merge results of .*sttran"):
        evaluated([scene]).merge(evaluated([scene], protocol="sttran"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"task": "predcl"}, "unknown task 'predcl'; did you mean predcls"),
        ({"protocol": "sttram"}, "unknown protocol 'sttram'; did you mean sttran"),
        ({"constraints": ("with", "none")}, "unknown constraint 'none'; did you mean no"),
        ({"constraints": "with"}, "constraints must be a sequence of names"),
        ({"nms": "IOU"}, "unknown nms 'IOU'; known: iou, oed"),
        ({"semi_threshold": 1.0}, r"semi_threshold must be in \[0, 1\), got 1.0"),
        ({"iou": "plus"}, "unknown iou 'plus'; did you mean plus_one"),
    ],
)
def test_unknown_names(arguments, message):
    with pytest.raises(ValueError, match=message):
        SceneGraphRecall(**{"task": "predcls", **arguments})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"attention": np.zeros((2, 3))},
            r"prediction.attention has shape \(2, 3\), expected \(1, 3\)",
        ),
        (
            {"spatial": np.zeros((1, 5))},
            r"prediction.spatial has shape \(1, 5\), expected \(1, 6\)",
        ),
        ({"scores": np.ones(3)}, r"prediction.scores has shape \(3,\), expected \(2,\)"),
        ({"boxes": np.zeros((2, 5))}, r"prediction.boxes has shape \(2, 5\), expected \(N, 4\)"),
        ({"boxes": np.full((2, 4), np.nan)}, "prediction.boxes holds NaN"),
        ({"pairs": np.array([[0, 2]])}, r"prediction.pairs names rows 0..2 of 2 boxes"),
        ({"spatial": np.full((1, 6), np.nan)}, "prediction.spatial holds NaN"),
        ({"contacting": np.full((1, 17), -1.5)}, "prediction.contacting holds .* not logits"),
        ({"scores": np.array([1, np.inf])}, "prediction.scores holds NaN, infinite"),
        (
            {"attention": np.array([[4.5, 0, 2]])},
            "prediction.attention holds .* above 1: .* logits",
        ),
        ({"scores": np.array([1, 1.002])}, "prediction.scores holds .* above 1"),
        ({"classes": np.array([0, 36])}, "prediction.classes holds 36, outside the vocabulary"),
        ({"classes": np.array([-2, 10])}, "prediction.classes holds -2, outside the vocabulary"),
    ],
)
def test_a_malformed_prediction_is_one_clear_error(scene, changes, message):
    truth, prediction = scene
    with pytest.raises(ValueError, match=message):
        SceneGraphRecall("predcls").update(truth, dataclasses.replace(prediction, **changes))


def test_what_half_precision_rounds_above_1_is_no_error(scene):
    truth, prediction = scene
    rounded = np.full(2, np.nextafter(np.float16(1), np.float16(2)))
    assert rounded[0] > 1
    recall = evaluated([(truth, dataclasses.replace(prediction, scores=rounded))])
    assert recall.compute() == evaluated([scene]).compute()


def test_a_malformed_annotation_is_one_clear_error(scene):
    truth, prediction = scene
    recall = SceneGraphRecall("predcls", protocol="sttran")
    with pytest.raises(
        ValueError, match=r"ground_truth.contacting has shape \(1, 16\), expected \(1, 17\)"
    ):
        recall.update(dataclasses.replace(truth, contacting=np.ones((1, 16), bool)), prediction)
    for wrong in (36, -1):
        with pytest.raises(ValueError, match=f"ground_truth.classes holds {wrong}, outside the"):
            recall.update(dataclasses.replace(truth, classes=np.array([0, wrong])), prediction)
    with pytest.raises(ValueError, match="'plus_one' counts pixels"):
        recall.update(dataclasses.replace(truth, size=(1, 1)), prediction)
