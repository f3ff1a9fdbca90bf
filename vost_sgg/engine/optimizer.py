"""Optimizer and schedule, as OED: AdamW, a slower backbone, one learning-rate drop, all in epochs."""

import torch
from detectron2.config import CfgNode
from detectron2.solver import get_default_optimizer_params
from torch import nn


class FusedAdamW(torch.optim.AdamW):
    """AdamW in one kernel for all parameters, whose step a tensor ``found_inf`` of 1 calls off on the device."""

    def __init__(self, params, *, lr: float, weight_decay: float):
        super().__init__(params, lr=lr, weight_decay=weight_decay, fused=True)

    def load_state_dict(self, state_dict: dict) -> None:
        """The state of an AdamW that was not fused (older checkpoints) too."""
        groups = [{**group, "fused": True} for group in state_dict["param_groups"]]
        super().load_state_dict({**state_dict, "param_groups": groups})


def build_optimizer(cfg: CfgNode, model: nn.Module) -> FusedAdamW:
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
    return FusedAdamW(groups, lr=cfg.SOLVER.BASE_LR, weight_decay=cfg.SOLVER.WEIGHT_DECAY)


def check_reference_world_size(cfg: CfgNode) -> None:
    """Raises ValueError if the batch cannot be shared by the GPUs that the config says it was made for; by how many
    there are, detectron2's ``auto_scale_workers`` then scales batch and learning rate.
    """
    gpus, batch = cfg.SOLVER.REFERENCE_WORLD_SIZE, cfg.SOLVER.IMS_PER_BATCH
    if gpus < 0 or gpus and batch % gpus:
        raise ValueError(
            f"SOLVER.REFERENCE_WORLD_SIZE {gpus} must divide SOLVER.IMS_PER_BATCH {batch}: the number of GPUs that the "
            "batch and the learning rate are meant for, or 0"
        )


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
