"""Heads' outputs -> scene graphs in each frame's own pixels (as OED)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from vost_sgg.structures import PREDICATE_GROUPS, FramePrediction, PairQueries


def scene_graphs(
    outputs: dict[str, Tensor], queries: PairQueries, sizes: Sequence[tuple[int, int]]
) -> list[FramePrediction]:
    """One prediction a frame. What the task gave (boxes, labels) is kept and scores 1; the rest is predicted.

    Args:
        outputs: the heads' outputs of the last layer, (B, N, ...) each.
        queries: the slots they answer for; padded slots are left out.
        sizes: (width, height) of each frame in pixels.

    Returns:
        B predictions on the host, boxes as [K subjects, K objects] and pair i = (i, K + i).
    """
    if queries.boxes is not None:
        boxes = queries.boxes
    else:
        boxes = torch.stack((outputs["subject_boxes"], outputs["object_boxes"]), dim=2)
    if queries.labels is not None:
        classes, scores = queries.labels, torch.ones_like(queries.labels, dtype=torch.float32)
    else:
        # The last logit is "no object". Class 0 of the logits is unused, so that ours is one less.
        scores, classes = outputs["object_logits"].float().softmax(-1)[..., :-1].max(-1)
        classes = classes - 1
    columns = {
        "boxes": boxes,
        "classes": classes,
        "scores": scores,
        # Where the slots are all pairs, the subject may be no person (SGCLS); else it is one (as OED).
        "subject_scores": outputs["subject_logits"].float().softmax(-1)[..., 0]
        if "subject_logits" in outputs
        else torch.ones_like(scores),
        # The background logit of attention is dropped before the softmax (as OED).
        "attention": outputs["attention_logits"][..., :-1].float().softmax(-1),
        "spatial": outputs["spatial_logits"].float().sigmoid(),
        "contacting": outputs["contacting_logits"].float().sigmoid(),
    }
    columns = {name: value.detach().cpu() for name, value in columns.items()}
    valid = queries.valid.cpu()
    return [
        _frame({name: value[b, valid[b]] for name, value in columns.items()}, size)
        for b, size in enumerate(sizes)
    ]


def _frame(slots: dict[str, Tensor], size: tuple[int, int]) -> FramePrediction:
    xyxy = _pixel_boxes(slots["boxes"].float().transpose(0, 1).reshape(-1, 4), size)
    count = torch.arange(len(slots["classes"]))
    return FramePrediction(
        boxes=xyxy,
        classes=torch.cat((torch.zeros_like(slots["classes"]), slots["classes"])),
        scores=torch.cat((slots["subject_scores"], slots["scores"])),
        pairs=torch.stack((count, len(count) + count), dim=1),
        attention=slots["attention"],
        spatial=slots["spatial"],
        contacting=slots["contacting"],
    )


def detections(
    logits: Tensor, boxes: Tensor, sizes: Sequence[tuple[int, int]]
) -> list[FramePrediction]:
    """One prediction a frame: every query's box with its likeliest class, and no pairs.

    Args:
        logits: (B, N, classes + 2): 0 unused, 1 person, ..., last "no object".
        boxes: (B, N, 4) cxcywh in [0, 1].
        sizes: (width, height) of each frame in pixels.
    """
    scores, classes = logits.float().softmax(-1)[..., 1:-1].max(-1)
    scores, classes, boxes = (x.detach().cpu() for x in (scores, classes, boxes.float()))
    nothing = {
        group: torch.zeros(0, size)
        for group, size in zip(PREDICATE_GROUPS, (3, 6, 17), strict=True)
    }
    return [
        FramePrediction(
            boxes=_pixel_boxes(boxes[b], size),
            classes=classes[b],
            scores=scores[b],
            pairs=torch.zeros(0, 2, dtype=torch.long),
            **nothing,
        )
        for b, size in enumerate(sizes)
    ]


def _pixel_boxes(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """(P, 4) cxcywh in [0, 1] -> xyxy in pixels of an image of ``size`` (width, height)."""
    centre, half = boxes[:, :2], boxes[:, 2:] / 2
    return torch.cat((centre - half, centre + half), dim=1) * torch.tensor([*size, *size])
