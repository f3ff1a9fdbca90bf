"""Priors -> multi-modal memory F^MM (Sec. 3.5, Fig. 4; Eq. 8, 9)."""

from collections.abc import Sequence

import torch
from detectron2.config import CfgNode, configurable
from torch import Tensor, nn

from vost_sgg.modeling.layers.position_encoding import sine_sequence
from vost_sgg.modeling.layers.transformer import EncoderLayer, init_xavier, transformer_arguments
from vost_sgg.modeling.priors import PriorBatch
from vost_sgg.modeling.query_initializers import pair_box_code
from vost_sgg.registry import PartRegistry
from vost_sgg.structures import Memory

MULTIMODAL_ENCODER = PartRegistry("MULTIMODAL_ENCODER")
MULTIMODAL_ENCODER.__doc__ = """
Encodes the priors of B frames for the predicate decoder, which attends to them in place of the image memory (Eq. 4).

Built with ``(cfg, image_encoder=, query_initializer=)``, the model's own parts, whose weights it may share; not built
where ``MODEL.MULTIMODAL_ENCODER.NAME`` is "". Called with a :class:`~vost_sgg.modeling.priors.PriorBatch`. Returns a
:class:`~vost_sgg.structures.Memory` with at least one token a frame that is no padding, also where a frame has no
priors. No frame sees another.
"""

MODALITIES = ("text", "visual", "spatial")


@MULTIMODAL_ENCODER.register()
class FeatureBankEncoder(nn.Module):
    """The feature bank: seven tokens a pair, pair by pair, then self-attention layers as the image encoder's.

    The tokens of a pair are text and region of the subject, of the object and of the predicate, then the spatial code.
    Text that is missing is masked, and so is what a missing box leaves unknown. A frame without any token has the
    learned null token.
    """

    @configurable
    def __init__(
        self,
        *,
        prior_dim: int,
        modalities: Sequence[str] = MODALITIES,
        d_model: int,
        num_layers: int,
        num_heads: int,
        dim_feedforward: int,
        dropout: float,
        text_projection: nn.Module | None = None,
        shared_layers: nn.ModuleList | None = None,
        initial_layers: nn.ModuleList | None = None,
    ):
        """
        Args:
            prior_dim: c, width of the embeddings of text and regions.
            modalities: which tokens a pair has: ``text``, ``visual``, ``spatial``.
            text_projection: (..., c) -> (..., d), a module of another part of the model; None: one of its own.
            shared_layers: :class:`EncoderLayer` of another part, in place of ``num_layers`` of its own.
            initial_layers: those of another part that its own start as copies of: whenever weights are loaded into the
                model, until the first training step.

        Raises:
            ValueError: ``modalities`` is empty or names another one, or ``initial_layers`` are of another size.
        """
        super().__init__()
        if not modalities or not set(modalities) <= set(MODALITIES):
            raise ValueError(
                f"MODEL.MULTIMODAL_ENCODER.MODALITIES is {tuple(modalities)}; choose at least one of "
                f"{', '.join(MODALITIES)}"
            )
        self.modalities = frozenset(modalities)
        # What another part owns is kept out of this one's parameters and state.
        self._shared = {"text": text_projection, "layers": shared_layers, "initial": initial_layers}
        if "text" in modalities and text_projection is None:
            self.text_projection = nn.Linear(prior_dim, d_model)
        if "visual" in modalities:
            self.region_projection = nn.Linear(prior_dim, d_model)
        if "spatial" in modalities:
            self.spatial_projection = nn.Linear(12, d_model)
        if shared_layers is None:
            self.layers = nn.ModuleList(
                EncoderLayer(d_model, num_heads, dim_feedforward, dropout)
                for _ in range(num_layers)
            )
        init_xavier(self)
        self.null_token = nn.Parameter(torch.randn(d_model))
        if initial_layers is not None:
            _check_same_size(self.layers, initial_layers)
            # Goes with the weights, so that a trained part is not started anew where it is loaded.
            self.register_buffer("trained", torch.tensor(False))
            self.register_load_state_dict_pre_hook(_keep_what_was_trained_from_xavier)
            self.register_load_state_dict_post_hook(_start_from_image_encoder)

    @classmethod
    def from_config(cls, cfg, image_encoder: nn.Module, query_initializer: nn.Module):
        m = cfg.MODEL.MULTIMODAL_ENCODER
        return {
            **transformer_arguments(cfg),
            "prior_dim": cfg.MODEL.PRIORS.DIM,
            "modalities": m.MODALITIES,
            "num_layers": m.NUM_LAYERS,
            "dim_feedforward": m.DIM_FEEDFORWARD,
            "text_projection": getattr(query_initializer, "text_projection", None),
            **_layers_from(image_encoder, m),
        }

    def forward(self, priors: PriorBatch) -> Memory:
        """As the contract of :data:`MULTIMODAL_ENCODER`."""
        if self.training and self._shared["initial"] is not None:
            self.trained.fill_(True)
        x, present = self.feature_bank(priors)
        # The null token stands in the first place, whatever the padding behind it.
        first = torch.arange(x.shape[1], device=x.device) == 0
        is_null = first & ~present.any(1, keepdim=True)
        x = torch.where(is_null[..., None], self.null_token.to(x.dtype), x)
        padding_mask = ~(present | is_null)
        position = sine_sequence(x.shape[1], x.shape[2], x.device).to(x.dtype).expand_as(x)
        for layer in self._shared["layers"] or self.layers:
            x = layer(x, position, padding_mask)
        return Memory(x, position, padding_mask)

    def feature_bank(self, priors: PriorBatch) -> tuple[Tensor, Tensor]:
        """Eq. 8 and 9: (B, x * tokens, d), pair by pair, and (B, x * tokens) bool, False where a token is missing."""
        tokens, present = [], []
        by_side = {}
        if "text" in self.modalities:
            projection = self._shared["text"] or self.text_projection
            by_side["text"] = projection(priors.text), priors.text_mask
        if "visual" in self.modalities:
            by_side["visual"] = self.region_projection(priors.regions), priors.region_mask
        for side in range(3 if by_side else 0):
            tokens += [features[:, :, side] for features, _ in by_side.values()]
            present += [known[:, :, side] for _, known in by_side.values()]
        if "spatial" in self.modalities:
            tokens.append(self.spatial_projection(pair_box_code(priors.boxes)))
            present.append((priors.boxes[..., 2:] > 0).flatten(2).all(-1))  # both boxes are known
        return torch.stack(tokens, dim=2).flatten(1, 2), torch.stack(present, dim=2).flatten(1, 2)


def build_multimodal_encoder(cfg, **parts: nn.Module) -> nn.Module | None:
    """The part that the config names; None where it names none."""
    return MULTIMODAL_ENCODER.build(cfg, **parts) if cfg.MODEL.MULTIMODAL_ENCODER.NAME else None


def _layers_from(image_encoder: nn.Module, keys: CfgNode) -> dict[str, nn.ModuleList]:
    """The layers of the image encoder under the name of the argument that ``MODEL.MULTIMODAL_ENCODER`` makes them."""
    if keys.INIT not in ("xavier", "image_encoder"):
        raise ValueError(
            f"MODEL.MULTIMODAL_ENCODER.INIT is {keys.INIT!r}; choose xavier or image_encoder"
        )
    if not keys.SHARE_IMAGE_ENCODER and keys.INIT == "xavier":
        return {}
    layers = getattr(image_encoder, "layers", None)
    if layers is None:
        raise ValueError(
            "MODEL.MULTIMODAL_ENCODER.SHARE_IMAGE_ENCODER and INIT image_encoder need an image encoder with layers, "
            f"and {type(image_encoder).__name__} has none: set them to False and xavier"
        )
    return {"shared_layers" if keys.SHARE_IMAGE_ENCODER else "initial_layers": layers}


def _check_same_size(own: nn.ModuleList, initial: nn.ModuleList) -> None:
    shapes = [{n: v.shape for n, v in part.state_dict().items()} for part in (own, initial)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            "MODEL.MULTIMODAL_ENCODER.INIT is image_encoder, whose layers are of another number or width: set "
            "NUM_LAYERS and DIM_FEEDFORWARD of MODEL.MULTIMODAL_ENCODER as the image encoder has them, or INIT xavier"
        )


def _keep_what_was_trained_from_xavier(_encoder, state_dict: dict, prefix: str, *_) -> None:
    """Layers that come without the buffer are of a model that had ``INIT`` xavier: they were trained."""
    if any(name.startswith(f"{prefix}layers.") for name in state_dict):
        state_dict.setdefault(f"{prefix}trained", torch.tensor(True))


def _start_from_image_encoder(encoder: FeatureBankEncoder, _incompatible_keys) -> None:
    """Runs when a state dict was loaded; the image encoder is loaded before, as its model names it first."""
    if not encoder.trained:
        encoder.layers.load_state_dict(encoder._shared["initial"].state_dict())
