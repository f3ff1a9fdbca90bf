"""The straightforward way to compute a model and to train it, which the quick one is measured against."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from detectron2.config import CfgNode
from detectron2.layers import Conv2d
from torch import Tensor, nn

from vost_sgg.engine.optimizer import build_optimizer, max_gradient_norm
from vost_sgg.modeling.frozen_norms import NormInWeightConv2d
from vost_sgg.structures import Memory

# Each of these classes stands before a FrameModel in the order of its classes.


class _PaddingMasks:
    def preprocess(self, frames: Sequence[dict]) -> tuple[Tensor, Tensor]:
        images, mask = super().preprocess(frames)
        if mask is None:
            mask = torch.zeros_like(images[:, 0], dtype=torch.bool)
        return images, mask


class _ChannelsFirst:
    def encode(self, images: Tensor, padding_mask: Tensor | None) -> Memory:
        return self.image_encoder(self.backbone(images)[self.in_feature], padding_mask)


class _FrozenAsOthers:
    def train(self, mode: bool = True) -> nn.Module:
        super().train(mode)
        for part in self.modules():  # dropout in frozen parts too (as OED)
            if isinstance(part, nn.Dropout | nn.MultiheadAttention):
                part.train(mode)
        return self

    def as_tested_if_frozen(self, *parts: nn.Module | None) -> AbstractContextManager:
        return nullcontext()


def _put_before(model: nn.Module, kind: type) -> None:
    model.__class__ = type("Plain", (kind, type(model)), {})


def _pass_padding_masks(model: nn.Module) -> None:
    _put_before(model, _PaddingMasks)


def _compute_attention_weights(model: nn.Module) -> None:
    for part in model.modules():
        if isinstance(part, nn.MultiheadAttention):
            part.register_forward_pre_hook(_with_weights, with_kwargs=True)


def _with_weights(_, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    return args, {**kwargs, "need_weights": True}


def _compute_frozen_norms(model: nn.Module) -> None:
    for part in model.modules():
        if isinstance(part, NormInWeightConv2d):
            part.__class__ = Conv2d


def _order_channels_first(model: nn.Module) -> None:
    model.to(memory_format=torch.contiguous_format)
    _put_before(model, _ChannelsFirst)


def _run_frozen_parts_as_others(model: nn.Module) -> None:
    _put_before(model, _FrozenAsOthers)


# What becomes plain of a FrameModel, in place, by the plain way's name; ``train()`` is to be called after it.
MODEL_CHANGES: dict[str, Callable[[nn.Module], None]] = {
    "padding masks": _pass_padding_masks,
    "attention that computes its weights": _compute_attention_weights,
    "frozen batch norms on feature maps": _compute_frozen_norms,
    "channels-first order": _order_channels_first,
}
TRAINING_CHANGES = {
    **MODEL_CHANGES,
    "graph and dropout in frozen parts": _run_frozen_parts_as_others,
}


def make_plain(model: nn.Module) -> nn.Module:
    """Changes a FrameModel in place: float32, and all of ``TRAINING_CHANGES``: padding masks are passed though nothing
    is padded, attention computes its weights, which is how OED (and DETR) call ``nn.MultiheadAttention``, frozen batch
    norms are computed on the convolutions' outputs, images and weights are in channels-first order, and frozen parts
    run as all others do. Its results stay the same to rounding.
    """
    model.float()
    for change in TRAINING_CHANGES.values():
        change(model)
    return model


class TensorByTensor(torch.optim.AdamW):
    """AdamW that updates one tensor after the other, with the groups of another optimizer. It asks nobody whether a
    step is called off.
    """

    def __init__(self, optimizer: torch.optim.Optimizer):
        groups = [
            {key: group[key] for key in ("params", "lr", "weight_decay")}
            for group in optimizer.param_groups
        ]
        super().__init__(groups, foreach=False, fused=False)

    def step(self, closure=None):
        self.found_inf = None
        return super().step(closure)


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
        self.optimizer = TensorByTensor(build_optimizer(cfg, model))
        self.parameters = [p for group in self.optimizer.param_groups for p in group["params"]]

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
