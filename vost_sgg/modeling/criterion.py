"""The losses (Sec. 3.5, "Training and optimization"; constants as OED), on every decoder layer at once."""

import torch
import torch.nn.functional as F
from detectron2.config import configurable
from detectron2.utils import comm
from torch import Tensor, nn

from vost_sgg.modeling.layers.boxes import generalized_iou
from vost_sgg.modeling.targets import PairTargets

PREDICTION_KEYS = (
    "attention_logits",
    "spatial_logits",
    "contacting_logits",
    "subject_boxes",
    "object_boxes",
)


class SceneGraphCriterion(nn.Module):
    """Sums each loss over the slots that the matcher assigned; the object class over every valid slot.

    Of a pair with several attention labels the first is trained, since their loss is a cross entropy; the matcher and
    the evaluator read all of them. A pair without any has no part in that loss.

    Nothing is indexed by a mask: padding is weighted by zero, so that no number has to leave the device.
    """

    @configurable
    def __init__(
        self,
        *,
        matcher,
        weights: dict[str, float],
        no_object_weight: float,
        focal_alpha: float,
        focal_gamma: float,
        auxiliary: bool,
    ):
        """
        Args:
            matcher: a part of :data:`~vost_sgg.modeling.matcher.MATCHER`.
            weights: loss name -> weight; every loss must be named.
            no_object_weight: weight, in the cross entropies of object and subject class, of slots without a pair.
            auxiliary: also the losses of every layer but the last, named ``<loss>_<layer>``.
        """
        super().__init__()
        self.matcher = matcher
        self.weights = weights
        self.no_object_weight = no_object_weight
        self.focal_alpha = focal_alpha
        self.focal_gamma = focal_gamma
        self.auxiliary = auxiliary

    @classmethod
    def from_config(cls, cfg, matcher):
        c = cfg.MODEL.CRITERION
        return {
            "matcher": matcher,
            "weights": {
                "loss_object": c.OBJECT_WEIGHT,
                "loss_subject": c.SUBJECT_WEIGHT,
                "loss_attention": c.ATTENTION_WEIGHT,
                "loss_spatial": c.SPATIAL_WEIGHT,
                "loss_contacting": c.CONTACTING_WEIGHT,
                "loss_subject_l1": c.L1_WEIGHT,
                "loss_object_l1": c.L1_WEIGHT,
                "loss_subject_giou": c.GIOU_WEIGHT,
                "loss_object_giou": c.GIOU_WEIGHT,
            },
            "no_object_weight": c.NO_OBJECT_WEIGHT,
            "focal_alpha": c.FOCAL_ALPHA,
            "focal_gamma": c.FOCAL_GAMMA,
            "auxiliary": c.AUXILIARY,
        }

    def forward(
        self, outputs: dict[str, Tensor], valid: Tensor, targets: PairTargets
    ) -> dict[str, Tensor]:
        """
        Args:
            outputs: the heads' outputs of every layer, (L, B, N, ...) each, the last layer last.
            valid: (B, N) bool, the slots that are no padding.
            targets: the annotations of the B frames.

        Returns:
            Weighted scalar losses by name; those of the last layer have the plain names.
        """
        if not self.auxiliary:
            outputs = {key: value[-1:] for key, value in outputs.items()}
        with torch.no_grad():
            slots = self.matcher(outputs, valid, targets)
        matched = {key: take_slots(outputs[key], slots) for key in PREDICTION_KEYS}
        losses = {
            "loss_object": self._loss_class(
                outputs["object_logits"], targets.object_classes + 1, slots, valid, targets
            ),
            **self.losses_predicate(matched, targets),
            **self.losses_box(matched, targets),
        }
        if "subject_logits" in outputs:
            person = torch.zeros_like(targets.object_classes)
            losses["loss_subject"] = self._loss_class(
                outputs["subject_logits"], person, slots, valid, targets
            )
        return weighted_by_layer(losses, self.weights)

    def _loss_class(self, logits, classes, slots, valid, targets: PairTargets) -> Tensor:
        return class_loss(logits, classes, slots, valid, targets.valid, self.no_object_weight)

    def losses_predicate(
        self, matched: dict[str, Tensor], targets: PairTargets
    ) -> dict[str, Tensor]:
        """(L,) each: cross entropy of the attention group (4 logits, as OED), focal of the other two."""
        logits = matched["attention_logits"]
        nll = F.cross_entropy(
            logits.movedim(-1, 1),
            targets.attention.argmax(-1).expand(len(logits), -1, -1),
            reduction="none",
        )
        labelled = targets.valid & targets.attention.any(-1)
        rows = mean_over_processes(labelled.sum())
        return {
            "loss_attention": _ratio((nll * labelled).sum((1, 2)), rows),
            "loss_spatial": self._focal(matched["spatial_logits"], targets.spatial, targets.valid),
            "loss_contacting": self._focal(
                matched["contacting_logits"], targets.contacting, targets.valid
            ),
        }

    def losses_box(self, matched: dict[str, Tensor], targets: PairTargets) -> dict[str, Tensor]:
        """(L,) each: L1 on cxcywh and 1 - GIoU of subject and object boxes (as OED, but counted over all processes)."""
        num_pairs = targets.valid.sum()
        sides = {
            "subject": (targets.subject_boxes, mean_over_processes(num_pairs, at_least=1)),
            "object": (targets.object_boxes, mean_over_processes(num_pairs, more=1e-4)),
        }
        losses = {}
        for side, (boxes, normaliser) in sides.items():
            l1, giou = box_losses(matched[f"{side}_boxes"], boxes, targets.valid)
            losses[f"loss_{side}_l1"] = l1 / normaliser
            losses[f"loss_{side}_giou"] = giou / normaliser
        return losses

    def _focal(self, logits: Tensor, target: Tensor, valid: Tensor) -> Tensor:
        """(L,) focal loss, summed over matched rows and divided by their positive entries (as OED)."""
        p = logits.sigmoid()
        positive = self.focal_alpha * F.logsigmoid(logits) * (1 - p) ** self.focal_gamma
        negative = (1 - self.focal_alpha) * F.logsigmoid(-logits) * p**self.focal_gamma
        loss = -torch.where(target.bool(), positive, negative) * valid[..., None]
        num_positive = (target * valid[..., None]).sum()
        return loss.sum((1, 2, 3)) / mean_over_processes(num_positive, at_least=1)


def class_loss(
    logits: Tensor,
    classes: Tensor,
    slots: Tensor,
    valid: Tensor,
    wanted: Tensor,
    no_object_weight: float,
) -> Tensor:
    """(L,) cross entropy over the valid slots. A slot without an annotation belongs to the last class, of less weight.

    Args:
        logits: (L, B, N, C).
        classes: (B, K) int64, the class of each annotation's slot.
        slots: (L, B, K) int64, the slot of each annotation.
        valid: (B, N) bool, False on padded slots.
        wanted: (B, K) bool, False on padded annotations.
        no_object_weight: weight of the last class.
    """
    background, num_slots = logits.shape[-1] - 1, logits.shape[2]
    expected = torch.full_like(logits[..., 0], background, dtype=torch.long)
    # Padded annotations are written to one extra column, which is then cut off.
    expected = F.pad(expected, (0, 1))
    columns = torch.where(wanted, slots, num_slots)
    expected = expected.scatter(2, columns, classes.expand_as(columns))[..., :-1]
    nll = F.cross_entropy(logits.movedim(-1, 1), expected, reduction="none")
    weights = torch.where(expected == background, no_object_weight, 1.0) * valid
    return _ratio((nll * weights).sum((1, 2)), mean_over_processes(weights.sum((1, 2))))


def box_losses(predicted: Tensor, boxes: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """(L,) each: the sums of L1 on cxcywh and of 1 - GIoU over (L, B, K, 4) predicted and (B, K, 4) annotated boxes,
    of which ``wanted`` (B, K) are no padding.
    """
    l1 = (predicted - boxes).abs().sum(-1)
    giou = 1 - generalized_iou(predicted, boxes)
    return (l1 * wanted).sum((1, 2)), (giou * wanted).sum((1, 2))


def weighted_by_layer(losses: dict[str, Tensor], weights: dict[str, float]) -> dict[str, Tensor]:
    """(L,) losses -> weighted scalars: ``<loss>_<layer>``, and the plain name for the last layer."""
    return {
        name if layer == len(values) - 1 else f"{name}_{layer}": weights[name] * value
        for name, values in losses.items()
        for layer, value in enumerate(values)
    }


def take_slots(values: Tensor, slots: Tensor) -> Tensor:
    """(L, B, N, c) values of the (L, B, K) slots: (L, B, K, c)."""
    return values.gather(2, slots[..., None].expand(*slots.shape, values.shape[-1]))


def _ratio(total: Tensor, count: Tensor) -> Tensor:
    """total / count, and zero where nothing was counted."""
    return total / torch.where(count > 0, count, torch.ones_like(count))


def mean_over_processes(count: Tensor, *, at_least: float = 0.0, more: float = 0.0) -> Tensor:
    """The mean of ``count`` over all processes: what each divides its part of a loss by, so that the processes' mean
    loss is that of one process with all their frames. (Most of OED's normalisers are of one GPU.)

    Args:
        at_least: a lower bound of the sum over the processes.
        more: is added to that sum.
    """
    processes = comm.get_world_size()
    count = count.float()
    if processes > 1:
        count = count.clone()
        torch.distributed.all_reduce(count)
    return (count.clamp(min=at_least) + more) / processes
