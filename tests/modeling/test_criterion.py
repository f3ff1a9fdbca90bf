"""What the losses make of labels that the benchmark seldom has. Their values are tested in test_meta_arch.py."""

import numpy as np
import pytest
import torch

from tests.random_frames import random_ground_truth
from vost_sgg.config import get_vost_cfg
from vost_sgg.modeling.criterion import SceneGraphCriterion
from vost_sgg.modeling.matcher import MATCHER
from vost_sgg.modeling.targets import PairTargets

WIDTHS = {"object_logits": 38, "attention_logits": 4, "spatial_logits": 6, "contacting_logits": 17}


@pytest.mark.parametrize("name", ["IdentityMatcher", "HungarianMatcher"])
def test_of_two_attention_labels_the_first_is_trained(name):
    losses, outputs = losses_of(np.array([[False, True, True]]), name)
    expected = -2 * outputs["attention_logits"][0, 0, 0].log_softmax(-1)[1]
    assert losses["loss_attention"].item() == pytest.approx(expected.item(), rel=1e-5)
    assert all(loss.isfinite() for loss in losses.values())


def test_a_pair_without_attention_label_trains_the_rest_alone():
    given, neither = [False, True, False], [False] * 3
    losses, outputs = losses_of(np.array([neither, given, neither]))
    expected = -2 * outputs["attention_logits"][0, 0, 1].log_softmax(-1)[1]
    assert losses["loss_attention"].item() == pytest.approx(expected.item(), rel=1e-5)
    labelled, _ = losses_of(np.array([given] * 3))
    assert all(torch.equal(losses[key], labelled[key]) for key in losses if "attention" not in key)


def test_without_any_attention_label_there_is_nothing_to_learn_of_it():
    losses, outputs = losses_of(np.zeros((2, 3), bool))
    assert losses["loss_attention"].item() == 0
    sum(losses.values()).backward()
    assert not outputs["attention_logits"].grad.any()
    assert outputs["spatial_logits"].grad.isfinite().all()


def losses_of(attention, matcher="IdentityMatcher"):
    """The losses of random outputs for one random frame of these attention labels (K, 3), and the outputs."""
    torch.manual_seed(0)
    cfg = get_vost_cfg(opts=["MODEL.MATCHER.NAME", matcher])
    criterion = SceneGraphCriterion(cfg, matcher=MATCHER.build(cfg))
    num_pairs = len(attention)
    frame = random_ground_truth(np.random.default_rng(0), num_pairs)
    frame.attention = attention
    outputs = {key: torch.randn(1, 1, num_pairs, width) for key, width in WIDTHS.items()}
    for side in ("subject", "object"):
        outputs[f"{side}_boxes"] = torch.rand(1, 1, num_pairs, 4)
    for value in outputs.values():
        value.requires_grad_()
    valid = torch.ones(1, num_pairs, dtype=torch.bool)
    return criterion(outputs, valid, PairTargets.stack([frame], "cpu")), outputs
