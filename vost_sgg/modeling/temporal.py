"""Target state x reference states -> refined state (Sec. 3.3, "Relational triplet representation"; as OED)."""

from collections.abc import Sequence

import torch
from detectron2.config import configurable
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from vost_sgg.modeling.layers.transformer import (
    FeedForward,
    attend,
    init_xavier,
    transformer_arguments,
)
from vost_sgg.registry import PartRegistry
from vost_sgg.structures import SlotStates

TEMPORAL_AGGREGATOR = PartRegistry("TEMPORAL_AGGREGATOR")
TEMPORAL_AGGREGATOR.__doc__ = """
Refines the slots of B target frames by those of their reference frames.

Built with ``(cfg)``; None when there is nothing to build (:func:`NoAggregation`). Called with ``(target, references)``:
:class:`~vost_sgg.structures.SlotStates` of N slots, and of Q slots, all reference frames of a target behind each other.
Returns (B, N, 2d). A target none of whose reference slots is valid keeps its state.
"""


def reference_rows(references: Sequence[Sequence[int]], device) -> tuple[Tensor, Tensor]:
    """Lists of reference frames, one a target, as the padded index of :meth:`SlotStates.of_references`.

    Returns:
        (B, R) int64 frames and (B, R) bool, False on padding; R is at least 1.
    """
    rows = [torch.tensor(list(frames), dtype=torch.long) for frames in references]
    lengths = torch.tensor([len(row) for row in rows])
    index = pad_sequence(rows, batch_first=True)
    if index.shape[1] == 0:
        index = index.new_zeros(len(rows), 1)
    present = torch.arange(index.shape[1]) < lengths[:, None]
    return index.to(device, non_blocking=True), present.to(device, non_blocking=True)


@TEMPORAL_AGGREGATOR.register()
def NoAggregation(cfg) -> None:
    """The spatial rows of the tables: no temporal phase, the spatial heads answer."""
    return None


class RefinementLayer(nn.Module):
    """Self-attention among the target's slots, cross-attention to reference slots, feed-forward; no positions."""

    def __init__(self, d_state: int, num_heads: int, dim_feedforward: int, dropout: float):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d_state, num_heads, dropout)
        self.cross_attn = nn.MultiheadAttention(d_state, num_heads, dropout)
        self.ffn = FeedForward(d_state, dim_feedforward, dropout)
        self.norm_self = nn.LayerNorm(d_state)
        self.norm_cross = nn.LayerNorm(d_state)
        self.norm_ffn = nn.LayerNorm(d_state)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Tensor, padding_mask: Tensor, references: Tensor, blocked: Tensor
    ) -> Tensor:
        """``x`` (B, N, 2d); ``padding_mask`` (B, N) True on padded slots; ``references`` (B, Q, 2d); ``blocked``
        (B, N, Q) bool, True where a slot may not attend. Returns (B, N, 2d).
        """
        x = self.norm_self(x + self.dropout(attend(self.self_attn, x, x, x, padding_mask)))
        blocked = blocked.repeat_interleave(self.cross_attn.num_heads, dim=0)
        y = attend(self.cross_attn, x, references, references, blocked=blocked)
        x = self.norm_cross(x + self.dropout(y))
        return self.norm_ffn(x + self.ffn(x))


@TEMPORAL_AGGREGATOR.register()
class ProgressiveRefinement(nn.Module):
    """OED's progressively refined module: each layer attends to fewer, surer reference slots.

    ``select`` is ``score``: layer i sees the ceil(ratio_i * valid slots) reference slots of the highest score, ranked
    once over all reference frames, or ``label``: a slot sees the reference slots of its own object class in every
    layer, and all of them where there is none (PredCLS, where classes are given).
    """

    @configurable
    def __init__(
        self,
        *,
        d_state: int,
        num_heads: int,
        dim_feedforward: int,
        dropout: float,
        select: str,
        keep_ratios: tuple[float, ...],
    ):
        super().__init__()
        if select not in ("score", "label"):
            raise ValueError(
                f"MODEL.TEMPORAL_AGGREGATOR.SELECT is {select!r}; choose score or label"
            )
        self.select = select
        self.keep_ratios = keep_ratios
        self.layers = nn.ModuleList(
            RefinementLayer(d_state, num_heads, dim_feedforward, dropout) for _ in keep_ratios
        )
        init_xavier(self.layers)

    @classmethod
    def from_config(cls, cfg):
        transformer = transformer_arguments(cfg)
        return {
            "d_state": 2 * transformer.pop("d_model"),
            **transformer,
            "select": cfg.MODEL.TEMPORAL_AGGREGATOR.SELECT,
            "keep_ratios": cfg.MODEL.TEMPORAL_AGGREGATOR.KEEP_RATIOS,
        }

    def forward(self, target: SlotStates, references: SlotStates) -> Tensor:
        """As the contract of :data:`TEMPORAL_AGGREGATOR`."""
        # Where nothing is valid everything is attended: softmax over nothing is not a number.
        padding = ~target.valid & target.valid.any(1, keepdim=True)
        blocked = (
            self._blocked_by_score(target, references)
            if self.select == "score"
            else self._blocked_by_label(target, references)
        )
        x = target.features
        for layer, mask in zip(self.layers, blocked, strict=True):
            x = layer(x, padding, references.features, mask & ~mask.all(-1, keepdim=True))
        has_references = references.valid.any(1)[:, None, None]
        return torch.where(has_references, x, target.features)

    def _blocked_by_score(self, target: SlotStates, references: SlotStates) -> Tensor:
        """(layers, B, N, Q) bool. There are no positions, so that masking the rest equals leaving it out."""
        scores = references.scores.masked_fill(~references.valid, -1.0)
        rank = scores.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
        # float64: in float32 0.3 of 200 slots are more than 60.
        num_valid = references.valid.sum(1, keepdim=True).double()
        kept = torch.stack([(ratio * num_valid).ceil() for ratio in self.keep_ratios])
        return (rank >= kept)[:, :, None].expand(-1, -1, target.valid.shape[1], -1)

    def _blocked_by_label(self, target: SlotStates, references: SlotStates) -> Tensor:
        """(layers, B, N, Q) bool. A slot without a reference of its class may attend to every valid one (as OED)."""
        same = target.labels[:, :, None] == references.labels[:, None, :]
        same = same & references.valid[:, None]
        open_row = ~same.any(-1, keepdim=True)
        return ~(same | open_row & references.valid[:, None]).expand(len(self.layers), -1, -1, -1)
