"""Which slot answers for which annotated pair (Eq. 10)."""

import numpy as np
import torch
from detectron2.config import configurable
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from vost_sgg.modeling.layers.boxes import generalized_iou
from vost_sgg.modeling.targets import PairTargets
from vost_sgg.registry import PartRegistry

MATCHER = PartRegistry("MATCHER")
MATCHER.__doc__ = """
Assigns a slot to every annotated pair, one to one within a frame, without gradients.

Built with ``(cfg)``. Called with ``(outputs, valid, targets)``: the heads' outputs of every layer, (L, B, N, ...) each,
the (B, N) mask of the slots that are no padding, and the :class:`~vost_sgg.modeling.targets.PairTargets` with K pairs.
Returns (L, B, K) int64, the slot of each pair; what stands where ``targets.valid`` is False is not read.
"""


@MATCHER.register()
class IdentityMatcher:
    """Slot i is pair i: PredCLS, where the slots are made from the annotated pairs."""

    @configurable
    def __init__(self):
        pass

    @classmethod
    def from_config(cls, cfg):
        return {}

    def __call__(self, outputs: dict[str, Tensor], valid: Tensor, targets: PairTargets) -> Tensor:
        """As the contract of :data:`MATCHER`."""
        num_layers = len(outputs["object_logits"])
        slots = torch.arange(targets.valid.shape[1], device=targets.valid.device)
        return slots.expand(num_layers, *targets.valid.shape)


@MATCHER.register()
class PairIndexMatcher:
    """The slot of a pair is its place among the ordered pairs of the frame's boxes: spatial SGCLS (as OED)."""

    @configurable
    def __init__(self):
        pass

    @classmethod
    def from_config(cls, cfg):
        return {}

    def __call__(self, outputs: dict[str, Tensor], valid: Tensor, targets: PairTargets) -> Tensor:
        """As the contract of :data:`MATCHER`, for slots in the order of ``itertools.permutations(boxes, 2)``."""
        subject, object_ = targets.pairs.unbind(-1)
        others = targets.box_valid.sum(1, keepdim=True) - 1
        slots = subject * others + object_ - (object_ > subject).long()
        # Padded pairs (0, 0) of a frame with one box would point before the first slot.
        return slots.clamp(min=0).expand(len(outputs["object_logits"]), *slots.shape)


@MATCHER.register()
class HungarianMatcher:
    """The assignment of least cost (Eq. 10, 11; costs as OED), solved by scipy on the host in one copy a batch."""

    @configurable
    def __init__(
        self, *, object_cost: float, predicate_cost: float, l1_cost: float, giou_cost: float
    ):
        self.object_cost = object_cost
        self.predicate_cost = predicate_cost
        self.l1_cost = l1_cost
        self.giou_cost = giou_cost

    @classmethod
    def from_config(cls, cfg):
        m = cfg.MODEL.MATCHER
        return {
            "object_cost": m.OBJECT_COST,
            "predicate_cost": m.PREDICATE_COST,
            "l1_cost": m.L1_COST,
            "giou_cost": m.GIOU_COST,
        }

    @torch.no_grad()
    def __call__(self, outputs: dict[str, Tensor], valid: Tensor, targets: PairTargets) -> Tensor:
        """As the contract of :data:`MATCHER`.

        Raises:
            ValueError: a frame has more pairs than slots.
            FloatingPointError: outputs are not finite.
        """
        check_room(targets.valid.shape[1], valid.shape[1], "pairs")
        return least_cost_slots(self.cost(outputs, targets), valid, targets.valid)

    def cost(self, outputs: dict[str, Tensor], targets: PairTargets) -> Tensor:
        """(L, B, N, K) cost of every slot for every pair."""
        classes = (targets.object_classes + 1)[None, :, None].expand(
            *outputs["object_logits"].shape[:3], -1
        )
        object_cost = -outputs["object_logits"].softmax(-1).gather(3, classes)
        predicate_cost = (
            _multi_hot_cost(outputs["attention_logits"].softmax(-1)[..., :-1], targets.attention)
            + _multi_hot_cost(outputs["spatial_logits"].sigmoid(), targets.spatial)
            + _multi_hot_cost(outputs["contacting_logits"].sigmoid(), targets.contacting)
        )
        # Both boxes must fit: the worse of the two counts (as OED).
        l1_costs, giou_costs = [], []
        for side, boxes in (("subject", targets.subject_boxes), ("object", targets.object_boxes)):
            predicted, boxes = outputs[f"{side}_boxes"][:, :, :, None], boxes[None, :, None]
            l1_costs.append((predicted - boxes).abs().sum(-1))
            giou_costs.append(-generalized_iou(predicted, boxes))
        return (
            self.object_cost * object_cost
            + self.predicate_cost * predicate_cost
            + self.l1_cost * torch.maximum(*l1_costs)
            + self.giou_cost * torch.maximum(*giou_costs)
        )


def check_room(wanted: int, slots: int, what: str) -> None:
    """Raises ValueError if a frame has more annotated ``what`` than the model has slots for."""
    if wanted > slots:
        raise ValueError(
            f"a frame has {wanted} annotated {what} and the model {slots} slots: "
            "raise MODEL.QUERY_INITIALIZER.NUM_QUERIES"
        )


def least_cost_slots(cost: Tensor, valid: Tensor, wanted: Tensor) -> Tensor:
    """The one-to-one assignment of least cost within each frame, solved by scipy on the host in one copy.

    Args:
        cost: (L, B, N, K) of every slot for every annotation, K <= N.
        valid: (B, N) bool, False on padded slots.
        wanted: (B, K) bool, False on padded annotations.

    Returns:
        (L, B, K) int64, the slot of each annotation, on the device of ``valid``.

    Raises:
        FloatingPointError: costs are not finite.
    """
    # A padded slot is nobody's choice; a padded annotation takes, at no cost, a slot that is left.
    cost = cost.masked_fill(~valid[None, :, :, None], 1e6)
    cost = (cost * wanted[:, None]).cpu().numpy()
    if not np.isfinite(cost).all():
        raise FloatingPointError("the matcher's costs are not finite: the model's outputs are not")
    slots = np.empty((*cost.shape[:2], cost.shape[3]), dtype=np.int64)
    for layer, frame in np.ndindex(cost.shape[:2]):
        rows, columns = linear_sum_assignment(cost[layer, frame])
        slots[layer, frame, columns] = rows
    return torch.from_numpy(slots).to(valid.device, non_blocking=True)


def _multi_hot_cost(probabilities: Tensor, targets: Tensor) -> Tensor:
    """(L, B, N, C) probabilities x (B, K, C) multi-hot -> (L, B, N, K): minus the mean of the probability of what is
    there and of the improbability of what is not (as OED).
    """
    there = probabilities @ (targets / (targets.sum(-1, keepdim=True) + 1e-4)).transpose(1, 2)
    absent = 1 - targets
    absent = (1 - probabilities) @ (absent / (absent.sum(-1, keepdim=True) + 1e-4)).transpose(1, 2)
    return -(there + absent) / 2
