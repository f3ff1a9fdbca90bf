"""What a run's numbers depend on beside its config, kept in each checkpoint and compared when it is resumed."""

import logging
from collections.abc import Mapping
from functools import reduce

import torch
from detectron2.config import CfgNode
from detectron2.utils import comm

from vost_sgg.checkpoint import DETECTOR_ARCHITECTURE

logger = logging.getLogger(__name__)


# What a checkpoint's weights belong to: the name in its "meta", and the config key.
_MODEL_KEYS = {
    "meta_architecture": "MODEL.META_ARCHITECTURE",
    "temporal_aggregator": "MODEL.TEMPORAL_AGGREGATOR.NAME",
    "backbone": "MODEL.BACKBONE.NAME",
    "image_encoder": "MODEL.IMAGE_ENCODER.NAME",
}
# A detector has no task and none of these: it starts the model of any.
_SCENE_GRAPH_KEYS = {
    "task": "MODEL.TASK",
    "query_initializer": "MODEL.QUERY_INITIALIZER.NAME",
    "query_given": "MODEL.QUERY_INITIALIZER.GIVEN",
    "multimodal_encoder": "MODEL.MULTIMODAL_ENCODER.NAME",
    "decoder": "MODEL.SPO_DECODER.NAME",
}
_TEMPORAL_KEYS = {
    "temporal_select": "MODEL.TEMPORAL_AGGREGATOR.SELECT",
    "own_predicate_heads": "MODEL.TEMPORAL_AGGREGATOR.OWN_PREDICATE_HEADS",
}
_SPATIAL_STAGE = "NoAggregation"


def model_identity(cfg: CfgNode) -> dict:
    """What a checkpoint's weights belong to: the architecture, the task, and each registered part that has weights or
    decides how they are used. Plain data. The matcher is a training's, not the model's (:func:`run_identity`).
    """
    keys = dict(_MODEL_KEYS)
    if cfg.MODEL.META_ARCHITECTURE != DETECTOR_ARCHITECTURE:
        keys |= _SCENE_GRAPH_KEYS
        if cfg.MODEL.TEMPORAL_AGGREGATOR.NAME != _SPATIAL_STAGE:
            keys |= _TEMPORAL_KEYS
    return {name: reduce(getattr, key.split("."), cfg) for name, key in keys.items()}


def is_of_model(meta: Mapping, identity: Mapping) -> bool:
    """Whether a checkpoint with this "meta" is one of the model with this :func:`model_identity`. Older checkpoints say
    less; what they leave out counts as equal.
    """
    known = {"meta_architecture", "temporal_aggregator"} <= meta.keys()
    return known and all(meta.get(name, value) == value for name, value in identity.items())


def changed_parts(saved: Mapping, current: Mapping) -> list[tuple[str, str, str]]:
    """(config key, its value in ``saved``, in ``current``) of each part that differs between two identities.

    What either lacks is not compared; nor is the temporal phase with none, since the stages follow each other.
    """
    keys = {**_MODEL_KEYS, **_SCENE_GRAPH_KEYS, **_TEMPORAL_KEYS}
    del keys["task"], keys["meta_architecture"]
    if _SPATIAL_STAGE in (saved.get("temporal_aggregator"), current.get("temporal_aggregator")):
        del keys["temporal_aggregator"]
    return [
        (key, saved[name], current[name])
        for name, key in keys.items()
        if name in saved and name in current and saved[name] != current[name]
    ]


def run_identity(cfg: CfgNode, dataset_fingerprint: str) -> dict:
    """:func:`model_identity`, and all that another value of would make another run of. Plain data."""
    return {
        **model_identity(cfg),
        "matcher": cfg.MODEL.MATCHER.NAME,
        "dataset": dataset_fingerprint,
        "batch_size": cfg.SOLVER.IMS_PER_BATCH,
        "accumulation_steps": cfg.SOLVER.ACCUMULATION_STEPS,
        "seed": cfg.SEED,
        "processes": comm.get_world_size(),
        "threads": torch.get_num_threads(),
        "device": torch.device(cfg.MODEL.DEVICE).type,
        "torch": str(torch.__version__),
        "amp": cfg.SOLVER.AMP.ENABLED,
        # In which the frozen spatial phase runs while the temporal one is trained.
        "test_amp": cfg.TEST.AMP.ENABLED,
    }


def check_resumable(saved: Mapping | None, current: Mapping, path: str) -> None:
    """Compares the run that wrote a checkpoint with the one that resumes from it.

    What changes the order of the data is an error; what changes the arithmetic is warned of.

    Raises:
        ValueError: the checkpoint is not one of this trainer's, or is another stage's, or a part of the model, the
            training data, the batch size or the seed changed.
    """
    if not saved or "dataset" not in saved:
        raise ValueError(
            f"--resume: {path} says nothing about the run that wrote it; to start from its weights, name it as "
            "MODEL.WEIGHTS and leave --resume away"
        )
    remedies = {
        "meta_architecture": "MODEL.META_ARCHITECTURE changed, so the checkpoint is another stage's",
        "temporal_aggregator": "MODEL.TEMPORAL_AGGREGATOR.NAME changed, so the checkpoint is another stage's",
        "matcher": "MODEL.MATCHER.NAME changed, so the losses would not fit together",
        "dataset": "the training data changed (frames or labels), so the epochs would not fit together",
        "batch_size": "SOLVER.IMS_PER_BATCH changed, so iterations are not the same; to fit another machine change "
        "SOLVER.ACCUMULATION_STEPS",
        "seed": "SEED changed, so the order of the data is not the same; go on with the old one",
    }
    problems = [
        (problem, saved[name], current[name])
        for name, problem in remedies.items()
        if name in saved and saved[name] != current[name]
    ]
    parts = changed_parts(saved, current)
    problems += [
        (f"{key} changed, so the checkpoint is another model's", *pair) for key, *pair in parts
    ]
    if problems:
        problem, before, now = problems[0]
        raise ValueError(
            f"--resume: {problem} ({path} has {before}, this run {now}); start anew in another "
            "OUTPUT_DIR, with the checkpoint as MODEL.WEIGHTS if you want its weights"
        )
    changed = [name for name in current if name in saved and saved[name] != current[name]]
    if changed:
        changes = ", ".join(f"{name} {saved.get(name)} -> {current[name]}" for name in changed)
        logger.warning(
            f"Resuming under other conditions ({changes}): the result will not be the uninterrupted run's to the bit."
        )
