"""How many parameters a model has, and how many of them each stage trains."""

import torch
from detectron2.config import CfgNode

from vost_sgg.config import stage_configs
from vost_sgg.engine.trainer import SGGTrainer


def count_parameters(cfg: CfgNode) -> dict:
    """Counts without allocating a weight, so that the full size takes seconds.

    Returns:
        ``total`` of the finished model; ``modules``: its top-level modules that have any; ``trainable``: of each stage
        by its name ("" where the config has no stages).
    """
    trainable = {}
    for name, stage in stage_configs(cfg).items():
        stage = stage.clone()
        stage.defrost()
        stage.MODEL.DEVICE = "meta"
        with torch.device("meta"):
            model = SGGTrainer.build_model(stage)
        trainable[name] = sum(p.numel() for p in model.parameters() if p.requires_grad)
    modules = {
        name: sum(p.numel() for p in part.parameters()) for name, part in model.named_children()
    }
    return {
        "total": sum(p.numel() for p in model.parameters()),
        "trainable": trainable,
        "modules": {name: count for name, count in modules.items() if count},
    }
