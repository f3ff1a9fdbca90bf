"""Action Genome's records of a video: keyframes, detected persons, object entries."""

from dataclasses import dataclass

import numpy as np

from vost_sgg.data.sample.figure import Figure
from vost_sgg.data.sample.play import FrameState, Play
from vost_sgg.data.sample.relations import attention, contacting, spatial
from vost_sgg.data.sample.scripts import FRAMES

_OMITTED = 0.142  # share of entries that the annotators of AG could not see, beside what is truly out of view
_UNDETECTED = 0.105  # share of frames whose person the detector misses; more when the camera shakes
_WRONG_FIRST = 0.06  # share of frames with two persons whose first row is not the actor
_JITTER = 0.015  # of annotators and of the detector, in units of the box's sides
# Share of the detector's boxes that hold the stretched arms. Were they in each, a box that reaches into another would
# tell a touch without a look at the picture.
_ARMS_IN_BOX = 0.1
_SMALLEST = 6  # pixels


@dataclass(frozen=True)
class VideoRecords:
    """The rows that one video adds to the two pickles: frame key -> record."""

    persons: dict[str, dict]
    objects: dict[str, list[dict]]


def draw_keyframes(rng: np.random.Generator) -> list[int]:
    """Frame numbers from 0: five uniform samples in each of a few overlapping intervals, as AG samples actions."""
    wanted = int(np.clip(rng.poisson(8), 4, 16))
    keyframes: set[int] = set()
    while len(keyframes) < wanted:
        start, length = rng.uniform(0, 0.6) * FRAMES, rng.uniform(0.3, 0.9) * FRAMES
        keyframes |= {int(f) for f in np.linspace(start, min(FRAMES - 1, start + length), 5)}
    ordered = sorted(keyframes)
    if len(ordered) > 16:
        ordered = [ordered[i] for i in np.linspace(0, len(ordered) - 1, 16).astype(int)]
    return ordered


def annotate(
    play: Play, video: str, split: str, keyframes: list[int], rng: np.random.Generator
) -> VideoRecords:
    """The records of ``keyframes`` (from 0; their files are numbered from 1) of the video named ``video``."""
    records = VideoRecords({}, {})
    for frame in keyframes:
        state = play.state(frame)
        key = f"{video}/{frame + 1:06d}.png"
        records.persons[key] = _person_record(state, play.layout.size, rng)
        records.objects[key] = [
            _object_entry(
                play,
                state,
                index,
                f"{video}/{thing.prop.name.replace('/', '_')}/{frame + 1:06d}",
                split,
                rng,
            )
            for index, thing in enumerate(state.things)
            if thing.prop.role
        ]
    return records


def _object_entry(play: Play, state: FrameState, index: int, tag: str, split: str, rng) -> dict:
    thing = state.things[index]
    box = _visible_box(state, index, play.layout.size, rng)
    entry = {
        "class": thing.prop.name, "bbox": None, "attention_relationship": None, "spatial_relationship": None,
        "contacting_relationship": None, "metadata": {"tag": tag, "set": split}, "visible": box is not None,
    }  # fmt: skip
    if box is not None:
        x0, y0, x1, y1 = (float(v) for v in box)
        entry["bbox"] = (x0, y0, x1 - x0, y1 - y0)
        entry["attention_relationship"] = attention(state, index)
        entry["spatial_relationship"] = spatial(play.layout, state, thing)
        entry["contacting_relationship"] = contacting(play.layout, thing)
    return entry


def _visible_box(state: FrameState, index: int, size: tuple[int, int], rng) -> np.ndarray | None:
    """The box as annotated, xyxy inside the frame; None for what is out of view or was not seen."""
    thing = state.things[index]
    whole = thing.box()
    omitted, box = rng.random() < _OMITTED, _jittered(whole, size, rng)
    sides = box[2:] - box[:2]
    shown = sides.prod() / max((whole[2:] - whole[:2]).prod(), 1e-6)
    if omitted or thing.absent or state.shaken or sides.min() < _SMALLEST or shown < 0.35:
        return None
    return box


def _jittered(box: np.ndarray, size: tuple[int, int], rng) -> np.ndarray:
    sides = np.tile(box[2:] - box[:2], 2)
    return np.clip(box + rng.normal(0, _JITTER, 4) * sides, 0, [*size, *size])


def _person_record(state: FrameState, size: tuple[int, int], rng) -> dict:
    """A detector's output: the persons found, best first. Its first row is mostly the actor."""
    found = [state.figure] if rng.random() >= (0.5 if state.shaken else _UNDETECTED) else []
    if found and state.bystander is not None and rng.random() < 0.9:
        found = (
            [state.bystander, *found] if rng.random() < _WRONG_FIRST else [*found, state.bystander]
        )
    boxes = [_jittered(figure.box(arms=rng.random() < _ARMS_IN_BOX), size, rng) for figure in found]
    kept = [i for i, box in enumerate(boxes) if (box[2:] - box[:2]).min() >= _SMALLEST]
    keypoints = [_keypoints(found[i], rng) for i in kept]
    return {
        "bbox": np.array([boxes[i] for i in kept], np.float32).reshape(-1, 4),
        "bbox_score": np.sort(rng.uniform(0.9, 0.9995, len(kept)).astype(np.float32))[::-1].copy(),
        "bbox_size": size,
        "bbox_mode": "xyxy",
        "keypoints": np.array(keypoints, np.float32).reshape(-1, 17, 3),
        "keypoints_logits": rng.normal(6, 3, (len(kept), 17)).astype(np.float32),
    }


def _keypoints(figure: Figure, rng) -> np.ndarray:
    points = figure.coco_keypoints() + rng.normal(0, 1, (17, 2))
    return np.concatenate([points, np.ones((17, 1))], 1)
