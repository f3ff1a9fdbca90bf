"""States -> boxes and classes, and the three predicate groups (Sec. 3.3, "Prediction heads")."""

import torch
from detectron2.config import configurable
from torch import Tensor, nn

from vost_sgg.modeling.layers.transformer import MLP


class EntityHeads(nn.Module):
    """OED's heads on the subject-object states, in float32 under autocast too. Any leading shape (layers, frames,
    slots) passes at once.
    """

    @configurable
    def __init__(self, *, d_model: int, num_object_classes: int, subject_class: bool):
        """
        Args:
            num_object_classes: with the person; the logits have an unused class before them and "no object" after
                them, as OED's checkpoints.
            subject_class: also predict whether the subject is the person at all (SGCLS, whose slots are all pairs).
        """
        super().__init__()
        self.object_class = nn.Linear(d_model, num_object_classes + 2)
        self.subject_box = MLP(d_model, d_model, 4, num_layers=3)
        self.object_box = MLP(d_model, d_model, 4, num_layers=3)
        self.subject_class = nn.Linear(d_model, 2) if subject_class else None

    @classmethod
    def from_config(cls, cfg):
        return {
            "d_model": cfg.MODEL.TRANSFORMER.D_MODEL,
            "num_object_classes": cfg.MODEL.NUM_OBJECT_CLASSES,
            "subject_class": cfg.MODEL.HEADS.SUBJECT_CLASS,
        }

    def forward(self, pair: Tensor) -> dict[str, Tensor]:
        """
        Args:
            pair: (..., d) subject-object states.

        Returns:
            ``object_logits`` (..., classes + 2): 0 unused, 1 person, ..., last "no object"; ``subject_boxes`` and
            ``object_boxes`` (..., 4) cxcywh in [0, 1]; with a subject class ``subject_logits`` (..., 2): person, not.
        """
        with torch.autocast(pair.device.type, enabled=False):  # in bfloat16 a box is off by pixels
            pair = pair.float()
            outputs = {
                "object_logits": self.object_class(pair),
                "subject_boxes": self.subject_box(pair).sigmoid(),
                "object_boxes": self.object_box(pair).sigmoid(),
            }
            if self.subject_class is not None:
                outputs["subject_logits"] = self.subject_class(pair)
        return outputs


class PredicateHeads(nn.Module):
    """OED's heads on the predicate states, in float32 under autocast too."""

    @configurable
    def __init__(self, *, d_model: int, num_predicates: tuple[int, int, int]):
        """
        Args:
            num_predicates: of attention, spatial, contacting; attention gets one background logit more (as OED).
        """
        super().__init__()
        attention, spatial, contacting = num_predicates
        self.attention = nn.Linear(d_model, attention + 1)
        self.spatial = nn.Linear(d_model, spatial)
        self.contacting = nn.Linear(d_model, contacting)

    @classmethod
    def from_config(cls, cfg):
        return {
            "d_model": cfg.MODEL.TRANSFORMER.D_MODEL,
            "num_predicates": cfg.MODEL.NUM_PREDICATES,
        }

    def forward(self, predicate: Tensor) -> dict[str, Tensor]:
        """
        Args:
            predicate: (..., d) predicate states.

        Returns:
            ``attention_logits`` (..., 4), the last one background; ``spatial_logits`` (..., 6); ``contacting_logits``
            (..., 17).
        """
        with torch.autocast(predicate.device.type, enabled=False):
            predicate = predicate.float()
            return {
                "attention_logits": self.attention(predicate),
                "spatial_logits": self.spatial(predicate),
                "contacting_logits": self.contacting(predicate),
            }


def slot_scores(outputs: dict[str, Tensor]) -> Tensor:
    """(..., N) confidence in each slot, by which OED ranks reference slots: the product of the best probability of
    every head. "No object" and the attention background take part in the softmax and are then left out.
    """
    score = outputs["object_logits"].softmax(-1)[..., :-1].amax(-1)
    score = score * outputs["attention_logits"].softmax(-1)[..., :-1].amax(-1)
    for group in ("spatial", "contacting"):
        score = score * outputs[f"{group}_logits"].sigmoid().amax(-1)
    if "subject_logits" in outputs:
        score = score * outputs["subject_logits"].softmax(-1)[..., 0]
    return score
