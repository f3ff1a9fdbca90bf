"""Priors go with their frame: their boxes move as the ground truth's do, nothing else changes."""

from dataclasses import replace

import numpy as np
import pytest
from detectron2.data.transforms import RandomFlip

from tests.tiny import tiny_records
from vost_sgg.data.augmentation import ResizeWithTruncation
from vost_sgg.data.frames import frame_ground_truth
from vost_sgg.data.mapper import ClipMapper
from vost_sgg.structures import FramePriors

FLIP = RandomFlip(1.0), ResizeWithTruncation((64,), 1000)


def priors_of(record, answered=True):
    """The frame's pairs, with their given boxes."""
    truth = frame_ground_truth(record)
    corners = truth.boxes[truth.pairs] / (48, 32, 48, 32)
    centres = (corners[..., :2] + corners[..., 2:]) / 2
    boxes = np.concatenate([centres, corners[..., 2:] - corners[..., :2]], -1)
    generator = np.random.default_rng(record["frame_number"])
    return FramePriors(
        text=generator.random((2, 3, 8), np.float32),
        text_mask=np.array([[True, True, False], [True, True, True]]),
        regions=generator.random((2, 3, 8), np.float32),
        boxes=boxes.astype(np.float32),
        pairs=truth.pairs,
    )


@pytest.fixture
def records(tmp_path):
    return tiny_records(tmp_path, {"A.mp4": 2})


def mapped(records, is_train, read_priors, *augmentations, epoch=0, **options):
    mapper = ClipMapper(
        is_train=is_train,
        augmentations=augmentations,
        image_format="RGB",
        seed=0,
        read_priors=read_priors,
        **options,
    )
    return mapper(records, {0: [1]}, epoch=epoch)["frames"]


def test_without_a_reader_there_is_no_key(records):
    assert all("priors" not in frame for frame in mapped(records, True, None, *FLIP))


@pytest.mark.parametrize("augmentations", [FLIP, FLIP[1:], ()])
def test_training_moves_boxes_as_the_ground_truth(records, augmentations):
    for record, frame in zip(
        records, mapped(records, True, priors_of, *augmentations), strict=True
    ):
        before, priors, truth = priors_of(record), frame["priors"], frame["ground_truth"]
        width, height = truth.size
        corners = truth.boxes[truth.pairs] / (width, height, width, height)
        assert np.allclose(priors.boxes[..., :2], (corners[..., :2] + corners[..., 2:]) / 2)
        assert np.allclose(priors.boxes[..., 2:], corners[..., 2:] - corners[..., :2])
        assert priors.boxes.dtype == np.float32
        for name in ("text", "text_mask", "regions", "pairs"):
            assert np.array_equal(getattr(priors, name), getattr(before, name))


def test_a_flip_mirrors_the_centre_only(records):
    (frame, _), before = mapped(records, True, priors_of, *FLIP), priors_of(records[0])
    assert np.allclose(frame["priors"].boxes[..., 0], 1 - before.boxes[..., 0], atol=1e-6)
    assert np.allclose(frame["priors"].boxes[..., 1:], before.boxes[..., 1:], atol=1e-6)


def test_a_box_that_is_not_there_stays_away(records):
    def without_first(record, answered):
        priors = priors_of(record)
        priors.boxes[0, 1] = 0
        return priors

    boxes = mapped(records, True, without_first, *FLIP)[0]["priors"].boxes
    assert not boxes[0, 1].any() and (boxes[1, ..., 2:] > 0).all() and boxes[0, 0].any()


def test_testing_leaves_them_alone(records):
    for record, frame in zip(
        records, mapped(records, False, priors_of, ResizeWithTruncation((64,), 1000)), strict=True
    ):
        assert np.array_equal(frame["priors"].boxes, priors_of(record).boxes)


def test_a_frame_without_priors_has_empty_ones(records):
    def nothing(record, answered):
        priors = priors_of(record)
        return replace(priors, **{k: v[:0] for k, v in vars(priors).items()})

    for is_train in (True, False):
        for frame in mapped(records, is_train, nothing, *FLIP):
            assert len(frame["priors"]) == 0 and frame["priors"].boxes.shape == (0, 2, 4)


def test_answers_are_withheld_in_training_alone_and_anew_each_epoch(tmp_path):
    records = tiny_records(tmp_path, {"A.mp4": 40})

    def answered(is_train, epoch):
        asked = []

        def read(record, answered):
            asked.append(answered)
            return priors_of(record)

        mapped(records, is_train, read, epoch=epoch, withhold=0.25)
        return asked

    first, second = answered(True, 0), answered(True, 1)
    assert 20 <= sum(first) < 40 and first != second and first == answered(True, 0)
    assert all(answered(False, 0))


@pytest.mark.parametrize("share", [-0.1, 10])
def test_what_is_no_probability_withholds_nothing(records, share):
    with pytest.raises(ValueError, match=f"MODEL.PRIORS.WITHHOLD is {share}; .* 0 to 1"):
        mapped(records, True, priors_of, withhold=share)
