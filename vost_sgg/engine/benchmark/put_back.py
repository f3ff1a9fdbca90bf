"""What each change is worth: the quick way with one change after another put back to the plain way."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from detectron2.config import CfgNode
from torch import Tensor, nn

from vost_sgg.engine.accumulation import AccumulationTrainer
from vost_sgg.engine.benchmark.inputs import made_up_model, made_up_video
from vost_sgg.engine.benchmark.plain import MODEL_CHANGES, TRAINING_CHANGES, TensorByTensor
from vost_sgg.engine.benchmark.timing import median_seconds
from vost_sgg.engine.benchmark.training import build_trainer, micro_batch
from vost_sgg.engine.benchmark.workload import Workload
from vost_sgg.modeling.frame_model import FrameModel
from vost_sgg.modeling.inference import prepare_for_inference

_NOT_MEASURED = dict.fromkeys(("seconds", "ours_seconds", "over_ours"))


def time_training_changes(stage: CfgNode, workload: Workload) -> dict[str, dict]:
    """Training steps with one change put back, each in turn with ours; empty where the stage trains no FrameModel.

    Returns:
        By the plain way's name: ``seconds``, ``ours_seconds`` and ``over_ours``, None if it does not fit the memory.
    """
    model = made_up_model(stage)
    if not isinstance(model, FrameModel) or not any(p.requires_grad for p in model.parameters()):
        return {}
    variants = training_variants(stage, micro_batch(stage, workload), workload)
    return _beside_ours(
        {name: lambda make=make: make().run_step for name, make in variants.items()}, workload
    )


def time_video_changes(cfg: CfgNode, workload: Workload) -> dict[str, dict]:
    """As :func:`time_training_changes`, of whole videos."""
    video = made_up_video(cfg, workload.frames, workload.size)
    variants = video_variants(cfg, workload)
    return _beside_ours(
        {name: lambda make=make: partial(make(), video) for name, make in variants.items()},
        workload,
    )


def training_variants(
    stage: CfgNode, clips: list[dict], workload: Workload
) -> dict[str, Callable[[], AccumulationTrainer]]:
    """By name, what builds our trainer ("ours") and the ones with one change put back, all from the same weights."""

    def build(change: Callable | None = None, workload: Workload = workload) -> AccumulationTrainer:
        trainer = build_trainer(stage, made_up_model(stage), clips, workload)
        if change is not None:
            change(trainer)
            trainer.model.train()
        return trainer

    changes = {"every loss read in every step": _read_losses, "AdamW tensor by tensor": _by_tensor}
    changes |= {
        name: lambda trainer, change=change: change(trainer.model)
        for name, change in TRAINING_CHANGES.items()
    }
    variants = {"ours": build} | {name: partial(build, c) for name, c in changes.items()}
    if workload.precision != "float32":
        variants["float32"] = partial(build, workload=replace(workload, precision="float32"))
    return variants


def video_variants(
    cfg: CfgNode, workload: Workload
) -> dict[str, Callable[[], Callable[[dict], list]]]:
    """As :func:`training_variants`, of what gives the predictions for a video."""

    def build(
        change: Callable | None = None, workload: Workload = workload
    ) -> Callable[[dict], list]:
        model = made_up_model(cfg)
        if change is not None:
            change(model)
        prepare_for_inference(model)
        return torch.no_grad()(partial(workload.run, model.eval()))

    variants = {
        "ours": build,
        "a frame and a target at a time": partial(build, _one_at_a_time),
    }
    variants |= {name: partial(build, change) for name, change in MODEL_CHANGES.items()}
    if workload.precision != "float32":
        variants["float32"] = partial(build, workload=replace(workload, precision="float32"))
    return variants


def _read_losses(trainer: AccumulationTrainer) -> None:
    def read(_, args: tuple, losses: dict[str, Tensor]) -> None:
        for loss in losses.values():
            loss.item()

    trainer.model.register_forward_hook(read)


def _by_tensor(trainer: AccumulationTrainer) -> None:
    trainer.optimizer = TensorByTensor(trainer.optimizer)


def _one_at_a_time(model: nn.Module) -> None:
    model.frames_per_batch = 1


def _beside_ours(variants: dict[str, Callable[[], Callable]], workload: Workload) -> dict:
    """Each of ``variants``, which build calls, in turn with the one named "ours"; only two stand in memory at once."""
    variants = dict(variants)
    try:
        ours = variants.pop("ours")()
        ours()
    except torch.OutOfMemoryError:
        return dict.fromkeys(variants, _NOT_MEASURED)
    return {name: _beside(ours, make, workload) for name, make in variants.items()}


def _beside(ours: Callable, make: Callable[[], Callable], workload: Workload) -> dict:
    try:
        calls = {"ours": ours, "plain": make()}
        calls["plain"]()
        medians = median_seconds(calls, device=workload.device, repeats=workload.repeats)
    except torch.OutOfMemoryError:
        return _NOT_MEASURED
    ours, plain = medians["ours"], medians["plain"]
    return {"seconds": plain, "ours_seconds": ours, "over_ours": plain / ours}
