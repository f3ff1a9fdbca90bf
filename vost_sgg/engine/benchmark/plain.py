"""The straightforward way to compute a model and to train it, which the quick one is measured against."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from detectron2.config import CfgNode
from torch import Tensor, nn

from vost_sgg.engine.optimizer import build_optimizer, max_gradient_norm
from vost_sgg.structures import Memory


class _Plain:
    """Stands before a :class:`~vost_sgg.modeling.frame_model.FrameModel` in the order of its classes: padding masks
    are passed though nothing is padded, images stay in channels-first order, and frozen parts run as all others do.
    """

    def preprocess(self, frames: Sequence[dict]) -> tuple[Tensor, Tensor]:
        images, mask = super().preprocess(frames)
        if mask is None:
            mask = torch.zeros_like(images[:, 0], dtype=torch.bool)
        return images, mask

    def encode(self, images: Tensor, padding_mask: Tensor | None) -> Memory:
        return self.image_encoder(self.backbone(images)[self.in_feature], padding_mask)

    def train(self, mode: bool = True) -> nn.Module:
        super().train(mode)
        for part in self.modules():  # dropout in frozen parts too (as OED)
            if isinstance(part, nn.Dropout | nn.MultiheadAttention):
                part.train(mode)
        return self

    def as_tested_if_frozen(self, *parts: nn.Module | None) -> AbstractContextManager:
        return nullcontext()


def make_plain(model: nn.Module) -> nn.Module:
    """Changes a FrameModel in place: float32, channels-first order, padding masks, and attention that computes its
    weights, which is how OED (and DETR) call ``nn.MultiheadAttention``. Its results stay the same to rounding.
    """
    model.float().to(memory_format=torch.contiguous_format)
    for part in model.modules():
        if isinstance(part, nn.MultiheadAttention):
            part.register_forward_pre_hook(_with_weights, with_kwargs=True)
    model.__class__ = type("Plain", (_Plain, type(model)), {})
    return model


def _with_weights(_, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    return args, {**kwargs, "need_weights": True}


class PlainTraining:
    """Optimizer steps as OED (and DETR) make them: float32, every loss read from the device in every step, AdamW that
    updates one tensor after the other. A frozen parameter needs no gradient, but its part is run as any other.

    Args:
        cfg: of the stage.
        model: a FrameModel; it is made plain in place.
        clips: of a micro-batch, the same in every step.
    """

    def __init__(self, cfg: CfgNode, model: nn.Module, clips: list[dict]):
        self.model = make_plain(model).train()
        self.clips, self.accumulation_steps = clips, cfg.SOLVER.ACCUMULATION_STEPS
        self.max_norm = max_gradient_norm(cfg)
        groups = [
            {key: group[key] for key in ("params", "lr", "weight_decay")}
            for group in build_optimizer(cfg, model).param_groups
        ]
        self.parameters = [p for group in groups for p in group["params"]]
        self.optimizer = torch.optim.AdamW(groups, foreach=False, fused=False)

    def run_step(self) -> dict[str, float]:
        """The losses of the step's last micro-batch."""
        self.optimizer.zero_grad()
        for _ in range(self.accumulation_steps):
            losses = self.model(self.clips)
            values = {name: loss.item() for name, loss in losses.items()}
            (sum(losses.values()) / self.accumulation_steps).backward()
        nn.utils.clip_grad_norm_(self.parameters, self.max_norm)
        self.optimizer.step()
        return values
