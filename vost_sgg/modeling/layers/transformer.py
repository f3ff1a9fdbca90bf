"""DETR's transformer layers (post-norm, ReLU), which OED keeps: the position terms are added anew in every layer."""

from torch import Tensor, nn


class MLP(nn.Module):
    """``num_layers`` linear layers with a ReLU between: (..., in) -> (..., out)."""

    def __init__(self, in_features: int, hidden: int, out_features: int, num_layers: int):
        super().__init__()
        widths = [in_features, *[hidden] * (num_layers - 1), out_features]
        self.layers = nn.ModuleList(
            nn.Linear(i, o) for i, o in zip(widths, widths[1:], strict=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            x = layer(x).relu()
        return self.layers[-1](x)


def init_xavier(module: nn.Module) -> None:
    """Xavier-uniform for every matrix of ``module``, in place (as DETR's transformer)."""
    for parameter in module.parameters():
        if parameter.dim() > 1:
            nn.init.xavier_uniform_(parameter)


class FeedForward(nn.Module):
    """Linear, ReLU, dropout, linear, dropout: (..., d) -> (..., d)."""

    def __init__(self, d_model: int, dim_feedforward: int, dropout: float):
        super().__init__()
        self.linear1 = nn.Linear(d_model, dim_feedforward)
        self.linear2 = nn.Linear(dim_feedforward, d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.linear2(self.dropout(self.linear1(x).relu())))


class EncoderLayer(nn.Module):
    """Self-attention (Eq. 1), then feed-forward."""

    def __init__(self, d_model: int, num_heads: int, dim_feedforward: int, dropout: float):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d_model, num_heads, dropout)
        self.ffn = FeedForward(d_model, dim_feedforward, dropout)
        self.norm1 = nn.LayerNorm(d_model)
        self.norm2 = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, position: Tensor, padding_mask: Tensor | None) -> Tensor:
        """``x`` and ``position`` (B, M, d); ``padding_mask`` (B, M) bool, True on padding. Returns (B, M, d)."""
        q = x + position
        x = self.norm1(x + self.dropout(attend(self.self_attn, q, q, x, padding_mask)))
        return self.norm2(x + self.ffn(x))


class DecoderLayer(nn.Module):
    """Self-attention among the queries (Eq. 3a), cross-attention to a memory (Eq. 3b, 4), then feed-forward."""

    def __init__(self, d_model: int, num_heads: int, dim_feedforward: int, dropout: float):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d_model, num_heads, dropout)
        self.cross_attn = nn.MultiheadAttention(d_model, num_heads, dropout)
        self.ffn = FeedForward(d_model, dim_feedforward, dropout)
        self.norm1 = nn.LayerNorm(d_model)
        self.norm2 = nn.LayerNorm(d_model)
        self.norm3 = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        x: Tensor,
        position: Tensor,
        padding_mask: Tensor | None,
        keys: Tensor,
        values: Tensor,
        memory_padding_mask: Tensor | None,
    ) -> Tensor:
        """``x``, ``position`` (B, N, d) content and position of the queries; ``padding_mask`` (B, N) True on padded
        slots; ``keys`` (memory + its position), ``values`` (B, M, d); ``memory_padding_mask`` (B, M).

        Returns (B, N, d).
        """
        q = x + position
        x = self.norm1(x + self.dropout(attend(self.self_attn, q, q, x, padding_mask)))
        x = self.norm2(
            x
            + self.dropout(attend(self.cross_attn, x + position, keys, values, memory_padding_mask))
        )
        return self.norm3(x + self.ffn(x))


def attend(
    attention: nn.MultiheadAttention,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    padding_mask: Tensor | None = None,
    blocked: Tensor | None = None,
) -> Tensor:
    """``attention``, which takes the batch second, on (B, N, d) queries and (B, M, d) keys and values: (B, N, d).

    Args:
        padding_mask: (B, M) bool, True on padding.
        blocked: (B * heads, N, M) bool, True where a query may not attend.
    """
    # Copies, since torch projects a view row by row, each with its own copy of the weights, if these need no gradient:
    # frozen ones, and autocast's when testing.
    ordered = {x: x.transpose(0, 1).contiguous() for x in {query, key, value}}
    query, key, value = (ordered[x] for x in (query, key, value))
    masks = {"key_padding_mask": padding_mask, "attn_mask": blocked}
    # Without its weights, so that torch runs scaled_dot_product_attention.
    return attention(query, key, value, **masks, need_weights=False)[0].transpose(0, 1)


def transformer_arguments(cfg) -> dict:
    """The keyword arguments that every transformer of the model reads from ``MODEL.TRANSFORMER``.

    Raises:
        ValueError: the heads cannot share the width out evenly.
    """
    t = cfg.MODEL.TRANSFORMER
    if t.NUM_HEADS < 1 or t.D_MODEL % t.NUM_HEADS:
        raise ValueError(
            f"MODEL.TRANSFORMER.NUM_HEADS {t.NUM_HEADS} does not divide MODEL.TRANSFORMER.D_MODEL {t.D_MODEL}"
        )
    return {
        "d_model": t.D_MODEL,
        "num_heads": t.NUM_HEADS,
        "dim_feedforward": t.DIM_FEEDFORWARD,
        "dropout": t.DROPOUT,
    }
