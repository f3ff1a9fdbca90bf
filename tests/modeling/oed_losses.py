"""OED's spatial PredCLS losses of one decoder layer written again, plainly, with a loop a pair."""

import math

import torch


def giou(a, b):
    """Of two cxcywh boxes given as lists of floats."""
    ax0, ay0, ax1, ay1 = a[0] - a[2] / 2, a[1] - a[3] / 2, a[0] + a[2] / 2, a[1] + a[3] / 2
    bx0, by0, bx1, by1 = b[0] - b[2] / 2, b[1] - b[3] / 2, b[0] + b[2] / 2, b[1] + b[3] / 2
    inter = max(0, min(ax1, bx1) - max(ax0, bx0)) * max(0, min(ay1, by1) - max(ay0, by0))
    union = a[2] * a[3] + b[2] * b[3] - inter
    hull = (max(ax1, bx1) - min(ax0, bx0)) * (max(ay1, by1) - min(ay0, by0))
    return inter / union - (hull - union) / hull


def cxcywh(box, size):
    x0, y0, x1, y1 = (float(v) / s for v, s in zip(box, (*size, *size), strict=True))
    return [(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0]


def focal(rows, targets, alpha=0.5, gamma=2.0):
    total, positives = 0.0, 0
    for row, target in zip(rows, targets, strict=True):
        for logit, t in zip(row.tolist(), target, strict=True):
            p = 1 / (1 + math.exp(-logit))
            if t:
                total -= alpha * math.log(p) * (1 - p) ** gamma
                positives += 1
            else:
                total -= (1 - alpha) * math.log(1 - p) * p**gamma
    return total / positives if positives else total


def cross_entropy(row, target):
    return float(torch.logsumexp(row.double(), 0) - row.double()[target])


def oed_predcls_losses(frames):
    """frames: (outputs of the frame's own pairs, ground truth) each. Returns weighted losses by name."""
    objects, attentions, sub_l1, obj_l1, sub_giou, obj_giou = [], [], [], [], [], []
    spatial, contacting = ([], []), ([], [])
    for outputs, gt in frames:
        for k, (s, o) in enumerate(gt.pairs):
            objects.append(cross_entropy(outputs["object_logits"][k], int(gt.classes[o]) + 1))
            attentions.append(
                cross_entropy(outputs["attention_logits"][k], gt.attention[k].tolist().index(True))
            )
            for group, (rows, targets) in (("spatial", spatial), ("contacting", contacting)):
                rows.append(outputs[f"{group}_logits"][k])
                targets.append(getattr(gt, group)[k].tolist())
            for side, index, l1, gious in (
                ("subject", s, sub_l1, sub_giou),
                ("object", o, obj_l1, obj_giou),
            ):
                predicted = outputs[f"{side}_boxes"][k].tolist()
                target = cxcywh(gt.boxes[index], gt.size)
                l1.append(sum(abs(p - t) for p, t in zip(predicted, target, strict=True)))
                gious.append(1 - giou(predicted, target))
    n = len(objects)
    return {
        "loss_object": sum(objects) / n,
        "loss_attention": 2 * sum(attentions) / n,
        "loss_spatial": 2 * focal(*spatial),
        "loss_contacting": 2 * focal(*contacting),
        "loss_subject_l1": 2.5 * sum(sub_l1) / max(n, 1),
        "loss_object_l1": 2.5 * sum(obj_l1) / (n + 1e-4),
        "loss_subject_giou": sum(sub_giou) / max(n, 1),
        "loss_object_giou": sum(obj_giou) / (n + 1e-4),
    }
