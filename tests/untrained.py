"""Checkpoints of models that were never trained, for what only needs a model to run."""

from pathlib import Path

import torch

from vost_sgg.config import get_vost_cfg
from vost_sgg.engine import SGGTrainer
from vost_sgg.engine.run_identity import model_identity

ROOT = Path(__file__).parents[1]


def untrained_cfg(config: str, folder: Path, *opts):
    """A config of configs/sample with random weights, saved into ``folder``, as its MODEL.WEIGHTS."""
    cfg = get_vost_cfg(str(ROOT / f"configs/sample/{config}.yaml"), opts)
    torch.manual_seed(0)
    weights = folder / f"{config}.pth"
    model = SGGTrainer.build_model(cfg)
    torch.save({"model": model.state_dict(), "meta": model_identity(cfg)}, weights)
    cfg.MODEL.WEIGHTS = str(weights)
    return cfg
