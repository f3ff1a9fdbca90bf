"""Whose pairs an answer speaks of, task by task."""

import numpy as np
import pytest

from tests.priors.prior_cfg import GROUPS, answer_to, registered_records
from vost_sgg.data.vocabulary import OBJECT_CLASSES, PREDICATE_CLASSES, set_metadata
from vost_sgg.priors import FramePairs, frame_pairs
from vost_sgg.vlm.cache import FrameAnswers
from vost_sgg.vlm.words import Vocabulary


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    return registered_records(tmp_path_factory.mktemp("pairs") / "frames")[:5]


@pytest.fixture(scope="module")
def vocabulary():
    from detectron2.data import Metadata

    metadata = Metadata()
    set_metadata(metadata)
    return Vocabulary.of(metadata)


def pairs_of(task, index, records, vocabulary):
    answers = FrameAnswers.merge([answer for _, answer in answer_to(task, index)])
    return frame_pairs(task, records[index], answers, vocabulary)


def names(pairs):
    """(subject, object, named predicates) of each pair."""
    return [
        (OBJECT_CLASSES[s], OBJECT_CLASSES[o], {PREDICATE_CLASSES[k] for k in np.flatnonzero(row)})
        for (s, o), row in zip(pairs.classes, pairs.predicates, strict=True)
    ]


ALL = {name for group in GROUPS.values() for name in group}
GIVEN = [(2, 3, 20, 30), (10, 5, 30, 25), (4, 8, 16, 20)]


def test_predcls_has_the_given_pairs_whatever_was_answered(records, vocabulary):
    expected = [[ALL, {"sitting_on"}], [set(), set()], [ALL, set()]]
    for index, predicates in enumerate(expected):
        pairs = pairs_of("predcls", index, records, vocabulary)
        labels = [("person", OBJECT_CLASSES[5]), ("person", OBJECT_CLASSES[17])]
        assert names(pairs) == [(*pair, p) for pair, p in zip(labels, predicates, strict=True)]
        assert pairs.pairs.tolist() == [[0, 1], [0, 2]]
        assert pairs.boxes.tolist() == [
            [list(GIVEN[0]), list(GIVEN[1])],
            [list(GIVEN[0]), list(GIVEN[2])],
        ]


def test_sgcls_takes_the_vlms_person_and_classes(records, vocabulary):
    pairs = pairs_of("sgcls", 0, records, vocabulary)
    assert names(pairs) == [("person", "chair", ALL), ("person", "bed", set())]
    assert pairs.pairs.tolist() == [[0, 2], [0, 1]]
    pairs = pairs_of("sgcls", 3, records, vocabulary)
    assert pairs.pairs.tolist() == [[1, 2], [1, 0]]
    assert pairs.boxes[:, 0].tolist() == [list(GIVEN[1])] * 2
    for without in (1, 4):  # no answer; no box that is the person
        pairs = pairs_of("sgcls", without, records, vocabulary)
        assert [x.shape for x in vars(pairs).values()] == [(0, 2), (0, 26), (0, 2, 4), (0, 2)]


def test_sgdet_keeps_objects_without_boxes(records, vocabulary):
    whole, objectless, personless = (pairs_of("sgdet", i, records, vocabulary) for i in (0, 3, 4))
    for pairs in (whole, objectless, personless):
        assert names(pairs) == [("person", "sofa/couch", ALL), ("person", "dish", ALL)]
        assert (pairs.pairs == -1).all()
    assert whole.boxes[0].tolist() == [[2, 3, 20, 30], [10.5, 5.25, 46, 40]]
    assert not objectless.boxes[1, 1].any() and objectless.boxes[1, 0].any()
    assert not personless.boxes[:, 0].any() and personless.boxes[:, 1].any(1).all()
    assert len(pairs_of("sgdet", 1, records, vocabulary).pairs) == 0


def test_regions_are_the_boxes_and_their_union_each_once():
    boxes = np.array(
        [
            [[2, 3, 20, 30], [10, 5, 30, 25]],
            [[2, 3, 20, 30], [0, 0, 0, 0]],
            [[2, 3, 20, 30], [2, 3, 20, 30]],
        ],
        np.float32,
    )
    pairs = FramePairs(np.zeros((3, 2)), np.zeros((3, 26)), boxes, np.zeros((3, 2)))
    regions, rows = pairs.regions()
    person, other, union = [2, 3, 20, 30], [10, 5, 30, 25], [2, 3, 30, 30]
    assert sorted(regions.tolist()) == sorted([person, other, union])
    found = [[None if r < 0 else regions[r].tolist() for r in row] for row in rows]
    assert found == [[person, other, union], [person, None, None], [person] * 3]


def test_the_region_of_no_pair_is_none():
    regions, rows = FramePairs(
        np.zeros((0, 2)), np.zeros((0, 26)), np.zeros((0, 2, 4)), np.zeros((0, 2))
    ).regions()
    assert regions.shape == (0, 4) and rows.shape == (0, 3)


def test_a_box_without_height_or_width_has_no_region():
    boxes = np.array([[[1, 2, 9, 8], [3, 4, 3, 9]], [[1, 2, 9, 8], [3, 4, 7, 4]]], np.float32)
    pairs = FramePairs(np.zeros((2, 2), int), np.zeros((2, 26), bool), boxes, np.zeros((2, 2), int))
    regions, rows = pairs.regions()
    assert regions.tolist() == [[1, 2, 9, 8]] and rows.tolist() == [[0, -1, -1]] * 2
