"""A training run that kills its own process at a named point, for test_resume.py (run in a process of its own)."""

from pathlib import Path

import torch
from detectron2.engine import DefaultTrainer
from detectron2.utils.env import seed_all_rng

from tests.sudden_death import die, on_call
from tests.tiny import register, tiny_cfg, tiny_records
from vost_sgg.engine import SGGCheckpointer, SGGTrainer
from vost_sgg.engine.accumulation import AccumulationTrainer
from vost_sgg.evaluation import SceneGraphEvaluator

# 15 clips in batches of 4: 3 iterations an epoch, 9 in all, a checkpoint and an evaluation after each third.
VIDEOS = {"A.mp4": 9, "B.mp4": 1, "C.mp4": 5}


def half_written(data, file):
    file.write(b"PK\x03\x04 the first half")
    file.flush()
    die()


def patch(point: str) -> None:
    """Makes this process die at ``point``."""
    if point == "in the middle of an epoch":
        AccumulationTrainer.run_step = on_call(6, die, AccumulationTrainer.run_step)
    elif point == "while a checkpoint is written":
        torch.save = on_call(2, half_written, torch.save)
    elif point == "between a checkpoint and its tag":
        SGGCheckpointer.tag_last_checkpoint = on_call(2, die, SGGCheckpointer.tag_last_checkpoint)
    elif point == "during an evaluation":
        SceneGraphEvaluator.evaluate = on_call(2, die, SceneGraphEvaluator.evaluate)
    elif point == "during the last evaluation":
        SceneGraphEvaluator.evaluate = on_call(3, die, SceneGraphEvaluator.evaluate)
    elif point != "nowhere":
        raise ValueError(point)


def train(data: Path, output: Path, point: str, resume: bool, opts: tuple = ()) -> None:
    """One command's training on one thread; OUTPUT/results.pth gets the last evaluation."""
    torch.set_num_threads(1)
    records = tiny_records(data, VIDEOS)
    register("tiny_train", records)
    register("tiny_test", records)
    cfg = tiny_cfg(output, "MODEL.REFERENCE_SAMPLER.NAME", "WindowReferences", *opts)
    patch(point)
    evaluate = DefaultTrainer.test.__func__

    def evaluate_and_draw(cls, *args):
        torch.rand(7)  # an evaluation that draws must not change the training
        return evaluate(cls, *args)

    SGGTrainer.test = classmethod(evaluate_and_draw)
    # A resumed process has drawn other numbers before.
    seed_all_rng(cfg.SEED + 1000 * resume)
    output.mkdir(exist_ok=True)
    trainer = SGGTrainer(cfg)
    trainer.resume_or_load(resume)
    trainer.train()
    torch.save(dict(trainer._last_eval_results), output / "results.pth")
