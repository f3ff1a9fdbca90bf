"""Sine position encodings: DETR's of a feature map, and that of a sequence."""

import math

import torch
from torch import Tensor


def sine_position(
    height: int,
    width: int,
    d_model: int,
    device,
    padding_mask: Tensor | None = None,
    temperature: float = 10000.0,
) -> Tensor:
    """Position of each cell of a feature map, as DETR: d/2 channels for y, then d/2 for x, sin and cos interleaved,
    coordinates normalised to (0, 2 pi] over the unpadded cells.

    Args:
        padding_mask: (B, height, width) bool, True on padding; None when no cell is padding.
        temperature: ratio of the longest wave to the shortest, which spans the image.

    Returns:
        (B, height * width, d_model) float32, row-major; B is 1 without a mask.
    """
    if padding_mask is None:
        y = torch.arange(1, height + 1, device=device, dtype=torch.float32)[None, :, None]
        x = torch.arange(1, width + 1, device=device, dtype=torch.float32)[None, None, :]
    else:
        unpadded = (~padding_mask).float()
        y, x = unpadded.cumsum(1), unpadded.cumsum(2)
    # 1e-6 as DETR: a fully padded row or column has no last count to divide by.
    y = (y / (y[:, -1:, :] + 1e-6)).expand(-1, height, width)
    x = (x / (x[:, :, -1:] + 1e-6)).expand(-1, height, width)
    half = d_model // 2
    exponent = 2 * torch.arange(half // 2, device=device) / half
    angles = torch.stack((y, x), dim=-1).mul(2 * math.pi)[..., None] / temperature**exponent
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(3).flatten(1, 2)


def sine_sequence(length: int, d_model: int, device) -> Tensor:
    """Position of each token of a sequence, counted from 0 and not normalised, so that a token's does not depend on the
    length; sin and cos interleaved, temperature 10000.

    Returns:
        (length, d_model) float32.
    """
    exponent = 2 * torch.arange(d_model // 2, device=device) / d_model
    angles = torch.arange(length, device=device, dtype=torch.float32)[:, None] / 10000**exponent
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(1)
