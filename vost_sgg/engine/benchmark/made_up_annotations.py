"""Made-up annotations in the five official files, as many as Action Genome has: its size without a download."""

import os
import pickle
import string
from dataclasses import dataclass

import numpy as np

from vost_sgg.data.annotation_index import SPLITS
from vost_sgg.data.official_pickles import (
    FRAME_LIST,
    OBJECT_NAMES,
    OBJECTS,
    PERSONS,
    PREDICATE_NAMES,
)
from vost_sgg.data.official_totals import OFFICIAL_FRAMES
from vost_sgg.data.vocabulary import (
    ATTENTION_CLASSES,
    CONTACTING_CLASSES,
    OBJECT_CLASSES,
    PREDICATE_CLASSES,
    SPATIAL_CLASSES,
    spelling,
)

# Width and height, and the share of videos, in per cent (of the published test videos).
_SIZES = {(480, 270): 39, (270, 480): 27, (320, 480): 15, (480, 360): 10, (360, 480): 5}
_SIZES[480, 320] = 4


@dataclass(frozen=True)
class SplitCounts:
    """What a split has, in frames unless the name says otherwise.

    Args:
        videos: with an annotated frame.
        usable: with a person and a visible object.
        without_person: with a visible object and no person.
        invisible: with invisible objects only.
        visible: objects.
        hidden: entries that are not visible.
        second_labels: labels beyond the three of every visible object.
    """

    videos: int
    usable: int
    without_person: int
    invisible: int
    visible: int
    hidden: int
    second_labels: int

    @property
    def frames(self) -> int:
        return self.usable + self.without_person + self.invisible


# Published: each split's usable frames, those without a person and the videos; over both splits 288,782 frames, 737,427
# entries, 583,325 of them visible, and 1,913,334 relations. How the rest is split is ours.
ACTION_GENOME = {
    "train": SplitCounts(7_777, 177_330, 21_643, 18_240, 438_760, 115_910, 122_873),
    "test": SplitCounts(1_810, 56_923, 8_636, 6_010, 144_565, 38_192, 40_486),
}


def write_made_up_annotations(folder: str, frames: int = OFFICIAL_FRAMES) -> None:
    """Writes the five files of Action Genome v1.0 into ``folder``: its schema, its counts, random content.

    Args:
        folder: is made.
        frames: about so many over both splits, every other count in proportion; at least 1,000.
    """
    os.makedirs(folder, exist_ok=True)
    generator = np.random.default_rng(0)
    persons, objects = {}, {}
    for split in SPLITS:
        counts = _scaled(ACTION_GENOME[split], frames / OFFICIAL_FRAMES)
        _add_split(split, counts, generator, persons, objects)
    # Class files have no separators and no newline at their end.
    for name, words in ((OBJECT_NAMES, OBJECT_CLASSES), (PREDICATE_NAMES, PREDICATE_CLASSES)):
        _write(os.path.join(folder, name), "\n".join(map(spelling, words)).encode())
    _write(os.path.join(folder, FRAME_LIST), "".join(f"{key}\n" for key in persons).encode())
    for name, content in ((PERSONS, persons), (OBJECTS, objects)):
        with open(os.path.join(folder, name), "wb") as file:
            pickle.dump(content, file, protocol=3)


def _scaled(counts: SplitCounts, share: float) -> SplitCounts:
    return SplitCounts(*(max(1, round(value * share)) for value in vars(counts).values()))


def _write(path: str, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)


def _add_split(split: str, counts: SplitCounts, generator, persons: dict, objects: dict) -> None:
    keys, sizes = _frames(split, counts, generator)
    kinds = np.repeat([0, 1, 2], (counts.usable, counts.without_person, counts.invisible))
    generator.shuffle(kinds)
    visible = _shared_out(counts.visible, kinds < 2, kinds < 2, generator)
    hidden = _shared_out(counts.hidden, kinds == 2, kinds >= 0, generator)
    seconds = np.arange(counts.visible) < counts.second_labels
    generator.shuffle(seconds)
    boxes = _boxes(counts.visible, generator).tolist()
    labels = _labels(counts.visible, seconds, generator)
    order = generator.random((counts.frames, len(OBJECT_CLASSES) - 1)).argsort(axis=1) + 1
    entry = 0
    for frame, (key, size) in enumerate(zip(keys, sizes, strict=True)):
        persons[key] = _person(kinds[frame] != 1, size, generator)
        names = [OBJECT_CLASSES[i] for i in order[frame, : visible[frame] + hidden[frame]]]
        rows = range(entry, entry + visible[frame])
        seen = [_visible(n, boxes[i], size, labels[i]) for n, i in zip(names, rows, strict=False)]
        records = seen + [_hidden(name) for name in names[len(seen) :]]
        objects[key] = [{**r, "metadata": _metadata(key, r["class"], split)} for r in records]
        entry += len(seen)


def _frames(split: str, counts: SplitCounts, generator) -> tuple[list[str], list]:
    """The keys and sizes of all frames: numbers ascend within a video, and every video has a frame."""
    lengths = 1 + generator.multinomial(
        counts.frames - counts.videos, np.full(counts.videos, 1 / counts.videos)
    )
    chosen = generator.choice(
        len(_SIZES), counts.videos, p=np.array(list(_SIZES.values())) / sum(_SIZES.values())
    )
    keys, sizes = [], []
    for video, length in enumerate(lengths.tolist()):
        name = _video_name(2 * video + (split == "test"))
        numbers = generator.integers(1, 20, length).cumsum().tolist()
        keys += [f"{name}.mp4/{number:06d}.png" for number in numbers]
        sizes += [list(_SIZES)[chosen[video]]] * length
    return keys, sizes


def _video_name(number: int) -> str:
    """Five characters, as Charades has them."""
    digits = string.digits + string.ascii_uppercase
    return "".join(digits[number // len(digits) ** place % len(digits)] for place in range(5))


def _shared_out(total: int, least_one: np.ndarray, among: np.ndarray, generator) -> np.ndarray:
    """(frames,) numbers that add up to ``total``: at random ``among`` frames, with one for each of ``least_one``."""
    extra = generator.multinomial(max(0, total - least_one.sum()), among / among.sum())
    return least_one + extra


def _boxes(count: int, generator) -> np.ndarray:
    """(count, 4) xywh in shares of the frame."""
    corner = generator.uniform(0, 0.6, (count, 2))
    return np.concatenate([corner, generator.uniform(0.08, 0.4, (count, 2))], axis=1)


def _labels(count: int, seconds: np.ndarray, generator) -> list[tuple[list[int], ...]]:
    """Of each visible object the rows of its labels in each group: one, or two in the spatial group."""
    attention, spatial, contacting = (generator.integers(n, size=count) for n in (3, 6, 17))
    other = (spatial + generator.integers(1, 6, count)) % 6
    rows = zip(attention.tolist(), spatial.tolist(), contacting.tolist(), strict=True)
    return [
        ([a], [s, o] if two else [s], [c])
        for (a, s, c), o, two in zip(rows, other.tolist(), seconds.tolist(), strict=True)
    ]


def _person(detected: bool, size: tuple[int, int], generator) -> dict:
    n = int(detected)
    x, y = generator.uniform(0, 0.5, 2)
    box = [x * size[0], y * size[1], (x + 0.4) * size[0], (y + 0.5) * size[1]]
    return {
        "bbox": np.array([box] * n, np.float32).reshape(n, 4),
        "bbox_score": generator.random(n, np.float32),
        "bbox_size": size,
        "bbox_mode": "xyxy",
        "keypoints": generator.random((n, 17, 3), np.float32),
        "keypoints_logits": generator.random((n, 17), np.float32),
    }


def _visible(name: str, box: list[float], size: tuple[int, int], labels: tuple) -> dict:
    classes = (ATTENTION_CLASSES, SPATIAL_CLASSES, CONTACTING_CLASSES)
    chosen = [[words[i] for i in ids] for words, ids in zip(classes, labels, strict=True)]
    width, height = size
    return {
        "class": _fresh(name),
        "bbox": (box[0] * width, box[1] * height, box[2] * width, box[3] * height),
        "attention_relationship": chosen[0],
        "spatial_relationship": chosen[1],
        "contacting_relationship": chosen[2],
        "visible": True,
    }


def _hidden(name: str) -> dict:
    labels = dict.fromkeys(f"{g}_relationship" for g in ("attention", "spatial", "contacting"))
    return {"class": _fresh(name), "bbox": None, **labels, "visible": False}


def _metadata(key: str, name: str, split: str) -> dict:
    video, image = key.split("/")
    tag = f"{video}/{name.replace('/', '_')}/{image.removesuffix('.png')}"
    return {"tag": tag, "set": split}


def _fresh(text: str) -> str:
    """The same text as an object of its own, which a pickle writes out. The official file has so many bytes if it does
    that with the classes and repeats labels and splits by reference."""
    return text.encode().decode()
