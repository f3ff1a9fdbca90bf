"""A tiny data set on disk and a tiny model, for tests of loaders, trainer and tools that need no real one."""

from pathlib import Path

import numpy as np
import torch
from detectron2.config import configurable
from detectron2.data import DatasetCatalog, MetadataCatalog
from detectron2.modeling import META_ARCH_REGISTRY
from detectron2.structures import BoxMode
from PIL import Image
from torch import nn

from vost_sgg.config import get_vost_cfg
from vost_sgg.data.vocabulary import set_metadata
from vost_sgg.structures import FramePrediction


def tiny_records(
    folder: Path, videos: dict[str, int], size=(48, 32), portrait=(), write=True
) -> list[dict]:
    """Dataset dicts of ``videos`` (name: number of frames) and, unless ``write`` is False, their PNG files under
    ``folder``. Every frame has a person, two objects and random labels; videos named in ``portrait`` are higher than
    wide."""
    generator = np.random.default_rng(0)
    records = []
    for video_index, (video, num_frames) in enumerate(videos.items()):
        width, height = size[::-1] if video in portrait else size
        (folder / video).mkdir(parents=True, exist_ok=not write)
        for frame_index in range(num_frames):
            file = folder / video / f"{7 * frame_index + 1:06d}.png"
            pixels = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
            if write:
                Image.fromarray(pixels).save(file)
            boxes = [(2, 3, 20, 30), (10, 5, 30, 25), (4, 8, 16, 20)]
            records.append(
                {
                    "file_name": str(file),
                    "image_id": f"{video}/{file.name}",
                    "width": width,
                    "height": height,
                    "video_id": video,
                    "video_index": video_index,
                    "frame_index": frame_index,
                    "frame_number": 7 * frame_index + 1,
                    "annotations": [
                        {
                            "bbox": list(map(float, box)),
                            "bbox_mode": BoxMode.XYXY_ABS,
                            "category_id": label,
                        }
                        for box, label in zip(boxes, (0, 5, 17), strict=True)
                    ],
                    "pairs": np.array([[0, 1], [0, 2]]),
                    "attention": np.eye(3, dtype=bool)[generator.integers(0, 3, 2)],
                    "spatial": generator.random((2, 6)) < 0.3,
                    "contacting": generator.random((2, 17)) < 0.1,
                }
            )
    return records


def register(name: str, records: list[dict]) -> None:
    """Puts ``records`` into detectron2's catalogs under ``name``, in place of what was there."""
    if name in DatasetCatalog.keys():
        DatasetCatalog.remove(name)
        MetadataCatalog.remove(name)
    DatasetCatalog.register(name, lambda: records)
    set_metadata(MetadataCatalog.get(name))


@META_ARCH_REGISTRY.register()
class TinySceneGraphModel(nn.Module):
    """Keeps the contract of a meta-architecture: losses in training, predictions in testing; dropout in between."""

    @configurable
    def __init__(self, *, width: int, dropout: float):
        super().__init__()
        self.backbone = nn.Conv2d(3, width, 8, stride=8)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, 26)

    @classmethod
    def from_config(cls, cfg):
        transformer = cfg.MODEL.TRANSFORMER
        return {"width": transformer.D_MODEL, "dropout": transformer.DROPOUT}

    def forward(self, clips: list[dict]):
        return self._losses(clips) if self.training else [self._predictions(clip) for clip in clips]

    def _logits(self, frame: dict) -> torch.Tensor:
        image = frame["image"].to(self.head.weight.device).float()[None] / 255
        features = self.backbone(image).mean(dim=(2, 3))
        return self.head(self.dropout(self.norm(features)))[0]

    def _losses(self, clips: list[dict]) -> dict[str, torch.Tensor]:
        losses = []
        for clip in clips:
            for frame in clip["frames"]:
                truth = frame["ground_truth"].to(self.head.weight.device)
                labels = torch.cat(
                    [truth.attention, truth.spatial, truth.contacting], dim=1
                ).float()
                logits = self._logits(frame).expand_as(labels)
                losses.append(nn.functional.binary_cross_entropy_with_logits(logits, labels))
        mean = torch.stack(losses).mean()
        return {"loss_predicate": mean, "loss_scale": 0.01 * mean}

    def _predictions(self, clip: dict) -> list[FramePrediction]:
        predictions = []
        for target in clip["references"]:
            frame = clip["frames"][target]
            truth = frame["ground_truth"].to("cpu")
            scores = self._logits(frame).sigmoid().cpu().expand(len(truth), 26)
            ones = torch.ones(len(truth.boxes))
            groups = scores.split((3, 6, 17), dim=1)
            predictions.append(
                FramePrediction(truth.boxes, truth.classes, ones, truth.pairs, *groups)
            )
        return predictions


def tiny_cfg(output: Path, *opts):
    """A config of the tiny model on data sets that are registered as "tiny_train" and "tiny_test"."""
    cfg = get_vost_cfg()
    cfg.merge_from_list(
        [
            *("MODEL.META_ARCHITECTURE", "TinySceneGraphModel", "MODEL.DEVICE", "cpu"),
            *("MODEL.TRANSFORMER.D_MODEL", 8, "MODEL.TRANSFORMER.DROPOUT", 0.5),
            *("MODEL.CLASS_EMBEDDING.SOURCE", "learned"),
            *("DATASETS.TRAIN", ("tiny_train",), "DATASETS.TEST", ("tiny_test",)),
            *("DATALOADER.NUM_WORKERS", 0, "DATALOADER.ASPECT_RATIO_GROUPING", False),
            *("INPUT.MIN_SIZE_TRAIN", (24,), "INPUT.MIN_SIZE_TEST", 24),
            *("SOLVER.IMS_PER_BATCH", 4, "SOLVER.EPOCHS", 3, "SOLVER.LR_DROP_EPOCHS", (2,)),
            *("SOLVER.BASE_LR", 0.01, "TEST.EVAL_EPOCHS", 1, "OUTPUT_DIR", str(output)),
            *opts,
        ]
    )
    return cfg
