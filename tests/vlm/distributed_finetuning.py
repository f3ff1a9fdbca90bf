"""One process's part of a fine-tuning by several, for test_finetuning.py (started by detectron2's launch)."""

import argparse
from pathlib import Path

from tests.tiny import register, tiny_records
from tools import finetune_vlm
from vost_sgg.config import get_vost_cfg


def finetune(data: Path, videos: dict, opts: list) -> None:
    register("tiny_train", tiny_records(data, videos, write=False))
    cfg = get_vost_cfg("configs/vlm/qwen_predcls.yaml", opts)
    finetune_vlm.run(cfg, argparse.Namespace(config_file="", resume=False))
