"""Optimizer and schedule, as OED: AdamW, a slower backbone, one learning-rate drop, all in epochs."""

import torch
from detectron2.config import CfgNode
from detectron2.solver import get_default_optimizer_params
from torch import nn


def build_optimizer(cfg: CfgNode, model: nn.Module) -> torch.optim.AdamW:
    """AdamW over the trainable parameters; those with "backbone" in their name learn ``BACKBONE_MULTIPLIER`` slower.

    Weight decay is the same for all of them, norms and biases included (as OED).
    """

    def lr_factor(name: str) -> float:
        return cfg.SOLVER.BACKBONE_MULTIPLIER if "backbone" in name else 1.0

    groups = get_default_optimizer_params(
        model, base_lr=cfg.SOLVER.BASE_LR, lr_factor_func=lr_factor
    )
    if not groups:
        raise ValueError(
            f"{type(model).__name__} has no trainable parameter (SOLVER.TRAIN_ONLY is {cfg.SOLVER.TRAIN_ONLY!r})"
        )
    return torch.optim.AdamW(groups, lr=cfg.SOLVER.BASE_LR, weight_decay=cfg.SOLVER.WEIGHT_DECAY)


def max_gradient_norm(cfg: CfgNode) -> float:
    """The norm that the gradient of the full model is clipped to; infinity where clipping is off."""
    clip = cfg.SOLVER.CLIP_GRADIENTS
    if not clip.ENABLED:
        return float("inf")
    if clip.CLIP_TYPE != "full_model":
        raise ValueError(
            f"SOLVER.CLIP_GRADIENTS.CLIP_TYPE: only 'full_model' is known, not {clip.CLIP_TYPE!r}"
        )
    return clip.CLIP_VALUE


def schedule_in_iterations(cfg: CfgNode, iterations_per_epoch: int) -> CfgNode:
    """A copy of ``cfg`` whose detectron2 keys (MAX_ITER, STEPS and the periods) say in iterations what the config says
    in epochs. A period of 0 epochs means: only after the last epoch.
    """
    if cfg.SOLVER.EPOCHS < 1:
        raise ValueError(f"SOLVER.EPOCHS must be at least 1 (got {cfg.SOLVER.EPOCHS})")
    scheduled = cfg.clone()
    scheduled.defrost()
    solver = scheduled.SOLVER
    solver.MAX_ITER = cfg.SOLVER.EPOCHS * iterations_per_epoch
    solver.STEPS = tuple(
        epoch * iterations_per_epoch
        for epoch in cfg.SOLVER.LR_DROP_EPOCHS
        if epoch < cfg.SOLVER.EPOCHS
    )
    solver.CHECKPOINT_PERIOD = cfg.SOLVER.CHECKPOINT_EPOCHS * iterations_per_epoch
    scheduled.TEST.EVAL_PERIOD = cfg.TEST.EVAL_EPOCHS * iterations_per_epoch
    if cfg.is_frozen():
        scheduled.freeze()
    return scheduled
