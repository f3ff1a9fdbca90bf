"""The temporal phase finds in the reference frames what the target frame does not show."""

import numpy as np
import pytest
import torch

from tests.modeling.conftest import TINY
from tests.random_frames import random_ground_truth
from vost_sgg.config import get_vost_cfg
from vost_sgg.modeling import build_model


def make_clip(rng, label, references=(1, 2)):
    """A grey target and two frames in the colour of its attention label; boxes and classes are always the same."""
    frames = []
    for t in range(3):
        ground_truth = random_ground_truth(np.random.default_rng(0), 2, (32, 32))
        ground_truth.attention[:] = np.eye(3, dtype=bool)[label]
        image = torch.full((3, 32, 32), 128, dtype=torch.uint8)
        if t > 0:
            image[label] = 250
            image += torch.from_numpy(rng.integers(0, 5, (3, 32, 32), dtype=np.uint8))
        frames.append({"image": image, "ground_truth": ground_truth, "width": 32, "height": 32})
    return {"frames": frames, "references": {0: list(references)}}


def train_temporal_phase(model, rng, steps=60):
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("temporal" in name)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-3)
    model.train()
    for _ in range(steps):
        losses = model([make_clip(rng, i % 3) for i in range(6)])
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()


@pytest.mark.parametrize("task", ["predcls", "sgcls", "sgdet"])
def test_evidence_in_the_references_only_is_learnt(task):
    options = [*TINY, "MODEL.TEMPORAL_AGGREGATOR.OWN_PREDICATE_HEADS", True]
    model = build_model(get_vost_cfg(f"configs/sample/oed_{task}.yaml", options))
    rng = np.random.default_rng(0)
    train_temporal_phase(model, rng)
    model.eval()
    with torch.no_grad():
        seen = [model([make_clip(rng, label)])[0][0].attention.mean(0) for label in range(3)]
        blind = [model([make_clip(rng, label, ())])[0][0].attention for label in range(3)]
    assert [int(probabilities.argmax()) for probabilities in seen] == [0, 1, 2]
    assert min(float(seen[label][label]) for label in range(3)) > 0.6
    assert torch.equal(blind[0], blind[1]) and torch.equal(blind[0], blind[2])
