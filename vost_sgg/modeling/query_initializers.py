"""A frame and what is known of it -> pair queries (Sec. 3.4)."""

import torch
from detectron2.config import configurable
from torch import Tensor, nn

from vost_sgg.modeling.class_embedding import build_class_embedding
from vost_sgg.modeling.layers.transformer import MLP, init_xavier
from vost_sgg.modeling.targets import PairTargets
from vost_sgg.registry import PartRegistry
from vost_sgg.structures import PairQueries

QUERY_INITIALIZER = PartRegistry("QUERY_INITIALIZER")
QUERY_INITIALIZER.__doc__ = """
Makes the pair slots of B frames.

Built with ``(cfg)``. Called with ``(targets, batch_size)``: targets the :class:`~vost_sgg.modeling.targets.PairTargets`
of the frames, or None where nothing is annotated. A part reads of them only what its task gives (PredCLS: boxes and
classes of the pairs; SGCLS: boxes; SGDET: nothing). Returns :class:`~vost_sgg.structures.PairQueries` of N slots a
frame, valid slots first; in PredCLS slot i is pair i of the frame.
"""


@QUERY_INITIALIZER.register()
class PairPriorQueries(nn.Module):
    """OED's PredCLS queries: content from the given object class, position from the given boxes of each pair."""

    @configurable
    def __init__(self, *, d_model: int, class_embedding: nn.Module, embedding_dim: int):
        """
        Args:
            class_embedding: (B, N) int64 classes -> (B, N, embedding_dim).
        """
        super().__init__()
        self.d_model = d_model
        self.class_embedding = class_embedding
        self.query_content = MLP(embedding_dim, d_model, d_model, num_layers=2)
        self.query_spatial = MLP(12, d_model, d_model, num_layers=2)
        init_xavier(self.query_content)
        init_xavier(self.query_spatial)

    @classmethod
    def from_config(cls, cfg):
        return {
            "d_model": cfg.MODEL.TRANSFORMER.D_MODEL,
            "class_embedding": build_class_embedding(cfg),
            "embedding_dim": cfg.MODEL.CLASS_EMBEDDING.DIM,
        }

    def forward(self, targets: PairTargets | None, batch_size: int) -> PairQueries:
        """As the contract of :data:`QUERY_INITIALIZER`. Raises ValueError without targets: the task gives the pairs."""
        if targets is None:
            raise ValueError(
                "PairPriorQueries needs the given pairs of every frame, and these frames have none"
            )
        boxes = torch.stack((targets.subject_boxes, targets.object_boxes), dim=2)
        # Padding enters the MLPs as zeros, as in OED.
        given = targets.valid[..., None]
        content = self.query_content(self.class_embedding(targets.object_classes) * given)
        position = self.query_spatial(pair_box_code(boxes) * given)
        return PairQueries(
            content=content,
            position=position,
            predicate_content=torch.zeros_like(content),
            valid=targets.valid,
            labels=targets.object_classes,
            boxes=boxes,
        )


def pair_box_code(boxes: Tensor) -> Tensor:
    """The 12 numbers of a pair (Eq. 8; OED): both boxes, their centres' difference, their areas.

    Args:
        boxes: (..., 2, 4) cxcywh in [0, 1] of subject and object.

    Returns:
        (..., 12).
    """
    subject, object_ = boxes.unbind(-2)
    areas = boxes[..., 2] * boxes[..., 3]
    return torch.cat((subject, object_, subject[..., :2] - object_[..., :2], areas), dim=-1)
