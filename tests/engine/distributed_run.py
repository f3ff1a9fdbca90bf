"""A training run of one or several processes, for test_distributed.py (started by detectron2's launch)."""

from pathlib import Path

import torch
from detectron2.utils import comm

from tests.tiny import register, tiny_cfg, tiny_records
from vost_sgg.engine import SGGTrainer

VIDEOS = {"A.mp4": 9, "B.mp4": 1, "C.mp4": 6}


def train(data: Path, output: Path, opts: tuple) -> None:
    """Every process saves its weights, and the main one its evaluation, into OUTPUT."""
    torch.set_num_threads(1)
    if comm.get_rank() == 0:
        tiny_records(data, VIDEOS)
    comm.synchronize()
    records = tiny_records(data, VIDEOS, write=False)
    register("tiny_train", records)
    register("tiny_test", records)
    torch.manual_seed(7)
    trainer = SGGTrainer(tiny_cfg(output, "MODEL.TRANSFORMER.DROPOUT", 0.0, *opts))
    trainer.resume_or_load(False)
    trainer.train()
    saved = {"model": trainer.bare_model.state_dict(), "results": dict(trainer._last_eval_results)}
    torch.save(saved, output / f"rank{comm.get_rank()}.pth")
