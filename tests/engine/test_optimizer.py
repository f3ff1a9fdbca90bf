"""Parameter groups and the schedule, as OED's."""

import copy

import pytest
import torch
from detectron2.solver import build_lr_scheduler
from torch import nn

from vost_sgg.config import get_vost_cfg
from vost_sgg.engine.optimizer import (
    build_optimizer,
    check_reference_world_size,
    max_gradient_norm,
    schedule_in_iterations,
)


def make_model():
    model = nn.ModuleDict(
        {
            "backbone": nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1)),
            "head": nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4)),
        }
    )
    model["backbone"][0].requires_grad_(False)
    return model


def test_the_backbone_learns_slower_and_everything_decays():
    model = make_model()
    optimizer = build_optimizer(get_vost_cfg(), model)
    assert isinstance(optimizer, torch.optim.AdamW)
    rate = {p: group["lr"] for group in optimizer.param_groups for p in group["params"]}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert rate.pop(parameter) == pytest.approx(1e-5 if "backbone" in name else 1e-4)
    assert not rate
    assert {group["weight_decay"] for group in optimizer.param_groups} == {1e-4}


def test_one_that_was_not_fused_is_gone_on_from_with_the_same_numbers():
    """Also for weights and gradients in channels-last order, which the fused kernel reads as they lie in memory."""

    def stepped(optimizer, model):
        optimizer.zero_grad()
        model(images).square().mean().backward()
        optimizer.step()

    images = torch.randn(2, 3, 8, 8).contiguous(memory_format=torch.channels_last)
    old = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
    new = copy.deepcopy(old)
    fused, plain = build_optimizer(get_vost_cfg(), new), torch.optim.AdamW(old.parameters())
    plain.param_groups.clear()
    for group in fused.param_groups:
        named = zip(new.parameters(), old.parameters(), strict=True)
        theirs = [b for a, b in named if any(a is p for p in group["params"])]
        plain.add_param_group({**group, "params": theirs, "fused": None})
    stepped(plain, old)
    new.load_state_dict(old.state_dict())
    fused.load_state_dict(plain.state_dict())
    for _ in range(3):
        stepped(plain, old)
        stepped(fused, new)
    assert all(group["fused"] for group in fused.param_groups)
    assert not new.weight.is_contiguous()
    for mine, theirs in zip(new.parameters(), old.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs)


def test_the_learning_rate_drops_after_the_named_epochs():
    cfg = get_vost_cfg(opts=["SOLVER.EPOCHS", 6, "SOLVER.LR_DROP_EPOCHS", "(3, 5)"])
    cfg = schedule_in_iterations(cfg, iterations_per_epoch=7)
    optimizer = build_optimizer(cfg, make_model())
    scheduler = build_lr_scheduler(cfg, optimizer)
    factors = []
    for _ in range(cfg.SOLVER.MAX_ITER):
        factors.append(optimizer.param_groups[-1]["lr"])
        optimizer.step()
        scheduler.step()
    assert factors == pytest.approx([1e-4] * 21 + [1e-5] * 14 + [1e-6] * 7)


def test_epochs_become_iterations_in_a_copy():
    cfg = get_vost_cfg(opts=["SOLVER.CHECKPOINT_EPOCHS", 2, "TEST.EVAL_EPOCHS", 0])
    cfg.freeze()
    scheduled = schedule_in_iterations(cfg, iterations_per_epoch=10)
    assert scheduled.is_frozen() and cfg.SOLVER.MAX_ITER != 120
    assert scheduled.SOLVER.MAX_ITER == 120 and scheduled.SOLVER.STEPS == (90,)
    assert scheduled.SOLVER.CHECKPOINT_PERIOD == 20 and scheduled.TEST.EVAL_PERIOD == 0


def test_clipping_is_read_from_the_config():
    cfg = get_vost_cfg()
    assert max_gradient_norm(cfg) == 0.1
    cfg.SOLVER.CLIP_GRADIENTS.ENABLED = False
    assert max_gradient_norm(cfg) == float("inf")


def test_impossible_settings_are_named():
    with pytest.raises(ValueError, match="SOLVER.EPOCHS must be at least 1"):
        schedule_in_iterations(get_vost_cfg(opts=["SOLVER.EPOCHS", 0]), 5)
    with pytest.raises(ValueError, match="CLIP_TYPE: only 'full_model'"):
        max_gradient_norm(get_vost_cfg(opts=["SOLVER.CLIP_GRADIENTS.CLIP_TYPE", "value"]))
    for gpus in (3, -1):
        with pytest.raises(ValueError, match=f"REFERENCE_WORLD_SIZE {gpus} must divide .*BATCH 16"):
            check_reference_world_size(get_vost_cfg(opts=["SOLVER.REFERENCE_WORLD_SIZE", gpus]))
    with pytest.raises(ValueError, match="no trainable parameter"):
        build_optimizer(get_vost_cfg(), make_model().requires_grad_(False))
