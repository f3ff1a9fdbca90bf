"""DETR's matching and losses over the boxes of each frame, person and objects alike."""

import torch
from detectron2.config import configurable
from torch import Tensor, nn

from vost_sgg.modeling.criterion import (
    box_losses,
    class_loss,
    mean_over_processes,
    take_slots,
    weighted_by_layer,
)
from vost_sgg.modeling.layers.boxes import generalized_iou
from vost_sgg.modeling.matcher import check_room, least_cost_slots
from vost_sgg.modeling.targets import PairTargets


class DetectionCriterion(nn.Module):
    """Each box is assigned the query of least cost; class, L1 and GIoU losses on every decoder layer (as DETR)."""

    @configurable
    def __init__(
        self,
        *,
        costs: dict[str, float],
        weights: dict[str, float],
        no_object_weight: float,
        auxiliary: bool,
    ):
        """
        Args:
            costs: weights of ``class``, ``l1`` and ``giou`` in the matching.
            weights: loss name -> weight.
            no_object_weight: weight, in the cross entropy, of queries without a box.
            auxiliary: also the losses of every layer but the last, named ``<loss>_<layer>``.
        """
        super().__init__()
        self.costs = costs
        self.weights = weights
        self.no_object_weight = no_object_weight
        self.auxiliary = auxiliary

    @classmethod
    def from_config(cls, cfg):
        m, c = cfg.MODEL.MATCHER, cfg.MODEL.CRITERION
        return {
            "costs": {"class": m.OBJECT_COST, "l1": m.L1_COST, "giou": m.GIOU_COST},
            "weights": {
                "loss_class": c.OBJECT_WEIGHT,
                "loss_l1": c.L1_WEIGHT,
                "loss_giou": c.GIOU_WEIGHT,
            },
            "no_object_weight": c.NO_OBJECT_WEIGHT,
            "auxiliary": c.AUXILIARY,
        }

    def forward(self, logits: Tensor, boxes: Tensor, targets: PairTargets) -> dict[str, Tensor]:
        """
        Args:
            logits: (L, B, N, classes + 2) of every decoder layer, the last one last.
            boxes: (L, B, N, 4) cxcywh in [0, 1].
            targets: the annotations of the B frames; their pairs are not read.

        Returns:
            Weighted scalar losses by name; those of the last layer have the plain names.

        Raises:
            ValueError: a frame has more boxes than the model queries.
            FloatingPointError: outputs are not finite.
        """
        # float32 whatever the forward ran in, as the scene graphs' losses.
        logits, boxes = logits.float(), boxes.float()
        if not self.auxiliary:
            logits, boxes = logits[-1:], boxes[-1:]
        wanted = targets.box_valid
        valid = torch.ones(logits.shape[1:3], dtype=torch.bool, device=logits.device)
        check_room(wanted.shape[1], logits.shape[2], "boxes")
        with torch.no_grad():
            slots = least_cost_slots(self.cost(logits, boxes, targets), valid, wanted)
        num_boxes = mean_over_processes(wanted.sum(), at_least=1)
        l1, giou = box_losses(take_slots(boxes, slots), targets.boxes, wanted)
        losses = {
            "loss_class": class_loss(
                logits, targets.classes + 1, slots, valid, wanted, self.no_object_weight
            ),
            "loss_l1": l1 / num_boxes,
            "loss_giou": giou / num_boxes,
        }
        return weighted_by_layer(losses, self.weights)

    def cost(self, logits: Tensor, boxes: Tensor, targets: PairTargets) -> Tensor:
        """(L, B, N, M) cost of every query for every annotated box."""
        classes = (targets.classes + 1)[None, :, None].expand(*logits.shape[:3], -1)
        predicted, annotated = boxes[:, :, :, None], targets.boxes[None, :, None]
        return (
            -self.costs["class"] * logits.softmax(-1).gather(3, classes)
            + self.costs["l1"] * (predicted - annotated).abs().sum(-1)
            - self.costs["giou"] * generalized_iou(predicted, annotated)
        )
