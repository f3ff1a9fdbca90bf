"""Priors of frames as one padded batch."""

import numpy as np
import pytest
import torch

from tests.modeling.conftest import TINY
from tests.random_priors import random_priors, take
from vost_sgg.config import get_vost_cfg
from vost_sgg.modeling import reads_priors
from vost_sgg.modeling.priors import PriorBatch


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_frames_are_padded_behind_their_pairs(rng):
    frames = [random_priors(rng, 2), None, random_priors(rng, 3), random_priors(rng, 0)]
    batch = PriorBatch.stack(frames, 16, "cpu")
    assert batch.valid.tolist() == [[1, 1, 0], [0, 0, 0], [1, 1, 1], [0, 0, 0]]
    assert batch.text.shape == batch.regions.shape == (4, 3, 3, 16)
    assert batch.text.dtype == batch.boxes.dtype == torch.float32
    assert torch.equal(batch.text[0, :2], torch.as_tensor(frames[0].text).float())
    assert not batch.text_mask[1].any() and not batch.region_mask[0, 2].any()
    assert (batch.pairs == -1).all()


def test_a_batch_without_any_pair_still_has_a_padded_one():
    batch = PriorBatch.stack([None, None], 16, "cpu")
    assert batch.text.shape == (2, 1, 3, 16) and not batch.valid.any()
    assert (batch.pairs == -1).all()


def test_answers_for_given_boxes_stand_in_the_order_of_the_boxes(rng):
    priors = random_priors(rng, 4, [(0, 1), (0, 2), (0, 3), (4, 1)])
    shuffled = take(priors, [2, 0, 3, 1])
    a, b = (PriorBatch.stack([p], 16, "cpu") for p in (priors, shuffled))
    assert torch.equal(a.text, b.text) and torch.equal(a.pairs, b.pairs)


def test_answers_for_no_boxes_keep_their_order(rng):
    priors = random_priors(rng, 30)
    batch = PriorBatch.stack([priors], 16, "cpu")
    assert torch.equal(batch.boxes[0], torch.as_tensor(priors.boxes))


def test_missing_text_is_never_read_and_a_missing_box_hides_its_regions(rng):
    priors = random_priors(rng, 3)
    priors.text[1, 2] = np.nan
    priors.text_mask[1, 2] = False
    priors.boxes[2, 1] = 0
    batch = PriorBatch.stack([priors], 16, "cpu")
    assert batch.text.isfinite().all() and not batch.text[0, 1, 2].any()
    assert batch.region_mask[0].tolist() == [[1, 1, 1], [1, 1, 1], [1, 0, 0]]


def test_regions_of_an_unreadable_frame_are_masked(rng):
    priors = random_priors(rng, 2)
    priors.regions[:] = 0
    batch = PriorBatch.stack([priors, random_priors(rng, 1)], 16, "cpu")
    assert not batch.region_mask[0].any() and batch.region_mask[1, 0].all()
    assert batch.text_mask[0].all()


def test_embeddings_of_another_width_are_one_clear_error(rng):
    with pytest.raises(ValueError, match="embeddings are 16 wide, MODEL.PRIORS.DIM is 512"):
        PriorBatch.stack([random_priors(rng, 2)], 512, "cpu")


@pytest.mark.parametrize(
    ("config", "expected"),
    [("oed_predcls", False), ("dsqi_sgdet", True), ("vost_predcls", True), ("detr", False)],
)
def test_a_config_says_whether_its_model_reads_priors(config, expected):
    assert reads_priors(get_vost_cfg(f"configs/sample/{config}.yaml", TINY)) is expected


def test_the_feature_bank_alone_reads_priors_too():
    opts = ["MODEL.MULTIMODAL_ENCODER.NAME", "FeatureBankEncoder"]
    assert reads_priors(get_vost_cfg("configs/sample/oed_sgdet.yaml", opts))
