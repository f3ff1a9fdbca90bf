"""Priors of the frames of a video that is no part of a data set: stored, made on the way, or absent."""

import logging
from collections.abc import Mapping, Sequence

from detectron2.config import CfgNode

from vost_sgg.data.frame_sources import TimedFrame
from vost_sgg.modeling import reads_priors
from vost_sgg.priors.files import (
    VideoFile,
    commands,
    feature_settings,
    features_path,
    finished_videos,
    priors_folder,
)
from vost_sgg.priors.reader import PriorsFolder
from vost_sgg.registry import nearest
from vost_sgg.structures import FramePriors
from vost_sgg.vlm import CacheError

logger = logging.getLogger(__name__)

SOURCES = ("auto", "cache", "vlm", "none")
ABSENT = "none: the model reads priors, and predicts without"


class NoPriors:
    """Gives no frame any.

    Args:
        description: why.
    """

    def __init__(self, description: str):
        self.description = description

    def __call__(
        self, frames: Sequence[TimedFrame], records: Sequence[Mapping]
    ) -> list[FramePriors | None]:
        return [None] * len(frames)


class StoredPriors:
    """What tools/extract_clip.py stored of one video. Frames of which nothing is stored get none, and are counted.

    Args:
        folder: with the features.
        video_id: of the video in it.
    """

    def __init__(self, folder: PriorsFolder, video_id: str):
        self._folder = folder
        self._stored = VideoFile(features_path(folder.path, video_id)).row_of
        self._found = self._asked = 0

    @property
    def description(self) -> str:
        return f"{self._folder.path}, {self._found} of {self._asked} frames"

    def __call__(
        self, frames: Sequence[TimedFrame], records: Sequence[Mapping]
    ) -> list[FramePriors | None]:
        known = [record["frame_number"] in self._stored for record in records]
        self._found, self._asked = self._found + sum(known), self._asked + len(known)
        return [self._folder.read(r) if k else None for r, k in zip(records, known, strict=True)]


def build_video_priors(cfg: CfgNode, source: str, video_id: str):
    """What gives the priors of one video's frames to the config's model.

    It is called with frames and their records, and returns the :class:`FramePriors`, or None, of each; its
    ``description`` says in words where they come from.

    Args:
        source: as :class:`vost_sgg.engine.predictor.SceneGraphPredictor`'s ``priors``.
        video_id: file name of the video.

    Raises:
        ValueError, KeyError: there is no such source, or the VLM cannot be asked about this video.
        CacheError: stored ones were asked for, and there are none.
    """
    if source not in SOURCES:
        raise ValueError(f"priors {source!r}; {nearest(source, SOURCES)}")
    if not reads_priors(cfg):
        return NoPriors("none: the model reads none")
    if source in ("auto", "cache"):
        for name in (*cfg.DATASETS.TEST, *cfg.DATASETS.TRAIN):
            path = priors_folder(cfg, name)
            if video_id in finished_videos(path):
                folder = PriorsFolder(path, feature_settings(cfg, name))
                return StoredPriors(folder, video_id)
        if source == "cache":
            raise CacheError(f"nothing is stored of {video_id}; {commands()}")
    return NoPriors(ABSENT)
