"""Generates a sample of AVA in its exact layout, once, whole or not at all."""

import json
import os
import shutil

import cv2
from iopath.common.file_io import file_lock
from tqdm import tqdm

from projects.ava.actions import ACTIONS
from projects.ava.annotations import LABEL_MAPS, SPLITS, csv_files
from projects.ava.keyframes import dump_keyframes
from projects.ava.sample.clips import SECONDS, SampleClip
from vost_sgg.data.sample import generate as action_genome_sample

# Raise it whenever other files would be written: existing ones are then rebuilt. A new version of the Action Genome
# sample rebuilds them too.
VERSION = 1
MANIFEST = "MANIFEST.json"
CLIPS = 60
# Another one than that of ag_sample: no clip is a video that the models are trained on.
SEED = 1
# Every sixth clip is of the training split, which nothing is trained on.
_TRAIN_EVERY = 6
# Videos among which the clips are chosen, so that standing is not nearly all there is: lie, eat, write; sit; anything.
_POOL = 240
_RARE, _SIT, _ANY = {8, 29, 63}, {11}, set(range(1, 81))
_OTHER_CLASSES = {14: "walk", 27: "drink"}


def version() -> str:
    """Of what is generated: under another one frames and annotations differ."""
    return f"{VERSION}.{action_genome_sample.VERSION}"


def sample_clips(world: str) -> list[SampleClip]:
    """The clips of a world, by index: a third with rare actions, a third with somebody who sits, and any others.

    They are chosen in the familiar world, so that both have the same.
    """
    pool = [SampleClip(SEED, index) for index in range(_POOL)]
    chosen: set[int] = set()
    for wanted, count in ((_RARE, CLIPS // 3), (_SIT, 2 * (CLIPS // 3)), (_ANY, CLIPS)):
        for clip in pool:
            if len(chosen) < count and clip.actions() & wanted:
                chosen.add(clip.index)
    return [SampleClip(SEED, index, world=world) for index in sorted(chosen)]


def split_of(clip: SampleClip) -> str:
    """The split of AVA that a clip belongs to."""
    return "train" if clip.index % _TRAIN_EVERY == 0 else "val"


def ensure_ava_sample(root: str, world: str) -> None:
    """Makes sure that ``root`` holds the sample of ``world``, in AVA's layout; generates it if not (10 CPU seconds).

    Safe to be called by several processes at once: one generates, the others wait. An interrupted generation is started
    anew by the next call.

    Args:
        root: the data set's folder; its parent is made.
        world: "familiar" or "shifted".

    Raises:
        FileExistsError: ``root`` holds something else, which is left alone.
    """
    root = os.path.abspath(root)
    wanted = {
        "generator": "projects.ava.sample",
        "version": version(),
        "world": world,
        "clips": CLIPS,
    }
    if _manifest(root) == wanted:
        return
    os.makedirs(os.path.dirname(root), exist_ok=True)
    with file_lock(root):
        manifest = _manifest(root)
        if manifest == wanted:
            return
        if os.path.isdir(root) and manifest.get("generator") != wanted["generator"]:
            raise FileExistsError(
                f"{root} holds files, but no {MANIFEST} of the AVA sample: they are left alone; remove or rename it"
            )
        _generate(root, sample_clips(world), wanted)


def _manifest(root: str) -> dict:
    try:
        with open(os.path.join(root, MANIFEST)) as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}


def _generate(root: str, clips: list[SampleClip], manifest: dict) -> None:
    partial = f"{root}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    for folder in ("annotations", "videos_15min"):
        os.makedirs(os.path.join(partial, folder))
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # pictures are small: more threads only wait for each other
    try:
        for clip in tqdm(clips, desc=f"generating {root}", unit="clip"):
            clip.encode(os.path.join(partial, "videos_15min", f"{clip.clip_id}.mp4"))
    finally:
        cv2.setNumThreads(threads)
    _write_annotations(os.path.join(partial, "annotations"), clips)
    for split in SPLITS:
        dump_keyframes(partial, split)
    with open(os.path.join(partial, MANIFEST), "w") as file:
        json.dump(manifest, file, indent=2)
    shutil.rmtree(root, ignore_errors=True)
    os.rename(partial, root)


def _write_annotations(folder: str, clips: list[SampleClip]) -> None:
    """AVA v2.2's files, in its format: names, columns, digits."""
    for split in SPLITS:
        rows, excluded = [], []
        for clip in sorted(clips, key=lambda clip: clip.clip_id):
            if split_of(clip) == split:
                rows += [row for second in SECONDS for row in _rows(clip, second)]
                excluded += [f"{clip.clip_id},{second:04d}" for second in clip.excluded()]
        for name, lines in zip(csv_files(split), (rows, excluded), strict=True):
            _write_lines(os.path.join(folder, name), lines)
    classes = {action.id: action.name for action in ACTIONS} | _OTHER_CLASSES
    entries = [f'label {{\n  name: "{classes[i]}"\n  label_id: {i}\n}}' for i in sorted(classes)]
    _write_lines(os.path.join(folder, LABEL_MAPS[0]), entries)


def _rows(clip: SampleClip, second: int) -> list[str]:
    return [
        ",".join(
            [clip.clip_id, f"{second:04d}", *(f"{v:.3f}" for v in box), str(action), str(person)]
        )
        for person, box, actions in clip.persons(second)
        for action in actions
    ]


def _write_lines(path: str, lines: list[str]) -> None:
    with open(path, "w") as file:
        file.writelines(f"{line}\n" for line in lines)
