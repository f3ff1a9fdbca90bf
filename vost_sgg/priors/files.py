"""The features on disk: ``<cache>/<data set>/<VLM's tag>/<task>/<CLIP>-<region mode>-<resize>/<video>.safetensors``.

A video's file is written to a temporary name and renamed. docs/priors.md lists what is in it.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from detectron2.config import CfgNode
from detectron2.utils.file_io import PathManager
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from vost_sgg.vlm.backend import backend_tag
from vost_sgg.vlm.cache import CacheError, finished_path
from vost_sgg.vlm.manifest import dataset_version
from vost_sgg.whole_files import write_whole

SUFFIX = ".safetensors"
# Embeddings of the vocabulary; the name is that of no video.
TEXTS = "texts.vocabulary"
# Of the files' layout and of what is in them. Count it up with every change of either.
FEATURE_VERSION = 1
ANOTHER_FOLDER = "set another MODEL.PRIORS.CACHE"


def priors_folder(cfg: CfgNode, dataset_name: str) -> str:
    """Where the features of one data set lie for the config's VLM, task, CLIP and regions; nothing is loaded."""
    priors = cfg.MODEL.PRIORS
    root = os.path.expanduser(os.path.expandvars(priors.CACHE))
    features = f"{priors.CLIP.NAME}-{priors.REGION.MODE}-{priors.CLIP.RESIZE}"
    return os.path.join(root, dataset_name, backend_tag(cfg), cfg.MODEL.TASK, features)


def feature_settings(cfg: CfgNode, dataset_name: str) -> dict:
    """What is known of the features before CLIP is loaded; a part of their manifest, which whoever reads them checks.

    The weights are known by their name: a tag, "random", or the file's name wherever it lies.
    """
    priors = cfg.MODEL.PRIORS
    return {
        "dataset": dataset_name,
        "dataset_version": dataset_version(dataset_name),
        "task": cfg.MODEL.TASK,
        "clip": priors.CLIP.NAME,
        "weights_name": os.path.basename(priors.CLIP.WEIGHTS),
        "resize": priors.CLIP.RESIZE,
        "texts": {"object": priors.CLIP.OBJECT_TEXT, "predicate": priors.CLIP.PREDICATE_TEXT},
        "region": {
            "mode": priors.REGION.MODE,
            "colour": list(priors.REGION.COLOUR),
            "alpha": priors.REGION.ALPHA,
        },
        "feature_version": FEATURE_VERSION,
    }


@dataclass
class VideoFeatures:
    """What is stored of one video: F frames, X pairs of all frames behind each other, R regions likewise.

    Args:
        frame_numbers: (F,) int64, ascending.
        pair_starts, region_starts: (F + 1,) int64, where the pairs (regions) of each frame begin, and their end.
        classes: (X, 2) int64 of subject and object.
        predicates: (X, P) bool, those that the VLM named.
        boxes: (X, 2, 4) float32 cxcywh in [0, 1]; zeros where there is none.
        pairs: (X, 2) int64 rows of the frame's given boxes, -1 where none are given.
        region_rows: (X, 3) int64, which of the frame's regions are subject, object and union; -1 where there is none.
        regions: (R, c) float16, L2-normalised embeddings.
    """

    frame_numbers: np.ndarray
    pair_starts: np.ndarray
    region_starts: np.ndarray
    classes: np.ndarray
    predicates: np.ndarray
    boxes: np.ndarray
    pairs: np.ndarray
    region_rows: np.ndarray
    regions: np.ndarray

    def write(self, path: str, answers: str, skipped: Mapping[str, str]) -> None:
        """Writes the file, whole or not at all.

        Args:
            path: of :func:`features_path`.
            answers: :func:`answers_digest` of the answers that the pairs come from.
            skipped: image ids of the frames without regions, with the reason.
        """
        tensors = {f.name: np.ascontiguousarray(getattr(self, f.name)) for f in fields(self)}
        # One entry: safetensors writes several in any order, and the same features are to be the same bytes.
        about = json.dumps({"answers": answers, "skipped": dict(skipped)})
        write_whole(path, save(tensors, {"about": about}))


class VideoFile:
    """A finished file, whose small arrays are read and whose embeddings stay on disk, mapped into memory.

    Attributes:
        arrays: every field of :class:`VideoFeatures` but ``regions``.
        answers, skipped: as :meth:`VideoFeatures.write`.
        width: c of the embeddings.

    Raises:
        CacheError: there is no such file, or it is damaged.
    """

    def __init__(self, path: str):
        if not PathManager.isfile(path):
            raise CacheError(f"{path}: the video has no features; {commands()}")
        try:
            self._file = safe_open(PathManager.get_local_path(path), framework="np")
            names = [f.name for f in fields(VideoFeatures) if f.name != "regions"]
            self.arrays = {name: self._file.get_tensor(name) for name in names}
            about = json.loads(self._file.metadata()["about"])
            self.answers, self.skipped = about["answers"], about["skipped"]
            self._regions = self._file.get_slice("regions")
            self.width = self._regions.get_shape()[1]
        except (SafetensorError, KeyError, ValueError, TypeError) as error:
            raise CacheError(
                f"{path} cannot be read ({error}); delete it and run tools/extract_clip.py again"
            ) from None
        self.row_of = {number: row for row, number in enumerate(self.frame_numbers.tolist())}

    def __getattr__(self, name: str) -> np.ndarray:
        try:
            return self.__dict__["arrays"][name]
        except KeyError:
            raise AttributeError(name) from None

    def regions(self, start: int, stop: int) -> np.ndarray:
        """(stop - start, c) float16: only these are read."""
        if start == stop:  # safetensors refuses an empty slice
            return np.zeros((0, self.width), np.float16)
        return self._regions[start:stop]


def features_path(folder: str, video_id: str) -> str:
    """The finished file of a video."""
    return os.path.join(folder, video_id + SUFFIX)


def finished_videos(folder: str) -> set[str]:
    """The ids of the videos whose features are complete."""
    names = PathManager.ls(folder) if PathManager.isdir(folder) else []
    return {n.removesuffix(SUFFIX) for n in names if n.endswith(SUFFIX)} - {TEXTS}


def write_texts(folder: str, objects: np.ndarray, predicates: np.ndarray) -> None:
    """Writes the embeddings of the vocabulary, (C, c) and (P, c) float32."""
    write_whole(features_path(folder, TEXTS), save({"objects": objects, "predicates": predicates}))


def read_texts(folder: str) -> tuple[np.ndarray, np.ndarray]:
    """The inverse of :func:`write_texts`. Raises CacheError if it cannot be read."""
    path = features_path(folder, TEXTS)
    try:
        with safe_open(PathManager.get_local_path(path), framework="np") as file:
            return file.get_tensor("objects"), file.get_tensor("predicates")
    except (OSError, SafetensorError) as error:
        raise CacheError(f"{path} cannot be read ({error}); {commands()}") from None


def answers_digest(folder: str, video_id: str) -> str:
    """16 hexadecimal digits of a video's file of answers. Raises CacheError if it is not finished."""
    with PathManager.open(finished_path(folder, video_id), "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()[:16]


def commands(split: str = "train|test") -> str:
    """The remedy for missing priors: the two commands."""
    return (
        f"extract the priors: tools/extract_vlm.py --config-file FILE --split {split}, then tools/extract_clip.py with "
        "the same options and config keys (docs/priors.md)"
    )
