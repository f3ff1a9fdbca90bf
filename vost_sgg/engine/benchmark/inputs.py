"""Made-up weights, videos and annotations: what is timed needs no data set and no checkpoint."""

import random

import detectron2.data.transforms as T
import numpy as np
import torch
from detectron2.config import CfgNode
from torch import nn

from vost_sgg.data.augmentation import build_augmentations, numpy_seeded
from vost_sgg.data.reference_samplers import REFERENCE_SAMPLER
from vost_sgg.engine.trainer import SGGTrainer
from vost_sgg.modeling import reads_priors
from vost_sgg.modeling.class_embedding import FixedClassEmbedding
from vost_sgg.structures import FrameGroundTruth, FramePriors

SEED = 0
# Action Genome has 2.6 annotated objects a frame in the mean, hardly ever more than this.
_MOST_PAIRS = 4


def made_up_model(cfg: CfgNode) -> nn.Module:
    """The config's model with random weights, frozen as its stage is; always the same ones."""
    torch.manual_seed(SEED)
    model = SGGTrainer.build_model(cfg)
    for part in model.modules():
        if isinstance(part, FixedClassEmbedding):
            part.fill(torch.randn(part.weight.shape, device=part.weight.device))
    return model


def made_up_ground_truth(
    generator: np.random.Generator, num_pairs: int, size: tuple[int, int]
) -> FrameGroundTruth:
    """A person and ``num_pairs`` (at most 35) objects of different classes anywhere in a frame of ``size`` (width,
    height), each with one attention label and at least one of the other groups'.
    """
    corners = generator.uniform(0, 0.5, (num_pairs + 1, 2))
    sides = generator.uniform(0.1, 0.5, corners.shape)
    boxes = np.concatenate((corners, corners + sides), axis=1) * np.tile(size, 2)

    def labels(count: int, probability: float) -> np.ndarray:
        chosen = generator.random((num_pairs, count)) < probability
        chosen[np.arange(num_pairs), generator.integers(count, size=num_pairs)] = True
        return chosen

    return FrameGroundTruth(
        boxes=boxes.astype(np.float32),
        classes=np.concatenate(([0], generator.permutation(np.arange(1, 36))[:num_pairs])),
        pairs=np.stack((np.zeros(num_pairs, int), np.arange(1, num_pairs + 1)), axis=1),
        attention=labels(3, 0.0),
        spatial=labels(6, 0.1),
        contacting=labels(17, 0.05),
        size=size,
    )


def made_up_priors(
    generator: np.random.Generator, truth: FrameGroundTruth, task: str, dim: int
) -> FramePriors:
    """An answer about every annotated pair with random unit embeddings, its boxes the annotated ones."""

    def embeddings() -> np.ndarray:
        values = generator.standard_normal((len(truth.pairs), 3, dim), np.float32)
        return values / np.linalg.norm(values, axis=-1, keepdims=True)

    first, last = np.split(truth.boxes[truth.pairs] / np.tile(truth.size, 2), 2, axis=-1)
    return FramePriors(
        text=embeddings(),
        text_mask=np.ones((len(truth.pairs), 3), bool),
        regions=embeddings(),
        boxes=np.concatenate(((first + last) / 2, last - first), axis=-1).astype(np.float32),
        pairs=np.full_like(truth.pairs, -1) if task == "sgdet" else truth.pairs,
    )


def made_up_video(cfg: CfgNode, num_frames: int, size: tuple[int, int]) -> dict:
    """A test clip, every frame a target: frames of ``size`` (width, height) resized as at test time.

    The references are those of the config's sampler; none where the model has no temporal phase to read them.
    """
    sampler = REFERENCE_SAMPLER.build(cfg) if is_temporal(cfg) else None
    references = {
        t: sampler.select(t, num_frames) if sampler is not None else [] for t in range(num_frames)
    }
    generator = np.random.default_rng(SEED)
    frames = [_frame(cfg, generator, size, is_train=False) for _ in range(num_frames)]
    return {"frames": frames, "references": references}


def made_up_training_clips(cfg: CfgNode, num_clips: int, size: tuple[int, int]) -> list[dict]:
    """Training clips: a target and the references that the config's sampler draws, resized as in training."""
    sampler, draw = REFERENCE_SAMPLER.build(cfg), random.Random(SEED)
    generator = np.random.default_rng(SEED)
    clips = []
    for _ in range(num_clips):
        # Any video will do that is long enough for the sampler to draw every reference from another frame.
        references = len(sampler.draw(10, 20, draw))
        frames = [_frame(cfg, generator, size, is_train=True) for _ in range(1 + references)]
        clips.append({"frames": frames, "references": {0: list(range(1, 1 + references))}})
    return clips


def is_temporal(cfg: CfgNode) -> bool:
    """Whether the config's model has a temporal phase."""
    return cfg.MODEL.TEMPORAL_AGGREGATOR.NAME != "NoAggregation"


def _frame(
    cfg: CfgNode, generator: np.random.Generator, size: tuple[int, int], *, is_train: bool
) -> dict:
    width, height = size
    pixels = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
    augmented = T.AugInput(pixels)
    with numpy_seeded(SEED):  # one draw for all frames, so that a clip's frames are of one size
        T.AugmentationList(build_augmentations(cfg, is_train))(augmented)
    truth = made_up_ground_truth(generator, int(generator.integers(1, _MOST_PAIRS + 1)), size)
    frame = {
        "image": torch.from_numpy(np.ascontiguousarray(augmented.image.transpose(2, 0, 1))),
        # Boxes enter the model divided by ``size``, so that they need not be resized with the image.
        "ground_truth": truth,
        "width": width,
        "height": height,
    }
    if reads_priors(cfg):
        frame["priors"] = made_up_priors(generator, truth, cfg.MODEL.TASK, cfg.MODEL.PRIORS.DIM)
    return frame
