"""Reading the priors of a frame while training and testing: no model is run, and only the frame's rows are read."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import numpy as np
from detectron2.config import CfgNode

from vost_sgg.data.frames import frame_ground_truth
from vost_sgg.priors.assembly import frame_priors
from vost_sgg.priors.files import (
    ANOTHER_FOLDER,
    VideoFile,
    commands,
    feature_settings,
    features_path,
    finished_videos,
    priors_folder,
    read_texts,
)
from vost_sgg.priors.pairs import FramePairs
from vost_sgg.structures import FramePriors
from vost_sgg.vlm.cache import CacheError
from vost_sgg.vlm.manifest import check_same, read_manifest

# Files that a process keeps open: a few kB each, their embeddings mapped into memory and not read.
_OPEN_FILES = 256


@lru_cache(maxsize=_OPEN_FILES)
def _open(path: str) -> VideoFile:
    return VideoFile(path)


class PriorsFolder:
    """The features of one data set, as ``tools/extract_clip.py`` left them.

    Args:
        path: of the folder.
        settings: what the config says of them (:func:`feature_settings`), compared with the manifest; None: anything.

    Attributes:
        videos: ids of the complete ones.
        fingerprint: changes with anything in the manifest.

    Raises:
        CacheError: there are none, or they are of another setting.
    """

    def __init__(self, path: str, settings: dict | None = None):
        self.path, self.videos = path, finished_videos(path)
        if not self.videos:
            raise CacheError(f"{path}: there are no priors; {commands()}")
        manifest = read_manifest(path)
        self._task = manifest.get("task")
        if settings is not None:
            shared = {key: manifest.get(key) for key in settings}
            check_same(shared, settings, path, ANOTHER_FOLDER)
        self.fingerprint = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
        self._texts = read_texts(path)

    def read(self, record: Mapping, *, answered: bool = True) -> FramePriors:
        """The priors of one frame, numpy, float32.

        Args:
            record: of the frame.
            answered: False: as if the VLM had failed on the frame. In PredCLS the predicates are then missing, in
                SGCLS and SGDET all pairs.

        Raises:
            CacheError: the video has no features, or its features know no such frame, or one with other given boxes.
        """
        file = _open(features_path(self.path, record["video_id"]))
        row = file.row_of.get(record["frame_number"])
        if row is None:
            raise self._other_data(f"nothing is stored of frame {record['image_id']}")
        pairs = slice(*file.pair_starts[row : row + 2].tolist())
        if not _are_of(file, pairs, record, self._task):
            raise self._other_data(f"frame {record['image_id']} had other boxes or classes")
        predicates = file.predicates[pairs]
        if not answered and self._task == "predcls":
            predicates = np.zeros_like(predicates)
        elif not answered:
            pairs, predicates = slice(pairs.start, pairs.start), predicates[:0]
        regions = file.regions(*file.region_starts[row : row + 2].tolist())
        stored = FramePairs(file.classes[pairs], predicates, file.boxes[pairs], file.pairs[pairs])
        return frame_priors(stored, file.region_rows[pairs], regions, self._texts)

    def _other_data(self, what: str) -> CacheError:
        return CacheError(
            f"{self.path}: {what}: the data set changed since; move the folder away and {commands()}"
        )


class PriorsReader:
    """Reads the priors of the frames of several data sets: what the engine hands to the mapper.

    Args:
        folders: of each data set. A video is in one of them only.

    Attributes:
        fingerprint: 16 hexadecimal digits that change with anything in the folders' manifests.

    Raises:
        ValueError: a video is in several of them.
    """

    def __init__(self, folders: Sequence[PriorsFolder]):
        self._folders = list(folders)
        prints = "".join(folder.fingerprint for folder in self._folders)
        self.fingerprint = hashlib.sha256(prints.encode()).hexdigest()[:16]
        self._folder_of = {video: f for f in self._folders for video in f.videos}
        if len(self._folder_of) < sum(len(folder.videos) for folder in self._folders):
            paths = ", ".join(folder.path for folder in self._folders)
            raise ValueError(f"the same video has priors in several of these folders: {paths}")

    @classmethod
    def of(cls, cfg: CfgNode, dataset_names: Sequence[str]) -> "PriorsReader":
        """The config's for these data sets. Raises CacheError as :class:`PriorsFolder`."""
        folders = []
        for name in dataset_names:
            path = priors_folder(cfg, name)
            if not finished_videos(path):
                split = "train" if name in cfg.DATASETS.TRAIN else "test"
                raise CacheError(f"{path}: there are no priors of {name}; {commands(split)}")
            folders.append(PriorsFolder(path, feature_settings(cfg, name)))
        return cls(folders)

    def __call__(self, record: Mapping, *, answered: bool = True) -> FramePriors:
        """As :meth:`PriorsFolder.read`. Raises CacheError if nothing is stored of the frame."""
        self.check([record["video_id"]])
        return self._folder_of[record["video_id"]].read(record, answered=answered)

    def check(self, video_ids: Iterable[str]) -> None:
        """Raises CacheError, with their number, if any of the videos has no priors."""
        missing = [video for video in video_ids if video not in self._folder_of]
        if missing:
            paths = ", ".join(folder.path for folder in self._folders)
            raise CacheError(
                f"{paths}: {len(missing):,} videos have no priors, such as {missing[0]}; {commands()}"
            )


def _are_of(file: VideoFile, rows: slice, record: Mapping, task: str) -> bool:
    """Whether some stored pairs have the boxes, and in PredCLS the classes, that the task gives of the frame now.

    A record without annotations, as a video's that is no part of a data set, is not compared.
    """
    pairs = file.pairs[rows]
    if (pairs < 0).any() or "annotations" not in record:  # nothing is given
        return True
    truth = frame_ground_truth(dict(record))
    if pairs.max(initial=-1) >= len(truth.boxes):
        return False
    given = FramePairs(truth.classes[pairs], file.predicates[rows], truth.boxes[pairs], pairs)
    boxes = given.normalised_boxes(record["width"], record["height"])
    same = [(file.boxes[rows], boxes)]
    if task == "predcls":
        same += [(pairs, truth.pairs), (file.classes[rows], given.classes)]
    return all(np.array_equal(stored, now) for stored, now in same)
