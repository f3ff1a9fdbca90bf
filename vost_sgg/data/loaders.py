"""The loaders: clips of a target and its references for training, whole videos for testing."""

import hashlib
import logging
import random
from collections.abc import Callable, Sequence

import numpy as np
import torch
from detectron2.config import CfgNode
from detectron2.data import DatasetCatalog, DatasetFromList, get_detection_dataset_dicts
from detectron2.data.build import trivial_batch_collator
from detectron2.data.samplers import InferenceSampler
from detectron2.utils import comm
from torch.utils.data import ConcatDataset, DataLoader, Dataset

from vost_sgg.data.augmentation import derived_seed
from vost_sgg.data.batching import EpochBatchSampler
from vost_sgg.data.frame_records import FrameRecords
from vost_sgg.data.mapper import ClipMapper
from vost_sgg.data.reference_samplers import REFERENCE_SAMPLER
from vost_sgg.registry import nearest

logger = logging.getLogger(__name__)


def check_datasets(names: Sequence[str], key: str) -> None:
    """Raises ValueError if ``names``, the value of config ``key``, is empty, and KeyError, with the nearest names, if
    one is not registered."""
    if not names:
        raise ValueError(f"{key} is empty: name at least one registered data set")
    for name in names:
        if name not in DatasetCatalog.keys():
            raise KeyError(
                f"{key}: no data set {name!r} is registered; {nearest(name, DatasetCatalog.keys())}"
            )


def read_datasets(names: Sequence[str]) -> list[Sequence[dict]]:
    """The dicts of each data set, a list or a :class:`FrameRecords`. Every process must call this: one of each machine
    reads first, so that it alone generates or caches files."""
    first = comm.get_local_rank() == 0
    if not first:
        comm.synchronize()
    parts = [
        get_detection_dataset_dicts(name, filter_empty=False, check_consistency=False)
        for name in names
    ]
    if first:
        comm.synchronize()
    return parts


class VideoIndex:
    """The records of one or more data sets, in memory that all workers share, and where each video begins and ends.

    Args:
        names: data sets of detectron2's catalog, each sorted by video and frame.

    Attributes:
        records: the dataset dicts, by position.
        videos: (V, 2) int64, the first position of each video and the one behind its last.
        video_of: (number of records,) int64, row of ``videos``.
        landscape: (number of records,) bool, wider than high.
        most_pairs, most_boxes: annotated in any one frame, the person's box included.
        fingerprint: changes with the frames, their order, boxes or labels, not with the folder they lie in.
    """

    def __init__(self, names: Sequence[str]):
        parts = read_datasets(names)
        video_keys, landscape, digest = [], [], hashlib.blake2b(digest_size=16)
        self.most_pairs = self.most_boxes = 0
        for i, part in enumerate(parts):
            for record in part:
                video_keys.append((i, record["video_id"]))
                landscape.append(record["width"] > record["height"])
                self.most_pairs = max(self.most_pairs, len(record["pairs"]))
                self.most_boxes = max(self.most_boxes, len(record["annotations"]))
                digest.update(_frame_bytes(record))
        starts = [i for i, key in enumerate(video_keys) if i == 0 or key != video_keys[i - 1]]
        self.videos = np.stack([starts, starts[1:] + [len(video_keys)]], axis=1)
        self.video_of = np.repeat(np.arange(len(starts)), self.videos[:, 1] - self.videos[:, 0])
        self.landscape = np.array(landscape)
        self.fingerprint = digest.hexdigest()
        self.records = ConcatDataset(
            [
                part if isinstance(part, FrameRecords) else DatasetFromList(part, copy=False)
                for part in parts
            ]
        )


class ClipDataset(Dataset):
    """One clip a frame: the frame as target 0 and, behind it, its references.

    An item is asked for by (epoch, position); the references drawn depend on these and the seed alone.

    Args:
        index: the training records.
        sampler: a registered reference sampler.
        mapper: ``mapper(records, references, epoch=epoch)``, see :class:`ClipMapper`.
        seed: seed of the references.
    """

    def __init__(self, *, index: VideoIndex, sampler, mapper: Callable, seed: int):
        self.index, self.sampler, self.mapper, self.seed = index, sampler, mapper, seed

    def __len__(self) -> int:
        return len(self.index.records)

    def __getitem__(self, key: tuple[int, int]) -> dict:
        epoch, position = key
        target = self.index.records[position]
        start, stop = self.index.videos[self.index.video_of[position]].tolist()
        generator = random.Random(derived_seed("references", self.seed, epoch, target["image_id"]))
        drawn = self.sampler.draw(position - start, stop - start, generator)
        frames = list(dict.fromkeys(drawn))  # a frame drawn twice is read once
        records = [target] + [self.index.records[start + frame] for frame in frames]
        return self.mapper(records, {0: [1 + frames.index(frame) for frame in drawn]}, epoch=epoch)


class VideoDataset(Dataset):
    """One video an item: every frame is a target, and references are other frames of the same item.

    Args:
        index: the records to test on.
        sampler: a registered reference sampler.
        mapper: as in :class:`ClipDataset`.
    """

    def __init__(self, *, index: VideoIndex, sampler, mapper: Callable):
        self.index, self.sampler, self.mapper = index, sampler, mapper

    def __len__(self) -> int:
        return len(self.index.videos)

    def __getitem__(self, video: int) -> dict:
        start, stop = self.index.videos[video].tolist()
        records = [self.index.records[position] for position in range(start, stop)]
        references = {i: self.sampler.select(i, len(records)) for i in range(len(records))}
        return self.mapper(records, references)


def build_train_loader(cfg: CfgNode, *, mapper: Callable | None = None) -> DataLoader:
    """Endless micro-batches (lists of clips) of ``cfg.DATASETS.TRAIN`` for this process.

    The loader's ``batch_sampler`` is an :class:`EpochBatchSampler`: read its ``iterations_per_epoch``, set its
    ``start_iteration`` to resume. Building and iterating leave the global random generators alone.

    Args:
        mapper: as in :class:`ClipDataset`; default ``ClipMapper(cfg, is_train=True)``.
    """
    check_datasets(cfg.DATASETS.TRAIN, "DATASETS.TRAIN")
    index = VideoIndex(cfg.DATASETS.TRAIN)
    clips = ClipDataset(
        index=index,
        sampler=REFERENCE_SAMPLER.build(cfg),
        mapper=ClipMapper(cfg, is_train=True) if mapper is None else mapper,
        seed=cfg.SEED,
    )
    batches = EpochBatchSampler(
        size=len(clips),
        batch_size=cfg.SOLVER.IMS_PER_BATCH,
        seed=cfg.SEED,
        groups=index.landscape.tolist() if cfg.DATALOADER.ASPECT_RATIO_GROUPING else None,
        accumulation_steps=cfg.SOLVER.ACCUMULATION_STEPS,
        rank=comm.get_rank(),
        world_size=comm.get_world_size(),
    )
    logger.info(
        f"training on {len(clips):,} clips: an epoch has {batches.iterations_per_epoch:,} batches of "
        f"{batches.batch_size} and leaves {len(clips) % batches.batch_size} clips out, others each time"
    )
    return DataLoader(clips, batch_sampler=batches, **_loader_options(cfg))


def build_test_loader(
    cfg: CfgNode, dataset_name: str, *, mapper: Callable | None = None
) -> DataLoader:
    """The videos of one data set, one an item ([clip]), each in exactly one process.

    Args:
        mapper: as in :class:`VideoDataset`; default ``ClipMapper(cfg, is_train=False)``.
    """
    check_datasets([dataset_name], "DATASETS.TEST")
    videos = VideoDataset(
        index=VideoIndex([dataset_name]),
        sampler=REFERENCE_SAMPLER.build(cfg),
        mapper=ClipMapper(cfg, is_train=False) if mapper is None else mapper,
    )
    return DataLoader(
        videos, batch_size=1, sampler=InferenceSampler(len(videos)), **_loader_options(cfg)
    )


def _loader_options(cfg: CfgNode) -> dict:
    return {
        "num_workers": cfg.DATALOADER.NUM_WORKERS,
        "collate_fn": trivial_batch_collator,
        "pin_memory": cfg.MODEL.DEVICE.startswith("cuda") and torch.cuda.is_available(),
        # Its own generator: the workers' base seed must not come out of the global one, whose state resuming restores.
        "generator": torch.Generator().manual_seed(derived_seed("workers", cfg.SEED) % 2**63),
    }


def _frame_bytes(record: dict) -> bytes:
    """What the fingerprint of a data set covers of a frame."""
    boxes = [annotation["bbox"] for annotation in record["annotations"]]
    labels = (record[field] for field in ("pairs", "attention", "spatial", "contacting"))
    arrays = (np.array(boxes, np.float64), *labels)
    return record["image_id"].encode() + b"".join(array.tobytes() for array in arrays)
