"""One process's part of an extraction by several, for test_extraction.py (started by detectron2's launch)."""

import argparse
from pathlib import Path

from tests.tiny import register, tiny_records
from tests.vlm.echo_backend import CONFIG, options
from tests.vlm.interrupted_extraction import VIDEOS
from tools import extract_vlm
from vost_sgg.config import get_vost_cfg


def extract(data: Path, folder: Path) -> None:
    register("tiny_test", tiny_records(data, VIDEOS, write=False))
    args = argparse.Namespace(config_file="", split="test", shard=(0, 1), verify=False)
    cfg = get_vost_cfg(CONFIG, options(folder))
    extract_vlm.run(cfg, args)
