"""Which annotated frames and boxes count: the named frame rules, applied to an AnnotationIndex, with every count."""

from dataclasses import dataclass, fields

import numpy as np

from vost_sgg.data.annotation_index import SPLITS, AnnotationIndex, split_key


@dataclass(frozen=True)
class FrameRule:
    """A frame is kept if the first of its objects says so (split), a person has a box and an object is visible.

    Args:
        min_video_frames: videos with fewer such frames are dropped.
        small_side: if given, an object counts only if the shorter side of its box is **above** this many pixels.
    """

    min_video_frames: int = 1
    small_side: float | None = None


FRAME_RULES = {
    # OED's public script: one-frame videos are kept.
    "oed": FrameRule(),
    # STTran and TEMPURA, PredCLS: videos with more than two frames.
    "sttran": FrameRule(min_video_frames=3),
    # The same, SGCLS and SGDET: as their "filtersmall" pickle.
    "sttran_filtersmall": FrameRule(min_video_frames=3, small_side=16.0),
}


@dataclass
class FrameCounts:
    """What a rule met, dropped and kept. Frames unless the name says otherwise."""

    # Why frames were dropped, in the order of the steps; a frame is counted at the first step that it fails.
    listed: int = 0
    with_invisible_objects_only: int = 0
    without_person: int = 0
    with_small_objects_only: int = 0
    without_box_area: int = 0
    usable: int = 0
    in_short_videos: int = 0
    short_videos: int = 0
    kept: int = 0
    kept_videos: int = 0
    # Of the kept frames:
    with_several_persons: int = 0
    pairs: int = 0
    invisible_objects: int = 0
    small_objects: int = 0
    objects_without_area: int = 0
    pairs_without_attention: int = 0
    pairs_with_several_attentions: int = 0
    # Of the persons' and visible objects' boxes in all frames listed:
    clipped_boxes: int = 0
    largest_overflow_px: float = 0.0

    def __str__(self) -> str:
        pairs = ((f.name.replace("_", " "), getattr(self, f.name)) for f in fields(self))
        return ", ".join(f"{name} {value:,.2f}".removesuffix(".00") for name, value in pairs)


@dataclass
class FrameSelection:
    """The frames that a rule keeps of an index of F frames and E entries.

    Args:
        frames: (n,) int64, rows of the index, in its order.
        objects: (E,) bool, the entries that count, in frames kept or not.
        person_boxes: (F, 4) float64, xyxy, clipped to the frame.
        object_boxes: (E, 4) float64, xyxy, clipped to the frame.
        counts: what was dropped, and why.
    """

    frames: np.ndarray
    objects: np.ndarray
    person_boxes: np.ndarray
    object_boxes: np.ndarray
    counts: FrameCounts


def select_frames(index: AnnotationIndex, split: str, rule: FrameRule) -> FrameSelection:
    """Applies ``rule`` to the frames of ``split`` ("train" or "test")."""
    frame_of = np.repeat(np.arange(len(index)), np.diff(index.object_starts))
    person_boxes = _clip(index.person_boxes, index.sizes)
    object_boxes = _clip(_xyxy(index.boxes), index.sizes[frame_of])
    large = index.visible & _above(index.boxes, rule.small_side)
    solid = large & _has_area(object_boxes)

    def any_object(mask):
        return np.bincount(frame_of[mask], minlength=len(index)) > 0

    passed = {
        "with_invisible_objects_only": any_object(index.visible),
        "without_person": index.person_counts > 0,
        "with_small_objects_only": any_object(large),
        "without_box_area": any_object(solid) & _has_area(person_boxes),
    }
    counts = FrameCounts()
    in_split = index.splits == SPLITS.index(split)
    usable = _step_through(in_split, passed, counts)
    frames = _drop_short_videos(index, usable, rule.min_video_frames, counts)
    selection = FrameSelection(frames, solid, person_boxes, object_boxes, counts)
    _count_objects(index, selection, np.isin(frame_of, frames), large)
    _count_clipping(index, selection, frame_of, in_split)
    return selection


def _xyxy(boxes: np.ndarray) -> np.ndarray:
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def _clip(boxes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    return np.clip(boxes, 0, np.tile(sizes, 2))


def _has_area(boxes: np.ndarray) -> np.ndarray:
    """False for a missing (NaN) box, too."""
    return (boxes[:, 2:] > boxes[:, :2]).all(axis=1)


def _above(boxes: np.ndarray, small_side: float | None) -> np.ndarray:
    if small_side is None:
        return np.ones(len(boxes), bool)
    return boxes[:, 2:].min(axis=1) > small_side


def _step_through(remaining: np.ndarray, passed: dict, counts: FrameCounts) -> np.ndarray:
    counts.listed = int(remaining.sum())
    for name, mask in passed.items():
        setattr(counts, name, int((remaining & ~mask).sum()))
        remaining = remaining & mask
    counts.usable = int(remaining.sum())
    return np.flatnonzero(remaining)


def _drop_short_videos(
    index, frames: np.ndarray, min_frames: int, counts: FrameCounts
) -> np.ndarray:
    videos = np.array([split_key(index.keys[row])[0] for row in frames])
    _, video_of, lengths = np.unique(videos, return_inverse=True, return_counts=True)
    kept = frames[lengths[video_of] >= min_frames]
    counts.short_videos = int((lengths < min_frames).sum())
    counts.in_short_videos = len(frames) - len(kept)
    counts.kept_videos = int((lengths >= min_frames).sum())
    counts.kept = len(kept)
    return kept


def _count_objects(
    index, selection: FrameSelection, in_kept: np.ndarray, large: np.ndarray
) -> None:
    counts, used = selection.counts, selection.objects & in_kept
    counts.with_several_persons = int((index.person_counts[selection.frames] > 1).sum())
    counts.pairs = int(used.sum())
    counts.invisible_objects = int((in_kept & ~index.visible).sum())
    counts.small_objects = int((in_kept & index.visible & ~large).sum())
    counts.objects_without_area = int((in_kept & large & ~selection.objects).sum())
    attentions = index.predicates[used, :3].sum(axis=1)
    counts.pairs_without_attention = int((attentions == 0).sum())
    counts.pairs_with_several_attentions = int((attentions > 1).sum())


def _count_clipping(
    index, selection: FrameSelection, frame_of: np.ndarray, split: np.ndarray
) -> None:
    persons = split & (index.person_counts > 0)
    objects = split[frame_of] & index.visible
    shifts = np.concatenate(
        [
            (index.person_boxes - selection.person_boxes)[persons],
            (_xyxy(index.boxes) - selection.object_boxes)[objects],
        ]
    )
    # fmax: a visible object without a box (NaN) is counted among those without area.
    overflow = np.fmax.reduce(np.abs(shifts), axis=1, initial=0)
    selection.counts.clipped_boxes = int((overflow > 0).sum())
    selection.counts.largest_overflow_px = float(overflow.max(initial=0))
