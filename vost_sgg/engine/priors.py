"""Hands the priors of frames to the loaders of a model that reads them."""

from collections.abc import Callable, Sequence

import numpy as np
from detectron2.config import CfgNode

from vost_sgg.data.loaders import VideoIndex
from vost_sgg.data.mapper import ClipMapper
from vost_sgg.modeling import reads_priors
from vost_sgg.priors import PriorsReader


def build_mapper(cfg: CfgNode, dataset_names: Sequence[str], *, is_train: bool) -> ClipMapper:
    """The mapper of the config's model, with a reader of priors if the model reads them.

    Raises:
        CacheError: there are no priors of one of the data sets; the message names the commands that extract them.
    """
    reader = PriorsReader.of(cfg, dataset_names) if reads_priors(cfg) else None
    return ClipMapper(cfg, is_train=is_train, read_priors=reader)


def check_priors(cfg: CfgNode, dataset_names: Sequence[str]) -> None:
    """Looks for the priors of data sets before hours are spent, if the config's model reads them.

    Raises:
        CacheError: as :func:`build_mapper`.
    """
    if reads_priors(cfg):
        # One by one: two data sets may hold the same videos, and no loader reads both.
        for name in dict.fromkeys(dataset_names):
            PriorsReader.of(cfg, [name])


def check_videos(mapper: ClipMapper, index: VideoIndex) -> None:
    """Raises CacheError if a video of the data set has no priors, though the mapper reads them."""
    if mapper.read_priors is not None:
        first_frames = np.asarray(index.videos)[:, 0].tolist()
        mapper.read_priors.check(index.records[i]["video_id"] for i in first_frames)


def priors_identity(mapper: Callable) -> dict:
    """What a checkpoint says of the priors that it was trained on; {} of a mapper that reads none."""
    reader = getattr(mapper, "read_priors", None)
    if reader is None:
        return {}
    return {"priors": reader.fingerprint, "withheld_answers": mapper.withhold}
