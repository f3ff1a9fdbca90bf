"""The stages of one training, each going on from the one before."""

import logging
import os
from collections.abc import Iterator

from detectron2.config import CfgNode
from detectron2.utils import comm
from detectron2.utils.file_io import PathManager

from vost_sgg.config import stage_configs
from vost_sgg.engine.checkpointer import FINAL_NAME, read_meta
from vost_sgg.engine.run_identity import model_identity

logger = logging.getLogger(__name__)


def remaining_stages(cfg: CfgNode, *, resume: bool) -> Iterator[CfgNode]:
    """Yields the config of each stage that is still to be trained; its ``MODEL.WEIGHTS`` is what the stage before left.

    A stage counts as trained when the caller asks for the next one. With ``resume`` stages that an earlier run trained
    are passed over. If ``cfg.MODEL.WEIGHTS`` is a checkpoint of one of the stages, training goes on after that stage.
    """
    stages = stage_configs(cfg)
    weights = cfg.MODEL.WEIGHTS
    trained = _stages_behind(weights, stages)
    for name, stage in stages.items():
        if name in trained:
            logger.info(f"stage {name}: MODEL.WEIGHTS {weights} is its result, passed over")
            continue
        mark = os.path.join(stage.OUTPUT_DIR, "stage_trained")
        if resume and PathManager.isfile(mark):
            logger.info(f"stage {name}: trained by an earlier run, passed over")
        else:
            if comm.is_main_process() and PathManager.isfile(mark):
                PathManager.rm(mark)
            if name:
                logger.info(f"stage {name}, in {stage.OUTPUT_DIR}")
            yield _with_weights(stage, weights)
            if comm.is_main_process():
                with PathManager.open(mark, "w") as f:
                    f.write(name)
        weights = os.path.join(stage.OUTPUT_DIR, f"{FINAL_NAME}.pth")
        comm.synchronize()


def final_stage(cfg: CfgNode) -> CfgNode:
    """The config of the last stage: what is evaluated."""
    return list(stage_configs(cfg).values())[-1]


def _stages_behind(weights: str, stages: dict[str, CfgNode]) -> list[str]:
    """Names of the stages up to the one whose checkpoint ``weights`` is; none if it is of no stage."""
    origin = read_meta(weights) if weights else {}
    identities = [model_identity(stage) for stage in stages.values()]
    matches = [i for i, known in enumerate(identities) if known.items() <= origin.items()]
    return list(stages)[: matches[0] + 1] if matches and len(stages) > 1 else []


def _with_weights(cfg: CfgNode, weights: str) -> CfgNode:
    cfg = cfg.clone()
    cfg.defrost()
    cfg.MODEL.WEIGHTS = weights
    cfg.freeze()
    return cfg
