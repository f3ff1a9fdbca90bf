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
    cfg = get_vost_cfg(opts=["MODEL.MATCHER.NAME", name])
    criterion = SceneGraphCriterion(cfg, matcher=MATCHER.build(cfg))
    frame = random_ground_truth(np.random.default_rng(0), 1)
    outputs = {key: torch.randn(1, 1, 1, width) for key, width in WIDTHS.items()}
    outputs |= {f"{side}_boxes": torch.rand(1, 1, 1, 4) for side in ("subject", "object")}
    frame.attention = np.array([[False, True, True]])
    targets = PairTargets.stack([frame], "cpu")
    losses = criterion(outputs, torch.ones(1, 1, dtype=torch.bool), targets)
    expected = -2 * outputs["attention_logits"][0, 0, 0].log_softmax(-1)[1]
    assert losses["loss_attention"].item() == pytest.approx(expected.item(), rel=1e-5)
    assert all(loss.isfinite() for loss in losses.values())
