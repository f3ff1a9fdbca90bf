"""Time and memory of a training step, and of a plain one on the same batch."""

import itertools
from collections.abc import Callable

import torch
from detectron2.config import CfgNode
from torch import nn

from vost_sgg.engine.accumulation import AccumulationTrainer
from vost_sgg.engine.benchmark.inputs import made_up_model, made_up_training_clips
from vost_sgg.engine.benchmark.plain import PlainTraining
from vost_sgg.engine.benchmark.timing import median_seconds, peak_memory, reset_peak_memory
from vost_sgg.engine.benchmark.workload import Workload
from vost_sgg.engine.optimizer import build_optimizer, max_gradient_norm
from vost_sgg.modeling.frame_model import FrameModel


def training_step(stage: CfgNode, workload: Workload, *, against_plain: bool = False) -> dict:
    """Median seconds of an optimizer step of ``SOLVER.IMS_PER_BATCH`` clips, by the trainer's own step.

    Args:
        stage, workload: what is measured.
        against_plain: also a step of :class:`PlainTraining`, on the same clips and in turn with ours.

    Returns:
        ``batch``, ``seconds``, ``peak_memory_bytes`` of our steps, ``plain_seconds``, and ``over_plain``, the ratio to
        ours; None where it was not measured; ``missing`` says why if it is all of them.
    """
    clips = micro_batch(stage, workload)
    result = {"batch": stage.SOLVER.IMS_PER_BATCH, "missing": ""}
    result |= dict.fromkeys(("seconds", "peak_memory_bytes", "plain_seconds", "over_plain"))
    model = made_up_model(stage)
    if not any(p.requires_grad for p in model.parameters()):
        return result | {"missing": "nothing to train"}
    calls = {"ours": build_trainer(stage, model, clips, workload).run_step}
    reset_peak_memory(workload.device)
    try:
        for _ in range(2):  # the first makes the optimizer's state
            calls["ours"]()
        memory = peak_memory(workload.device)  # before the plain model takes its part
        plain_step = _warm_plain_step(stage, clips) if against_plain else None
        if plain_step is not None:
            calls["plain"] = plain_step
        medians = median_seconds(calls, device=workload.device, repeats=workload.repeats)
    except torch.OutOfMemoryError:  # a result too: the batch does not fit
        return result | {"missing": "out of memory"}
    ours, plain = medians["ours"], medians.get("plain")
    measured = {"seconds": ours, "peak_memory_bytes": memory}
    return result | measured | {"plain_seconds": plain, "over_plain": plain and plain / ours}


def micro_batch(stage: CfgNode, workload: Workload) -> list[dict]:
    """Made-up clips of one micro-batch of ``stage``.

    Raises:
        ValueError: the batch cannot be split into its micro-batches.
    """
    batch, steps = stage.SOLVER.IMS_PER_BATCH, stage.SOLVER.ACCUMULATION_STEPS
    if batch % steps:
        raise ValueError(
            f"a batch of {batch} clips cannot be split over {steps} micro-batches (SOLVER.ACCUMULATION_STEPS)"
        )
    return made_up_training_clips(stage, batch // steps, workload.size)


def _warm_plain_step(stage: CfgNode, clips: list[dict]) -> Callable | None:
    """A plain step that was made once; None where the model has none, or it does not fit the memory."""
    model = made_up_model(stage)
    if not isinstance(model, FrameModel):
        return None
    training = PlainTraining(stage, model, clips)
    try:
        training.run_step()
    except torch.OutOfMemoryError:
        return None
    return training.run_step


def build_trainer(
    stage: CfgNode, model: nn.Module, clips: list[dict], workload: Workload
) -> AccumulationTrainer:
    """The trainer of ``model``, fed the micro-batch ``clips`` for ever."""
    trainer = AccumulationTrainer(
        model,
        itertools.repeat(clips),
        build_optimizer(stage, model),
        accumulation_steps=stage.SOLVER.ACCUMULATION_STEPS,
        max_norm=max_gradient_norm(stage),
        amp=workload.precision == "bfloat16",
    )
    trainer.iter = 0  # an iteration that writes no metrics
    return trainer
