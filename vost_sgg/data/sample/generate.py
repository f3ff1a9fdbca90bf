"""Generates the sample data set in Action Genome's layout, once, whole or not at all."""

import json
import multiprocessing
import os
import pickle
import shutil
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial

import cv2
from iopath.common.file_io import file_lock
from tqdm import tqdm

from vost_sgg.data.dump import dump_video
from vost_sgg.data.sample.video import SampleVideo
from vost_sgg.data.vocabulary import OBJECT_CLASSES, PREDICATE_CLASSES, spelling

# Raise it whenever another generator would draw or annotate another data set: existing ones are then rebuilt.
VERSION = 13
MANIFEST = "MANIFEST.json"
_TEXTS = ("frame_list.txt", "object_classes.txt", "relationship_classes.txt")
_PICKLES = ("person_bbox.pkl", "object_bbox_and_relationship.pkl")
_PROCESSES = 2


def ensure_sample(root: str, videos: int = 900, seed: int = 0) -> None:
    """Makes sure that ``root`` holds the sample data set of this version, ``videos`` and ``seed``; generates it if not.

    Safe to be called by several processes at once: one generates, the others wait. An interrupted generation leaves
    ``root`` as it was and is started anew by the next call; a data set with missing files is rebuilt.

    Args:
        root: the data set's folder; its parent is made.
        videos: how many; every fifth is a test video.
        seed: of the generator.

    Raises:
        ValueError: ``videos`` is outside 5 to 1296.
        FileExistsError: ``root`` holds something else, which is left alone.
    """
    if not 5 <= videos <= 1296:
        raise ValueError(f"videos must be from 5 (one for testing) to 1296, got {videos}")
    root = os.path.abspath(root)
    wanted = {
        "generator": "vost_sgg.data.sample",
        "version": VERSION,
        "seed": seed,
        "videos": videos,
    }
    if _is_complete(root, wanted):
        return
    os.makedirs(os.path.dirname(root), exist_ok=True)
    with file_lock(root):
        if not _is_complete(root, wanted):
            _check_ours(root)
            _generate(root, wanted)


def _check_ours(root: str) -> None:
    if os.path.isdir(root) and os.listdir(root) and _read_manifest(root).get("generator") is None:
        raise FileExistsError(
            f"{root} holds files, but no {MANIFEST} of the sample data set: they are left alone; "
            "name another folder or remove this one"
        )


def _read_manifest(root: str) -> dict:
    try:
        with open(os.path.join(root, MANIFEST)) as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}


def _is_complete(root: str, wanted: dict) -> bool:
    manifest = _read_manifest(root)
    if not wanted.items() <= manifest.items():
        return False
    return _measure(root) == manifest.get("sizes")


def _measure(root: str) -> dict[str, int]:
    """Bytes of each annotation file, and how many videos and frames there are; empty if a folder or file is missing."""
    try:
        annotations = os.path.join(root, "annotations")
        sizes = {
            name: os.path.getsize(os.path.join(annotations, name)) for name in _TEXTS + _PICKLES
        }
        frames = sum(len(os.listdir(folder)) for folder in os.scandir(os.path.join(root, "frames")))
        return sizes | {"videos": len(os.listdir(os.path.join(root, "videos"))), "frames": frames}
    except OSError:
        return {}


def _generate(root: str, wanted: dict) -> None:
    partial_root, old_root = f"{root}.partial", f"{root}.old"
    for leftover in (partial_root, old_root):
        shutil.rmtree(leftover, ignore_errors=True)
    for folder in ("annotations", "videos", "frames"):
        os.makedirs(os.path.join(partial_root, folder))
    videos = [SampleVideo(wanted["seed"], index) for index in range(wanted["videos"])]
    context = multiprocessing.get_context(
        "fork"
    )  # as data loaders: needs no guard in the user's script
    with _one_cv2_thread(), ProcessPoolExecutor(_PROCESSES, context) as pool:
        drawn = pool.map(partial(_draw, partial_root), videos, chunksize=4)
        # This process annotates while its workers draw: so the pickles do not depend on who drew what.
        _write_annotations(os.path.join(partial_root, "annotations"), videos)
        list(tqdm(drawn, total=len(videos), desc=f"generating {root}", unit="video"))
    manifest = wanted | {"sizes": _measure(partial_root)}
    with open(os.path.join(partial_root, MANIFEST), "w") as file:
        json.dump(manifest, file, indent=2)
    if os.path.isdir(root):
        os.rename(root, old_root)
    os.rename(partial_root, root)
    shutil.rmtree(old_root, ignore_errors=True)


@contextmanager
def _one_cv2_thread():
    """A forked process inherits OpenCV's thread pool without its threads, and hangs as soon as it touches it."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


def _draw(root: str, video: SampleVideo) -> None:
    path = os.path.join(root, "videos", video.name)
    video.encode(path)
    dump_video(
        path, [frame + 1 for frame in video.keyframes()], os.path.join(root, "frames", video.name)
    )


def _write_annotations(folder: str, videos: list[SampleVideo]) -> None:
    """The five files of Action Genome v1.0, in its schema: names, types, pickle protocol, spelling, line ends."""
    records = [video.records() for video in videos]
    persons = {key: record for video in records for key, record in video.persons.items()}
    objects = {key: entries for video in records for key, entries in video.objects.items()}
    for name, content in zip(_PICKLES, (persons, objects), strict=False):
        with open(os.path.join(folder, name), "wb") as file:
            pickle.dump(
                content, file, protocol=3
            )  # as the official files; plain data and arrays only
    classes = ("\n".join(map(spelling, names)) for names in (OBJECT_CLASSES, PREDICATE_CLASSES))
    for name, text in zip(_TEXTS, ("".join(f"{key}\n" for key in objects), *classes), strict=False):
        with open(os.path.join(folder, name), "w") as file:
            file.write(text)
