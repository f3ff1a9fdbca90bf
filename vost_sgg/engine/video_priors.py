"""Priors of the frames of a video that is no part of a data set: stored, made on the way, or absent."""

import logging
from collections.abc import Mapping, Sequence
from functools import cached_property

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
from vost_sgg.priors.live import LivePriors
from vost_sgg.priors.reader import PriorsFolder
from vost_sgg.registry import check_registered, nearest
from vost_sgg.structures import FramePriors
from vost_sgg.vlm import VLM, CacheError, backend_tag
from vost_sgg.vlm.simulated import SimulatedVLM

logger = logging.getLogger(__name__)

SOURCES = ("auto", "cache", "vlm", "none")
ABSENT = "none, though the model was trained with them: its graphs are worse for it"
SIMULATED = "MODEL.VLM.NAME SimulatedVLM answers from annotations, which a video has not"


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
        return f"stored, of {self._found} of {self._asked} frames: {self._folder.path}"

    def __call__(
        self, frames: Sequence[TimedFrame], records: Sequence[Mapping]
    ) -> list[FramePriors | None]:
        known = [record["frame_number"] in self._stored for record in records]
        self._found, self._asked = self._found + sum(known), self._asked + len(known)
        return [self._folder.read(r) if k else None for r, k in zip(records, known, strict=True)]


class MadePriors:
    """Asks the config's VLM and CLIP, which are loaded here.

    Raises:
        ValueError, KeyError: as :meth:`vost_sgg.priors.live.LivePriors.of`.
    """

    def __init__(self, cfg: CfgNode, dataset_name: str):
        self._live = LivePriors.of(cfg, dataset_name)
        clip = cfg.MODEL.PRIORS.CLIP
        self.description = f"made on the way by {backend_tag(cfg)} and CLIP {clip.NAME}"

    def __call__(
        self, frames: Sequence[TimedFrame], records: Sequence[Mapping]
    ) -> list[FramePriors | None]:
        return self._live([frame.image for frame in frames], records)


class PriorsSource:
    """Decides for each video where the config's model takes the priors of its frames from.

    Args:
        source: as :class:`vost_sgg.engine.predictor.SceneGraphPredictor`'s ``priors``.
        dataset_name: whose words the model knows.

    Raises:
        ValueError, KeyError: there is no such source, or the VLM cannot be asked about any video.
    """

    def __init__(self, cfg: CfgNode, source: str, dataset_name: str):
        if source not in SOURCES:
            raise ValueError(f"priors {source!r}; {nearest(source, SOURCES)}")
        self._cfg, self._source, self._dataset = cfg, source, dataset_name
        self._read = reads_priors(cfg)
        if self._read:
            check_registered(VLM, cfg.MODEL.VLM.NAME, "MODEL.VLM.NAME")
            if source == "vlm":
                if self._simulated:
                    raise ValueError(f"{SIMULATED}: use a real one (docs/vlm.md), or priors none")
                self._made  # noqa: B018  loaded now: what is wrong with it is said before any frame is read

    def of(self, video_id: str) -> NoPriors | StoredPriors | MadePriors:
        """What gives the priors of a video's frames, called with these and their records; its ``description`` says in
        words where they come from, and is logged where there are none.

        Args:
            video_id: file name of the video.

        Raises:
            CacheError: stored ones were asked for, and there are none.
            ValueError: the VLM or CLIP cannot be loaded.
        """
        if not self._read:
            return NoPriors("none: the model reads none")
        stored = self._stored(video_id) if self._source in ("auto", "cache") else None
        if stored is not None:
            return stored
        if self._source == "cache":
            raise CacheError(f"nothing is stored of {video_id}; {commands()}")
        if self._source == "none" or self._simulated:
            why = f" ({SIMULATED})" if self._source == "auto" else ""
            logger.warning(f"priors: {ABSENT}{why}")
            return NoPriors(ABSENT)
        return self._made

    def _stored(self, video_id: str) -> StoredPriors | None:
        for name in (*self._cfg.DATASETS.TEST, *self._cfg.DATASETS.TRAIN):
            path = priors_folder(self._cfg, name)
            if video_id in finished_videos(path):
                return StoredPriors(PriorsFolder(path, feature_settings(self._cfg, name)), video_id)
        return None

    @property
    def _simulated(self) -> bool:
        return issubclass(VLM.get(self._cfg.MODEL.VLM.NAME), SimulatedVLM)

    @cached_property
    def _made(self) -> MadePriors:
        return MadePriors(self._cfg, self._dataset)
