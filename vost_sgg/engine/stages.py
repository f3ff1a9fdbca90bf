"""The stages of one training, each going on from the one before."""

import logging
import os
from collections.abc import Iterator

from detectron2.config import CfgNode
from detectron2.utils import comm
from detectron2.utils.file_io import PathManager

from vost_sgg.checkpoint import read_meta
from vost_sgg.config import stage_configs
from vost_sgg.data.reference_samplers import REFERENCE_SAMPLER
from vost_sgg.engine.checkpointer import FINAL_NAME
from vost_sgg.engine.priors import check_priors
from vost_sgg.engine.random_state import preserved_random_state
from vost_sgg.engine.run_identity import is_of_model, model_identity
from vost_sgg.engine.trainer import SGGTrainer
from vost_sgg.evaluation import EVALUATOR
from vost_sgg.registry import check_registered
from vost_sgg.whole_files import replaced

logger = logging.getLogger(__name__)


def remaining_stages(cfg: CfgNode, *, resume: bool) -> Iterator[CfgNode]:
    """Yields the config of each stage that is still to be trained; its ``MODEL.WEIGHTS`` is what the stage before left.

    With ``resume`` training begins at the last stage that has a checkpoint, which may be finished: its trainer then
    only evaluates. If ``cfg.MODEL.WEIGHTS`` is a checkpoint of one of the stages, training begins behind that stage;
    one of the last stage is trained on. Each stage's config is written into its folder, so that the stage can be
    evaluated by itself.
    """
    stages = stage_configs(cfg)
    weights, names = cfg.MODEL.WEIGHTS, list(stages)
    begin = min(len(_stages_behind(weights, stages)), len(stages) - 1)
    if begin:
        logger.info(
            f"MODEL.WEIGHTS {weights} is a trained stage's: {', '.join(names[:begin])} left out"
        )
    begun = [i for i, stage in enumerate(stages.values()) if _has_checkpoint(stage)]
    if resume and begun and begun[-1] > begin:
        begin = begun[-1]
        weights = result_of(stages[names[begin - 1]])
        logger.info(f"--resume: stage {names[begin]} has begun, those before it are left out")
    if not resume and comm.is_main_process():
        # A later --resume must not take an older run's stages for this one's.
        for name in names[begin:]:
            _forget_checkpoint(stages[name])
    for name in names[begin:]:
        stage = _with_weights(stages[name], weights)
        if name:
            logger.info(f"stage {name}, in {stage.OUTPUT_DIR}")
            _write_config(stage)
        yield stage
        weights = result_of(stages[name])
        comm.synchronize()


def check_later_stages(cfg: CfgNode) -> None:
    """Builds the model, optimizer and sampler of every stage but the first once, so that a mistake there is said before
    the first one has trained for hours; the first is built right away by its trainer.

    Raises:
        KeyError, ValueError: as the parts that are built.
    """
    for stage in list(stage_configs(cfg).values())[1:]:
        stage = stage.clone()
        stage.defrost()
        stage.MODEL.DEVICE = "cpu"
        with preserved_random_state():  # the checks must not change the training
            SGGTrainer.build_optimizer(stage, SGGTrainer.build_model(stage))
        REFERENCE_SAMPLER.build(stage)
        check_priors(stage, [*stage.DATASETS.TRAIN, *stage.DATASETS.TEST])
        check_registered(EVALUATOR, stage.MODEL.EVALUATOR.NAME, "MODEL.EVALUATOR.NAME")


def final_stage(cfg: CfgNode) -> CfgNode:
    """The config of the last stage: what is evaluated."""
    return list(stage_configs(cfg).values())[-1]


def _stages_behind(weights: str, stages: dict[str, CfgNode]) -> list[str]:
    """Names of the stages up to the one whose checkpoint ``weights`` is; none if it is of no stage."""
    origin = read_meta(weights) if weights else {}
    identities = [model_identity(stage) for stage in stages.values()]
    matches = [i for i, identity in enumerate(identities) if is_of_model(origin, identity)]
    return list(stages)[: matches[0] + 1] if matches and len(stages) > 1 else []


def _has_checkpoint(stage: CfgNode) -> bool:
    return PathManager.isfile(os.path.join(stage.OUTPUT_DIR, "last_checkpoint"))


def _forget_checkpoint(stage: CfgNode) -> None:
    """Removes the tag that resuming reads; the checkpoints themselves stay."""
    if _has_checkpoint(stage):
        PathManager.rm(os.path.join(stage.OUTPUT_DIR, "last_checkpoint"))


def _write_config(stage: CfgNode) -> None:
    if comm.is_main_process():
        PathManager.mkdirs(stage.OUTPUT_DIR)
        with replaced(os.path.join(stage.OUTPUT_DIR, "config.yaml"), "w") as file:
            file.write(stage.dump())


def result_of(stage: CfgNode) -> str:
    """The checkpoint that a stage leaves."""
    return os.path.join(stage.OUTPUT_DIR, f"{FINAL_NAME}.pth")


def _with_weights(cfg: CfgNode, weights: str) -> CfgNode:
    cfg = cfg.clone()
    cfg.defrost()
    cfg.MODEL.WEIGHTS = weights
    cfg.freeze()
    return cfg
