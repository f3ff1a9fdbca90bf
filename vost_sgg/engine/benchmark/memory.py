"""What a video and a training step hold at most, and the plain ways to do the same; each in a process of its own."""

import itertools
from collections.abc import Callable
from dataclasses import replace

import torch
from detectron2.config import CfgNode
from tqdm import tqdm

from vost_sgg.config import stage_configs
from vost_sgg.engine.benchmark.frame_by_frame import FrameByFrame
from vost_sgg.engine.benchmark.fresh_process import in_fresh_process, process_peak
from vost_sgg.engine.benchmark.inputs import is_temporal, made_up_model, made_up_video
from vost_sgg.engine.benchmark.parameters import count_parameters
from vost_sgg.engine.benchmark.plain import PlainTraining
from vost_sgg.engine.benchmark.timing import peak_memory
from vost_sgg.engine.benchmark.training import build_trainer, micro_batch
from vost_sgg.engine.benchmark.workload import Workload
from vost_sgg.engine.launching import import_parts
from vost_sgg.modeling.inference import prepare_for_inference


def benchmark_memory(cfg: CfgNode, workload: Workload, frames: int) -> dict[str, dict]:
    """Peak memory of testing a video of ``frames`` frames and of training steps, ours and plain.

    Returns:
        By name, what :func:`pass_memory` returns.
    """
    workload = replace(workload, frames=frames)
    stages, trainable = stage_configs(cfg), count_parameters(cfg)["trainable"]
    finished = list(stages.values())[-1]
    passes = {f"video of {frames} frames": (_video, finished)}
    if is_temporal(finished):
        passes["frame by frame"] = (_frame_by_frame, finished)
    for name, stage in stages.items():
        if trainable[name]:
            step = f"training step {name}".strip()
            passes |= {step: (_training, stage), f"{step}, plain": (_plain_training, stage)}
    return {
        name: in_fresh_process(pass_memory, call, of, workload)
        for name, (call, of) in tqdm(passes.items(), desc="memory")
    }


def pass_memory(call: Callable, cfg: CfgNode, workload: Workload) -> dict[str, int | None]:
    """Bytes that ``call(cfg, workload)`` holds at most: of tensors on CUDA, of this process on the CPU; and those that
    the process held before, of its imports. None if it does not fit.
    """
    import_parts(cfg)
    imports, on_cuda = process_peak(), workload.device.type == "cuda"
    try:
        call(cfg, workload)
    except torch.OutOfMemoryError:
        return {"peak_bytes": None, "imports_bytes": imports}
    peak = peak_memory(workload.device) if on_cuda else process_peak()
    return {"peak_bytes": peak, "imports_bytes": imports}


@torch.no_grad()
def _video(cfg: CfgNode, workload: Workload) -> None:
    model = made_up_model(cfg)
    prepare_for_inference(model)
    workload.run(model, made_up_video(cfg, workload.frames, workload.size))


def _frame_by_frame(cfg: CfgNode, workload: Workload) -> None:
    video = made_up_video(cfg, workload.frames, workload.size)
    # What is held does not grow from target to target.
    video["references"] = dict(itertools.islice(video["references"].items(), 2))
    FrameByFrame(made_up_model(cfg))(video)


def _training(cfg: CfgNode, workload: Workload) -> None:
    clips = micro_batch(cfg, workload)
    trainer = build_trainer(cfg, made_up_model(cfg), clips, workload)
    for _ in range(2):  # the first makes the optimizer's state
        trainer.run_step()


def _plain_training(cfg: CfgNode, workload: Workload) -> None:
    training = PlainTraining(cfg, made_up_model(cfg), micro_batch(cfg, workload))
    for _ in range(2):
        training.run_step()
