"""Image features -> image memory F (Sec. 3.3, "Image encoder"; Eq. 1)."""

import torch.nn.functional as F
from detectron2.config import configurable
from torch import Tensor, nn

from vost_sgg.modeling.layers.position_encoding import sine_position
from vost_sgg.modeling.layers.transformer import EncoderLayer, init_xavier, transformer_arguments
from vost_sgg.registry import PartRegistry
from vost_sgg.structures import Memory

IMAGE_ENCODER = PartRegistry("IMAGE_ENCODER")
IMAGE_ENCODER.__doc__ = """
Encodes the backbone's features of B frames.

Built with ``(cfg, in_channels=int)``. Called with ``(features, padding_mask)``: features (B, C, h, w) of the backbone,
padding_mask (B, H, W) bool of the images, True on padding, or None when no pixel is padding. Returns a
:class:`~vost_sgg.structures.Memory` of h * w tokens a frame. No frame sees another.
"""


@IMAGE_ENCODER.register()
class TransformerImageEncoder(nn.Module):
    """DETR's encoder: a 1x1 projection, sine positions, ``num_layers`` post-norm layers, no final norm (as OED)."""

    @configurable
    def __init__(
        self,
        *,
        in_channels: int,
        d_model: int,
        num_layers: int,
        num_heads: int,
        dim_feedforward: int,
        dropout: float,
        temperature: float,
    ):
        """
        Args:
            temperature: of the sine positions, see :func:`sine_position`.
        """
        super().__init__()
        self.temperature = temperature
        self.input_proj = nn.Conv2d(in_channels, d_model, kernel_size=1)
        self.layers = nn.ModuleList(
            EncoderLayer(d_model, num_heads, dim_feedforward, dropout) for _ in range(num_layers)
        )
        init_xavier(self.layers)

    @classmethod
    def from_config(cls, cfg, in_channels: int):
        return {
            "in_channels": in_channels,
            "num_layers": cfg.MODEL.IMAGE_ENCODER.NUM_LAYERS,
            "temperature": cfg.MODEL.IMAGE_ENCODER.TEMPERATURE,
            **transformer_arguments(cfg),
        }

    def forward(self, features: Tensor, padding_mask: Tensor | None) -> Memory:
        """As the contract of :data:`IMAGE_ENCODER`."""
        x = self.input_proj(features)
        batch, d_model, height, width = x.shape
        if padding_mask is not None:
            padding_mask = F.interpolate(padding_mask[:, None].float(), size=(height, width))[
                :, 0
            ].bool()
        position = sine_position(height, width, d_model, x.device, padding_mask, self.temperature)
        position = position.to(x.dtype).expand(batch, -1, -1)
        if padding_mask is not None:
            padding_mask = padding_mask.flatten(1)
        x = x.flatten(2).transpose(1, 2)
        for layer in self.layers:
            x = layer(x, position, padding_mask)
        return Memory(x, position, padding_mask)
