"""Generalised IoU by broadcasting: row by row in the losses, pair by pair in the matcher."""

import torch
from torch import Tensor
from torchvision.ops import box_convert


def generalized_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """GIoU of boxes (..., 4) cxcywh with boxes (..., 4) cxcywh, broadcast: (...). Empty boxes give finite numbers.

    torchvision has it for all pairs of two sets, and elementwise with a copy to the host.
    """
    boxes1, boxes2 = box_convert(boxes1, "cxcywh", "xyxy"), box_convert(boxes2, "cxcywh", "xyxy")
    area1, area2 = _area(boxes1[..., :2], boxes1[..., 2:]), _area(boxes2[..., :2], boxes2[..., 2:])
    intersection = _area(
        torch.maximum(boxes1[..., :2], boxes2[..., :2]),
        torch.minimum(boxes1[..., 2:], boxes2[..., 2:]),
    )
    hull = _area(
        torch.minimum(boxes1[..., :2], boxes2[..., :2]),
        torch.maximum(boxes1[..., 2:], boxes2[..., 2:]),
    )
    union = area1 + area2 - intersection
    tiny = torch.finfo(union.dtype).tiny
    return intersection / union.clamp(min=tiny) - (hull - union) / hull.clamp(min=tiny)


def _area(low: Tensor, high: Tensor) -> Tensor:
    return (high - low).clamp(min=0).prod(-1)
