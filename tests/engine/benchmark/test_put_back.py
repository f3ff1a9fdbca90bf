"""What each change is worth: with one of them put back to plain the results are the same, and only it is put back."""

from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from detectron2.layers import FrozenBatchNorm2d
from torch.utils._python_dispatch import TorchDispatchMode

from vost_sgg.config import get_vost_cfg, stage_configs
from vost_sgg.engine.benchmark import put_back, reports
from vost_sgg.engine.benchmark.frame_by_frame import largest_difference
from vost_sgg.engine.benchmark.inputs import made_up_training_clips, made_up_video
from vost_sgg.engine.benchmark.put_back import (
    time_training_changes,
    time_video_changes,
    training_variants,
    video_variants,
)
from vost_sgg.engine.benchmark.workload import Workload

ROOT = Path(__file__).parents[3]
MODEL_CHANGES = {
    "padding masks": "mask",
    "attention that computes its weights": "weights",
    "frozen batch norms on feature maps": "norms",
    "channels-first order": "channels first",
}
SMALL = ["INPUT.MIN_SIZE_TRAIN", "(64,)", "INPUT.MIN_SIZE_TEST", "64"]
SMALL += ["MODEL.RESNETS.NORM", "FrozenBN"]


def workload(precision="float32"):
    return Workload(torch.device("cpu"), precision, frames=4, size=(96, 64), repeats=1)


def stage_of(model, stage, *opts):
    cfg = get_vost_cfg(str(ROOT / f"configs/sample/{model}.yaml"), [*SMALL, *opts])
    return stage_configs(cfg)[stage]


class Operators(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.seen = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.seen.add(func.overloadpacket)
        return func(*args, **(kwargs or {}))


@contextmanager
def ways_of(model):
    """What is seen of the ways in which ``model`` is run in the body."""
    seen = set()

    def encoder(_, args):
        if args[1] is not None:
            seen.add("mask")

    def backbone(_, args):
        if len(args[0]) == 1:
            seen.add("one at a time")
        if not args[0].is_contiguous(memory_format=torch.channels_last):
            seen.add("channels first")
        if torch.is_grad_enabled():
            seen.add("graph")

    def attention(_, args, out):
        if out[1] is not None:
            seen.add("weights")
        if out[0].dtype == torch.float32:
            seen.add("float32")

    norms = [m for m in model.backbone.modules() if isinstance(m, FrozenBatchNorm2d)]
    self_attn = model.image_encoder.layers[0].self_attn
    handles = [
        model.backbone.register_forward_pre_hook(backbone),
        model.image_encoder.register_forward_pre_hook(encoder),
        self_attn.register_forward_hook(attention),
        *(norm.register_forward_hook(lambda *_: seen.add("norms")) for norm in norms),
    ]
    with Operators() as operators:
        yield seen
    for handle in handles:
        handle.remove()
    if torch.ops.aten._local_scalar_dense in operators.seen:
        seen.add("reads")
    if torch.ops.aten._fused_adamw_ not in operators.seen:
        seen.add("by tensor")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_each_change_of_a_training_step_is_put_back_alone_and_keeps_the_losses(precision):
    cfg = stage_of("oed_predcls", "TEMPORAL")
    clips = made_up_training_clips(cfg, 2, (96, 64))
    always = {"float32"} if precision == "float32" else set()
    expected = {"ours": set(), **{name: {way} for name, way in MODEL_CHANGES.items()}}
    expected["every loss read in every step"] = {"reads"}
    expected["AdamW tensor by tensor"] = {"by tensor"}
    expected["graph and dropout in frozen parts"] = {"graph"}
    if precision == "bfloat16":
        expected["float32"] = {"float32"}
    variants, losses = training_variants(cfg, clips, workload(precision)), {}
    assert variants.keys() == expected.keys()
    for name, build in variants.items():
        trainer = build()
        with ways_of(trainer.model) as seen:
            trainer.run_step()
        if name == "AdamW tensor by tensor":  # its step counter is a tensor on the host
            seen -= {"reads"}
        assert seen == expected[name] | always, name
        trainer.run_step()  # the losses that are compared come after an update
        losses[name] = {k: v.item() for k, v in trainer._unchecked.losses.items()}
    tolerance = 1e-4 if precision == "float32" else 2e-2
    for name, found in losses.items():
        assert found == pytest.approx(losses["ours"], rel=tolerance, abs=tolerance / 100), name


def test_each_change_of_a_video_is_put_back_alone_and_keeps_the_predictions():
    cfg = stage_of("oed_sgdet", "TEMPORAL")
    video, ways, found = made_up_video(cfg, 4, (96, 64)), {}, {}
    for name, build in video_variants(cfg, workload()).items():
        run = build()
        model = run.__wrapped__.args[0]
        with ways_of(model) as seen:
            found[name] = run(video)
        ways[name] = seen - {"float32", "reads", "by tensor"}
    assert ways == {
        "ours": set(),
        "a frame and a target at a time": {"one at a time"},
        **{name: {way} for name, way in MODEL_CHANGES.items()},
    }
    for predictions in found.values():
        assert largest_difference(found["ours"], predictions, [(96, 64)] * 4) < 1e-4


def test_the_changes_are_timed_and_printed(monkeypatch):
    cfg = stage_of("oed_predcls", "SPATIAL", "STAGES.SPATIAL.SOLVER.IMS_PER_BATCH", "2")
    put = {
        "video": time_video_changes(cfg, workload("bfloat16")),
        "training step SPATIAL": time_training_changes(cfg, workload("bfloat16")),
    }
    for changes in put.values():
        for timed in changes.values():
            assert timed["over_ours"] == pytest.approx(timed["seconds"] / timed["ours_seconds"])
    lines = reports._put_back_table(put).splitlines()[2:]
    assert len(lines) == sum(map(len, put.values())) == 6 + 8
    for line, (name, timed) in zip(lines[6:], put["training step SPATIAL"].items(), strict=True):
        row = (
            f"training step SPATIAL  {name}",
            f"{timed['seconds']:.4g}",
            f"{timed['over_ours']:.2f}x",
        )
        assert [cell for cell in row if cell in line] == list(row)

    def too_much(*_, **__):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(put_back, "median_seconds", too_much)
    put = {"training step": time_training_changes(cfg, workload())}
    assert len(put["training step"]) == 7
    assert reports._put_back_table(put).count("out of memory") == 7


def test_a_stage_that_trains_nothing_has_no_changes():
    stage = stage_of("oed_sgdet", "SPATIAL", "SOLVER.TRAIN_ONLY", "no such part")
    assert time_training_changes(stage, workload()) == {}
