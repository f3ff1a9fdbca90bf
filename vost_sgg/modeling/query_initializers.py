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
frame, valid slots first; in PredCLS slot i is pair i of the frame. A part whose N is the same for every frame may say
it as ``num_slots``: training data that do not fit are then refused at the start.

A part whose class says ``reads_priors = True`` is called with a third argument, the
:class:`~vost_sgg.modeling.priors.PriorBatch` of the frames, and the data are then read with their priors. It may show a
projection of text embeddings (..., c) -> (..., d) as ``text_projection``, which the feature bank then shares.
"""


@QUERY_INITIALIZER.register()
class PairPriorQueries(nn.Module):
    """OED's queries where boxes are given: position from the two boxes of each slot.

    ``given`` is ``classes``: the slots are the annotated pairs, content comes from the object's class (PredCLS), or
    ``boxes``: the slots are all ordered pairs of the frame's boxes, content is zero (SGCLS).
    """

    @configurable
    def __init__(
        self,
        *,
        d_model: int,
        given: str,
        class_embedding: nn.Module | None = None,
        embedding_dim: int = 0,
    ):
        """
        Args:
            class_embedding: (B, N) int64 classes -> (B, N, embedding_dim); needed where classes are given.
        """
        super().__init__()
        if given not in ("classes", "boxes"):
            raise ValueError(f"MODEL.QUERY_INITIALIZER.GIVEN is {given!r}; choose classes or boxes")
        self.query_spatial = MLP(12, d_model, d_model, num_layers=2)
        init_xavier(self.query_spatial)
        self.class_embedding = class_embedding
        if given == "classes":
            self.query_content = MLP(embedding_dim, d_model, d_model, num_layers=2)
            init_xavier(self.query_content)

    @classmethod
    def from_config(cls, cfg):
        given = cfg.MODEL.QUERY_INITIALIZER.GIVEN
        return {
            "d_model": cfg.MODEL.TRANSFORMER.D_MODEL,
            "given": given,
            "class_embedding": build_class_embedding(cfg) if given == "classes" else None,
            "embedding_dim": cfg.MODEL.CLASS_EMBEDDING.DIM,
        }

    def forward(self, targets: PairTargets | None, batch_size: int) -> PairQueries:
        """As the contract of :data:`QUERY_INITIALIZER`. Raises ValueError without targets: the task gives the boxes."""
        if targets is None:
            raise ValueError(
                "PairPriorQueries needs the given boxes of every frame (ground_truth), and these frames lack them"
            )
        if self.class_embedding is None:
            pairs, valid, labels = *targets.ordered_pairs(), None
        else:
            pairs, valid, labels = targets.pairs, targets.valid, targets.object_classes
        boxes = targets.boxes_of(pairs)
        # Padding enters the MLPs as zeros, as in OED.
        position = self.query_spatial(pair_box_code(boxes) * valid[..., None])
        content = torch.zeros_like(position)
        if labels is not None:
            content = self.query_content(self.class_embedding(labels) * valid[..., None])
        return PairQueries(content, position, torch.zeros_like(content), valid, labels, boxes)


@QUERY_INITIALIZER.register()
class LearnedQueries(nn.Module):
    """OED's queries where nothing is given (SGDET): zero content, ``num_queries`` learned positions W."""

    @configurable
    def __init__(self, *, d_model: int, num_queries: int):
        super().__init__()
        self.num_slots = num_queries
        self.position = nn.Embedding(num_queries, d_model)

    @classmethod
    def from_config(cls, cfg):
        return {
            "d_model": cfg.MODEL.TRANSFORMER.D_MODEL,
            "num_queries": cfg.MODEL.QUERY_INITIALIZER.NUM_QUERIES,
        }

    def forward(self, targets: PairTargets | None, batch_size: int) -> PairQueries:
        """As the contract of :data:`QUERY_INITIALIZER`; ``targets`` are not read."""
        position = self.position.weight.expand(batch_size, -1, -1)
        content = torch.zeros_like(position)
        valid = torch.ones(position.shape[:2], dtype=torch.bool, device=position.device)
        return PairQueries(content, position, torch.zeros_like(content), valid)


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
