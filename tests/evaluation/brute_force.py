"""Recall written again in plain loops, one cell, one pair of boxes and one triplet at a time. Slow and obvious.

A row of 26 columns stands for a pair and a group; a triplet is (first class, predicate, second class, first box, second
box).
"""

from itertools import groupby
from types import SimpleNamespace

import numpy as np

SPANS = {"attention": range(0, 3), "spatial": range(3, 9), "contacting": range(9, 26)}
RANKS = (10, 20, 50, 100)


def iou(a, b, extra):
    width = min(a[2], b[2]) - max(a[0], b[0]) + extra
    height = min(a[3], b[3]) - max(a[1], b[1]) + extra
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(x[2] - x[0] + extra) * (x[3] - x[1] + extra) for x in (a, b)]
    return width * height / (areas[0] + areas[1] - width * height)


def triplet(frame, pair, group, predicate):
    person, thing = (int(i) for i in pair)
    first, second = (thing, person) if group == "spatial" else (person, thing)
    boxes, classes = frame.boxes, frame.classes
    ends = boxes[first].tolist(), boxes[second].tolist()
    return int(classes[first]), predicate, int(classes[second]), *ends


def annotated(truth):
    """(triplet, pair) of every label."""
    found = []
    for k, pair in enumerate(truth.pairs):
        for group, span in SPANS.items():
            found += [
                (triplet(truth, pair, group, p), k)
                for p in span
                if getattr(truth, group)[k][p - span[0]]
            ]
    return found


def rows(prediction):
    """(slot, group, 26 scores, score of the pair's boxes) of every row."""
    for k, pair in enumerate(prediction.pairs):
        boxes = float(prediction.scores[pair[0]]) * float(prediction.scores[pair[1]])
        for group, span in SPANS.items():
            row = [0.0] * 26
            for p in span:
                row[p] = float(getattr(prediction, group)[k][p - span[0]])
            yield k, group, row, boxes


def chosen(constraint, group, row, threshold, sttran):
    """The predicates that a row proposes: one a row, above a threshold, or all."""
    best = row.index(max(row))
    if constraint == "with":
        return [best]
    if constraint == "no":
        return range(26)
    if sttran and row[SPANS[group][0]] + row[SPANS[group][1]] == 0:
        return []
    return [best] if group == "attention" else [p for p in range(26) if row[p] > threshold]


def proposed(prediction, constraint, nms, threshold, sttran):
    """(triplet, slot) by descending score; ties by slot, then row, then predicate, cells outside a row's group last."""
    cells = []
    if constraint == "with_per_pair":
        for k, own in groupby(rows(prediction), key=lambda r: r[0]):
            best = None
            for _, group, row, boxes in own:
                for p in SPANS[group]:
                    if best is None or row[p] > best[0]:
                        best = (row[p], group, p, boxes)
            cells.append((-best[3] * best[0], False, k, 0, best[1], best[2]))
    else:
        for k, group, row, boxes in rows(prediction):
            for p in chosen(constraint, group, row, threshold, sttran):
                outside = constraint == "no" and p not in SPANS[group]
                cells.append((-boxes * row[p], outside, k, list(SPANS).index(group), group, p))
    cells.sort(key=lambda c: c[:4])
    if constraint == "no":
        cells = cells[: 500 if nms else 100]
    return [
        (triplet(prediction, prediction.pairs[k], group, p), k) for _, _, k, _, group, p in cells
    ]


def suppressed(proposals, rule, size):
    kept = []
    scale = [*size, *size] if rule == "oed" else [1, 1, 1, 1]
    extra = 1 if rule == "oed" else 0
    for t, slot in proposals:
        boxes = [[x / s for x, s in zip(box, scale, strict=True)] for box in t[3:]]
        same = [other for label, other in kept if label == t[:3]]
        if not any(iou(o[0], boxes[0], extra) * iou(o[1], boxes[1], extra) > 0.9 for o in same):
            kept.append((t[:3], boxes))
            yield t, slot


def hit(truth, prediction, extra):
    return (
        truth[:3] == prediction[:3]
        and iou(truth[3], prediction[3], extra) >= 0.5
        and iou(truth[4], prediction[4], extra) >= 0.5
    )


def matching_slots(truth, prediction, k, extra):
    """The slots that have the classes and boxes of annotated pair ``k``, whatever their predicates."""
    target = triplet(truth, truth.pairs[k], "", 0)
    slots = [triplet(prediction, pair, "", 0) for pair in prediction.pairs]
    return {slot for slot, found in enumerate(slots) if hit(target, found, extra)}


def first_rank(matches):
    return next((rank for rank, match in enumerate(matches) if match), 1000)


def recall(
    frames, constraint, nms=None, extra=0, threshold=0.9, sttran=False, training_triplets=None
):
    """{"R@10": ..., "mR@10": ..., "mR_frame@10": ...} of (truth, prediction) frames; and, apart, "pair_R@10", "zR@10".

    ``training_triplets``: (object class, predicate) pairs that are not zero-shot.
    """
    shares = {name: {k: [] for k in RANKS} for name in ("R", "pair_R", "zR")}
    by_class, left_out = {k: [[] for _ in range(26)] for k in RANKS}, 0
    for truth, prediction in frames:
        targets = annotated(truth)
        if not targets:
            left_out += 1
            continue
        ranked = proposed(prediction, constraint, nms, threshold, sttran)
        if nms:
            ranked = list(suppressed(ranked, nms, truth.size))
        first = [first_rank(hit(t, p, extra) for p, _ in ranked) for t, _ in targets]
        matching = {k: matching_slots(truth, prediction, k, extra) for _, k in targets}
        pairs = [first_rank(slot in slots for _, slot in ranked) for slots in matching.values()]
        unseen = [
            rank
            for rank, (t, k) in zip(first, targets, strict=True)
            if training_triplets is not None
            and (int(truth.classes[truth.pairs[k][1]]), t[1]) not in training_triplets
        ]
        for k in RANKS:
            for name, ranks in (("R", first), ("pair_R", pairs), ("zR", unseen)):
                if ranks:
                    shares[name][k].append(sum(rank < k for rank in ranks) / len(ranks))
            for c in range(26):
                of_class = [r < k for r, (t, _) in zip(first, targets, strict=True) if t[1] == c]
                if of_class:
                    by_class[k][c].append((sum(of_class), len(of_class)))
    result, further = {}, {}
    for k in RANKS:
        result[f"R@{k}"] = np.mean(shares["R"][k]) if shares["R"][k] else np.nan
        pooled = [sum(h for h, _ in c) / sum(n for _, n in c) if c else 0 for c in by_class[k]]
        framewise = [np.mean([h / n for h, n in c]) if c else 0 for c in by_class[k]]
        result[f"mR@{k}"], result[f"mR_frame@{k}"] = sum(pooled) / 26, sum(framewise) / 26
        further |= {f"{n}@{k}": np.mean(shares[n][k]) for n in ("pair_R", "zR") if shares[n][k]}
    return SimpleNamespace(values=result, further=further, left_out=left_out)
