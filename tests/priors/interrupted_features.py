"""An extraction that kills its own process, or runs out of disk, at a named point, for test_extraction.py (run in a
process of its own).
"""

import os
from pathlib import Path

import torch

from tests.priors.prior_cfg import prior_cfg, prior_opts, registered_records, write_answers
from tests.sudden_death import die, on_call, replace_and_die, then_full
from tools import extract_clip
from vost_sgg.priors import files
from vost_sgg.priors.clip import ClipEncoder
from vost_sgg.priors.verification import FeatureReport

CONFIG = "configs/Base-SGG.yaml"
ROOT = Path(__file__).parents[2]


def patch(point: str) -> None:
    if point == "in the middle of a video":
        ClipEncoder.pictures = on_call(2, die, ClipEncoder.pictures)
    elif point == "before the vocabulary is stored":
        files.os.replace = on_call(1, die, os.replace)
    elif point == "before a video's file is renamed":
        files.os.replace = on_call(3, die, os.replace)
    elif point == "after a video's file is renamed":
        files.os.replace = on_call(2, replace_and_die, os.replace)
    elif point == "full while a video's file is written":
        files.write_whole = on_call(3, then_full(files.write_whole, 100), files.write_whole)
    elif point == "before the manifest is there":
        os.link = die
    elif point == "before the report":
        FeatureReport.write = die
    elif point != "nowhere":
        raise ValueError(point)


def prepare(data: Path, folder: Path) -> None:
    write_answers(prior_cfg(folder), registered_records(data))


def extract(data: Path, folder: Path, point: str, flags: tuple = ()) -> None:
    """The command as its user types it, over the ten frames of prior_cfg.VIDEOS; ``folder`` has the answers."""
    torch.set_num_threads(1)
    os.chdir(ROOT)
    registered_records(data)
    patch(point)
    extract_clip.main(["--config-file", CONFIG, "--split", "test", *flags, *prior_opts(folder)])
