"""What a run's numbers depend on beside its config, kept in each checkpoint and compared when it is resumed."""

import logging
from collections.abc import Mapping

import torch
from detectron2.config import CfgNode
from detectron2.utils import comm

from vost_sgg.checkpoint import DETECTOR_ARCHITECTURE

logger = logging.getLogger(__name__)


def model_identity(cfg: CfgNode) -> dict:
    """What a checkpoint's weights belong to. A detector has no task: it starts the model of any."""
    has_task = cfg.MODEL.META_ARCHITECTURE != DETECTOR_ARCHITECTURE
    return {
        **({"task": cfg.MODEL.TASK} if has_task else {}),
        "meta_architecture": cfg.MODEL.META_ARCHITECTURE,
        "temporal_aggregator": cfg.MODEL.TEMPORAL_AGGREGATOR.NAME,
    }


def run_identity(cfg: CfgNode, dataset_fingerprint: str) -> dict:
    """:func:`model_identity`, and all that another value of would make another run of. Plain data."""
    return {
        **model_identity(cfg),
        "dataset": dataset_fingerprint,
        "batch_size": cfg.SOLVER.IMS_PER_BATCH,
        "accumulation_steps": cfg.SOLVER.ACCUMULATION_STEPS,
        "seed": cfg.SEED,
        "processes": comm.get_world_size(),
        "threads": torch.get_num_threads(),
        "device": torch.device(cfg.MODEL.DEVICE).type,
        "torch": str(torch.__version__),
    }


def check_resumable(saved: Mapping | None, current: Mapping, path: str) -> None:
    """Compares the run that wrote a checkpoint with the one that resumes from it.

    What changes the order of the data is an error; what changes the arithmetic is warned of.

    Raises:
        ValueError: the checkpoint is not one of this trainer's, or is another stage's, or the training data or the
            batch size changed.
    """
    if not saved:
        raise ValueError(
            f"--resume: {path} says nothing about the run that wrote it; to start from its weights, name it as "
            "MODEL.WEIGHTS and leave --resume away"
        )
    remedies = {
        "meta_architecture": "MODEL.META_ARCHITECTURE changed, so the checkpoint is another stage's",
        "temporal_aggregator": "MODEL.TEMPORAL_AGGREGATOR.NAME changed, so the checkpoint is another stage's",
        "dataset": "the training data changed (frames or labels), so the epochs would not fit together",
        "batch_size": "SOLVER.IMS_PER_BATCH changed, so iterations are not the same; to fit another machine change "
        "SOLVER.ACCUMULATION_STEPS",
    }
    for name, problem in remedies.items():
        if saved[name] != current[name]:
            raise ValueError(
                f"--resume: {problem} ({path} has {saved[name]}, this run {current[name]}); start anew in another "
                "OUTPUT_DIR, with the checkpoint as MODEL.WEIGHTS if you want its weights"
            )
    changed = [name for name in current if saved.get(name) != current[name]]
    if changed:
        changes = ", ".join(f"{name} {saved.get(name)} -> {current[name]}" for name in changed)
        logger.warning(
            f"Resuming under other conditions ({changes}): the result will not be the uninterrupted run's to the bit."
        )
