"""When a triplet holds: the frames of a video joined into segments, as captioning and retrieval need them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vost_sgg.scene_graph.graph import sentence

# Seconds; a triplet that is missed for no longer has not ended.
MAX_GAP = 1.0


@dataclass
class _Segment:
    start: float
    end: float
    first: int
    last: int
    scores: list[float]


def segments(frames: Iterable[Mapping], *, end: float, max_gap: float = MAX_GAP) -> list[dict]:
    """The segments of each triplet of class names, by their start; which of several equal objects it is, is not told.

    Args:
        frames: of scene_graphs.json; a frame lasts until the next one begins.
        end: seconds at which the last frame ends.
        max_gap: seconds that may pass between two frames of one segment without the triplet.

    Returns:
        {"subject", "predicate", "object", "group", "text", "start", "end" in seconds, "start_frame" and "end_frame"
        (the last in which it holds) by index, "frames" in which it holds, "score", the mean of theirs} each.
    """
    frames = list(frames)
    ends = [frame["time"] for frame in frames[1:]] + [end]
    found: dict[tuple, list[_Segment]] = {}
    for frame, until in zip(frames, ends, strict=True):
        for triplet, score in _triplets(frame).items():
            runs = found.setdefault(triplet, [])
            if not runs or frame["time"] - runs[-1].end > max_gap:
                runs.append(_Segment(frame["time"], until, frame["index"], frame["index"], []))
            runs[-1].end, runs[-1].last = until, frame["index"]
            runs[-1].scores.append(score)
    rows = [_row(triplet, run) for triplet, runs in found.items() for run in runs]
    return sorted(rows, key=lambda row: (row["start"], -row["score"], row["text"]))


def _triplets(frame: Mapping) -> dict[tuple, float]:
    """The best score of each triplet of one frame."""
    best: dict[tuple, float] = {}
    for r in frame["relations"]:
        subject, thing = (frame["objects"][r[end]]["class"] for end in ("subject", "object"))
        triplet = subject, r["predicate"], thing, r["group"]
        best[triplet] = max(best.get(triplet, 0.0), r["score"])
    return best


def _row(triplet: tuple, run: _Segment) -> dict:
    subject, predicate, thing, group = triplet
    return {
        "subject": subject,
        "predicate": predicate,
        "object": thing,
        "group": group,
        "text": sentence(subject, predicate, thing, group),
        "start": round(run.start, 4),
        "end": round(run.end, 4),
        "start_frame": run.first,
        "end_frame": run.last,
        "frames": len(run.scores),
        "score": round(sum(run.scores) / len(run.scores), 4),
    }
