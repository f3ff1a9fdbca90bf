"""From a command line to a process that is ready to train: device, processes, logging, seeds."""

import argparse

import torch
from detectron2.config import CfgNode
from detectron2.engine import default_setup
from detectron2.utils import comm
from detectron2.utils.logger import setup_logger


def with_available_device(cfg: CfgNode, num_gpus: int) -> tuple[CfgNode, str]:
    """``cfg`` for the machine it runs on, and a line about what was changed ("" if nothing was).

    Without a CUDA device, or with ``num_gpus`` 0, everything runs on the CPU; ``num_gpus`` processes then share it.

    Raises:
        ValueError: more GPUs are asked for than there are.
    """
    if cfg.MODEL.DEVICE == "cpu":
        return cfg, ""
    available = torch.cuda.device_count()
    if num_gpus > 0 and available:
        if num_gpus > available:
            raise ValueError(f"--num-gpus {num_gpus}: this machine has {available} GPU(s)")
        return cfg, ""
    changed = cfg.clone()
    changed.defrost()
    changed.MODEL.DEVICE = "cpu"
    reason = "--num-gpus 0" if available else "no CUDA device found"
    return changed, f"{reason}: running on the CPU (MODEL.DEVICE was {cfg.MODEL.DEVICE})"


def setup(cfg: CfgNode, args: argparse.Namespace) -> None:
    """detectron2's ``default_setup`` (log of the environment and config, copy of the config, seeds), and this
    library's log beside it in ``OUTPUT_DIR/log.txt``."""
    default_setup(cfg, args)
    setup_logger(cfg.OUTPUT_DIR, distributed_rank=comm.get_rank(), name="vost_sgg")
