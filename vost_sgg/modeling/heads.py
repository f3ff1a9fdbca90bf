"""States -> boxes, object classes and the three predicate groups (Sec. 3.3, "Prediction heads")."""

from detectron2.config import configurable
from torch import Tensor, nn

from vost_sgg.modeling.layers.transformer import MLP


class SceneGraphHeads(nn.Module):
    """OED's heads. They act on the last axis, so that any leading shape (layers, frames, slots) passes at once."""

    @configurable
    def __init__(
        self, *, d_model: int, num_object_classes: int, num_predicates: tuple[int, int, int]
    ):
        """
        Args:
            num_object_classes: with the person; the logits have an unused class before them and "no object" after
                them, as OED's checkpoints.
            num_predicates: of attention, spatial, contacting; attention gets one background logit more (as OED).
        """
        super().__init__()
        attention, spatial, contacting = num_predicates
        self.object_class = nn.Linear(d_model, num_object_classes + 2)
        self.subject_box = MLP(d_model, d_model, 4, num_layers=3)
        self.object_box = MLP(d_model, d_model, 4, num_layers=3)
        self.attention = nn.Linear(d_model, attention + 1)
        self.spatial = nn.Linear(d_model, spatial)
        self.contacting = nn.Linear(d_model, contacting)

    @classmethod
    def from_config(cls, cfg):
        return {
            "d_model": cfg.MODEL.TRANSFORMER.D_MODEL,
            "num_object_classes": cfg.MODEL.NUM_OBJECT_CLASSES,
            "num_predicates": cfg.MODEL.NUM_PREDICATES,
        }

    def forward(self, pair: Tensor, predicate: Tensor) -> dict[str, Tensor]:
        """
        Args:
            pair, predicate: (..., d) subject-object and predicate states.

        Returns:
            ``object_logits`` (..., classes + 2): 0 unused, 1 person, ..., last "no object"; ``attention_logits``
            (..., 4), the last one background; ``spatial_logits`` (..., 6); ``contacting_logits`` (..., 17);
            ``subject_boxes`` and ``object_boxes`` (..., 4) cxcywh in [0, 1].
        """
        return {
            "object_logits": self.object_class(pair),
            "subject_boxes": self.subject_box(pair).sigmoid(),
            "object_boxes": self.object_box(pair).sigmoid(),
            "attention_logits": self.attention(predicate),
            "spatial_logits": self.spatial(predicate),
            "contacting_logits": self.contacting(predicate),
        }
