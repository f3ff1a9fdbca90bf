"""Pair queries x memory -> frame state: the two cascaded decoders (Sec. 3.3; Eq. 3-5, 7)."""

import torch
from detectron2.config import configurable
from torch import Tensor, nn

from vost_sgg.modeling.layers.transformer import DecoderLayer, init_xavier, transformer_arguments
from vost_sgg.registry import PartRegistry
from vost_sgg.structures import FrameState, Memory, PairQueries

SPO_DECODER = PartRegistry("SPO_DECODER")
SPO_DECODER.__doc__ = """
Refines the pair slots of B frames: subject-object states, then predicate states.

Built with ``(cfg)``. Called with ``(queries, memory, predicate_memory)``: :class:`~vost_sgg.structures.PairQueries`,
the image memory F, and the memory that the predicate queries attend to (F in OED and DSQI, F^MM in VOST), both
:class:`~vost_sgg.structures.Memory`. Returns :class:`~vost_sgg.structures.FrameState` with every layer, the last one
last. A slot that is not valid is attended by none; its own state is finite and means nothing.
"""


class Decoder(nn.Module):
    """DETR's decoder: ``num_layers`` layers and one norm, applied to a copy of every layer's output."""

    def __init__(self, *, d_model, num_layers, num_heads, dim_feedforward, dropout):
        super().__init__()
        self.layers = nn.ModuleList(
            DecoderLayer(d_model, num_heads, dim_feedforward, dropout) for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(d_model)
        init_xavier(self.layers)

    def forward(
        self, content: Tensor, position: Tensor, padding_mask: Tensor | None, memory: Memory
    ) -> Tensor:
        """``content``, ``position`` (B, N, d); ``padding_mask`` (B, N) True on padded slots. Returns (L, B, N, d)."""
        keys = memory.features + memory.position
        outputs = []
        for layer in self.layers:
            content = layer(
                content, position, padding_mask, keys, memory.features, memory.padding_mask
            )
            outputs.append(self.norm(content))
        return torch.stack(outputs)


@SPO_DECODER.register()
class CascadedDecoder(nn.Module):
    """The subject-object decoder, then the predicate decoder whose position query is the former's output (Eq. 7)."""

    @configurable
    def __init__(self, **transformer):
        """
        Args:
            transformer: ``d_model, num_layers, num_heads, dim_feedforward, dropout`` of each of the two decoders.
        """
        super().__init__()
        self.pair_decoder = Decoder(**transformer)
        self.predicate_decoder = Decoder(**transformer)

    @classmethod
    def from_config(cls, cfg):
        return {"num_layers": cfg.MODEL.SPO_DECODER.NUM_LAYERS, **transformer_arguments(cfg)}

    def forward(self, queries: PairQueries, memory: Memory, predicate_memory: Memory) -> FrameState:
        """As the contract of :data:`SPO_DECODER`."""
        # A frame without any valid slot may attend to its padding: softmax over nothing is not a number.
        padding = ~queries.valid & queries.valid.any(dim=1, keepdim=True)
        pair = self.pair_decoder(queries.content, queries.position, padding, memory)
        predicate = self.predicate_decoder(
            queries.predicate_content, pair[-1], padding, predicate_memory
        )
        return FrameState(pair=pair, predicate=predicate, valid=queries.valid)
