"""Recall written again in plain loops, one cell, one pair of boxes and one triplet at a time. Slow and obvious.

A row of 26 columns stands for a pair and a group; a triplet is (first class, predicate, second class, first box, second
box).
"""

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
    boxes, classes = frame.boxes.tolist(), frame.classes.tolist()
    return classes[first], predicate, classes[second], boxes[first], boxes[second]


def annotated(truth):
    found = []
    for k, pair in enumerate(truth.pairs):
        for group, span in SPANS.items():
            found += [
                triplet(truth, pair, group, p)
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


def proposed(prediction, constraint, nms, semi):
    """Triplets by descending score; ties by slot, then row, then predicate, cells outside a row's group behind all."""
    cells = []
    if constraint == "with_per_pair":
        for k in range(len(prediction.pairs)):
            best = None
            for _, group, row, boxes in (r for r in rows(prediction) if r[0] == k):
                for p in SPANS[group]:
                    if best is None or row[p] > best[0]:
                        best = (row[p], group, p, boxes)
            cells.append((-best[3] * best[0], False, k, 0, best[1], best[2]))
    else:
        for k, group, row, boxes in rows(prediction):
            if (
                constraint == "semi"
                and semi == "sttran"
                and not any(row[p] for p in SPANS[group][:2])
            ):
                continue
            for p in range(26):
                best = p == max(range(26), key=lambda q: (row[q], -q))
                chosen = {
                    "with": best,
                    "semi": best if group == "attention" else row[p] > 0.9,
                    "no": True,
                }[constraint]
                if chosen:
                    outside = constraint == "no" and p not in SPANS[group]
                    cells.append((-boxes * row[p], outside, k, list(SPANS).index(group), group, p))
    cells.sort(key=lambda c: c[:4])
    if constraint == "no":
        cells = cells[: 500 if nms else 100]
    return [triplet(prediction, prediction.pairs[k], group, p) for _, _, k, _, group, p in cells]


def suppressed(triplets, rule, size):
    kept = []
    scale = [*size, *size] if rule == "oed" else [1, 1, 1, 1]
    extra = 1 if rule == "oed" else 0
    for t in triplets:
        boxes = [[x / s for x, s in zip(box, scale, strict=True)] for box in t[3:]]
        same = [other for label, other in kept if label == t[:3]]
        if not any(iou(o[0], boxes[0], extra) * iou(o[1], boxes[1], extra) > 0.9 for o in same):
            kept.append((t[:3], boxes))
            yield t


def hit(truth, prediction, extra):
    return (
        truth[:3] == prediction[:3]
        and iou(truth[3], prediction[3], extra) >= 0.5
        and iou(truth[4], prediction[4], extra) >= 0.5
    )


def recall(frames, constraint, nms=None, extra=0, semi="all"):
    """{"R@10": ..., "mR@10": ..., "mR_frame@10": ...} of (truth, prediction) frames."""
    scores, by_class, left_out = (
        {k: [] for k in RANKS},
        {k: [[] for _ in range(26)] for k in RANKS},
        0,
    )
    for truth, prediction in frames:
        targets = annotated(truth)
        if not targets:
            left_out += 1
            continue
        ranked = proposed(prediction, constraint, nms, semi)
        if nms:
            ranked = list(suppressed(ranked, nms, truth.size))
        first = [next((i for i, p in enumerate(ranked) if hit(t, p, extra)), 1000) for t in targets]
        for k in RANKS:
            hits = [rank < k for rank in first]
            scores[k].append(sum(hits) / len(hits))
            for c in range(26):
                of_class = [h for h, t in zip(hits, targets, strict=True) if t[1] == c]
                if of_class:
                    by_class[k][c].append((sum(of_class), len(of_class)))
    result = {}
    for k in RANKS:
        result[f"R@{k}"] = np.mean(scores[k])
        pooled = [sum(h for h, _ in c) / sum(n for _, n in c) if c else 0 for c in by_class[k]]
        framewise = [np.mean([h / n for h, n in c]) if c else 0 for c in by_class[k]]
        result[f"mR@{k}"], result[f"mR_frame@{k}"] = sum(pooled) / 26, sum(framewise) / 26
    return SimpleNamespace(values=result, left_out=left_out)
