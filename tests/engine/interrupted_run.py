"""A training or an evaluation that kills its own process, or runs out of disk, at a named point, for test_resume.py
(run in a process of its own).
"""

import json
import os
from pathlib import Path

import torch
from detectron2.engine import DefaultTrainer
from detectron2.utils.env import seed_all_rng
from detectron2.utils.events import JSONWriter

from tests.sudden_death import die, on_call, then_full
from tests.tiny import register, tiny_cfg, tiny_records
from vost_sgg.engine import SGGCheckpointer, SGGTrainer
from vost_sgg.engine.accumulation import AccumulationTrainer
from vost_sgg.engine.launching import TRAINING_ERRORS, user_errors
from vost_sgg.engine.trainer import load_for_evaluation
from vost_sgg.evaluation import SceneGraphEvaluator

# 15 clips in batches of 4: 3 iterations an epoch, 9 in all, a checkpoint and an evaluation after each third.
VIDEOS = {"A.mp4": 9, "B.mp4": 1, "C.mp4": 5}


def half_written(data, file):
    file.write(b"PK\x03\x04 the first half")
    file.flush()
    die()


def half_a_line(writer):
    writer._file_handle.write('{"data_time": 0.')
    writer._file_handle.flush()
    die()


def half_a_document(document, file, **_):
    file.write('{"format_version": 1, "data')
    file.flush()
    die()


def patch(point: str) -> None:
    """Makes this process die at ``point``, or the disk full for it from there on."""
    step, save = AccumulationTrainer.run_step, SGGCheckpointer.save
    tag = SGGCheckpointer.tag_last_checkpoint
    if point == "before the first checkpoint":
        AccumulationTrainer.run_step = on_call(2, die, step)
    elif point == "before the first checkpoint's tag":
        SGGCheckpointer.tag_last_checkpoint = on_call(1, die, tag)
    elif point == "behind a checkpoint's tag":
        SGGCheckpointer.tag_last_checkpoint = on_call(2, lambda *a: (tag(*a), die()), tag)
    elif point == "behind the last checkpoint":
        SGGCheckpointer.save = on_call(3, lambda *a, **k: (save(*a, **k), die()), save)
    elif point == "in the middle of a line of the metrics":
        JSONWriter.write = on_call(1, half_a_line, JSONWriter.write)
    elif point == "while results are written":
        json.dump = on_call(1, half_a_document, json.dump)
    elif point == "before results are renamed":
        os.replace = on_call(1, die, os.replace)
    elif point == "full at a checkpoint":
        SGGCheckpointer.save = on_call(2, then_full(save), save)
    elif point == "full at the metrics":
        JSONWriter.write = on_call(1, then_full(JSONWriter.write, 20), JSONWriter.write)
    elif point == "full at the results":
        json.dump = on_call(1, then_full(json.dump), json.dump)
    elif point == "in the middle of an epoch":
        AccumulationTrainer.run_step = on_call(6, die, AccumulationTrainer.run_step)
    elif point == "while a checkpoint is written":
        torch.save = on_call(2, half_written, torch.save)
    elif point == "between a checkpoint and its tag":
        SGGCheckpointer.tag_last_checkpoint = on_call(2, die, tag)
    elif point == "during an evaluation":
        SceneGraphEvaluator.evaluate = on_call(2, die, SceneGraphEvaluator.evaluate)
    elif point == "during the last evaluation":
        SceneGraphEvaluator.evaluate = on_call(3, die, SceneGraphEvaluator.evaluate)
    elif point != "nowhere":
        raise ValueError(point)


def registered(data: Path, output: Path, opts: tuple = ()):
    """The config; what this process says of errors goes to OUTPUT/errors."""
    torch.set_num_threads(1)
    records = tiny_records(data, VIDEOS, write=not data.exists())
    register("tiny_train", records)
    register("tiny_test", records)
    output.mkdir(exist_ok=True)
    with open(output / "errors", "w") as errors:
        os.dup2(errors.fileno(), 2)
    return tiny_cfg(output, "MODEL.REFERENCE_SAMPLER.NAME", "WindowReferences", *opts)


def evaluate(data: Path, output: Path, weights: str, point: str) -> None:
    """One command's evaluation of ``weights``."""
    cfg = registered(data, output, ("MODEL.WEIGHTS", weights))
    model = load_for_evaluation(cfg)
    patch(point)
    with user_errors(*TRAINING_ERRORS, folder=str(output)):
        SGGTrainer.test(cfg, model)


def train(data: Path, output: Path, point: str, resume: bool, opts: tuple = ()) -> None:
    """One command's training on one thread; OUTPUT/results.pth gets the last evaluation."""
    cfg = registered(data, output, opts)
    patch(point)
    test = DefaultTrainer.test.__func__

    def evaluate_and_draw(cls, *args):
        torch.rand(7)  # an evaluation that draws must not change the training
        return test(cls, *args)

    SGGTrainer.test = classmethod(evaluate_and_draw)
    # A process that goes on has drawn other numbers before.
    seed_all_rng(cfg.SEED + 1000 * (output / "last_checkpoint").exists())
    trainer = SGGTrainer(cfg)
    trainer.resume_or_load(resume)
    with user_errors(*TRAINING_ERRORS, folder=str(output)):
        trainer.train()
    torch.save(dict(trainer._last_eval_results), output / "results.pth")
