"""Speed, memory and arithmetic of one config's model on one device."""

import itertools
import platform
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from detectron2.config import CfgNode
from torch import nn
from tqdm import tqdm

from vost_sgg.config import stage_configs
from vost_sgg.engine.benchmark.flops import count_flops, count_step_flops
from vost_sgg.engine.benchmark.frame_by_frame import FrameByFrame, largest_difference
from vost_sgg.engine.benchmark.inputs import (
    is_temporal,
    made_up_model,
    made_up_video,
)
from vost_sgg.engine.benchmark.put_back import time_training_changes, time_video_changes
from vost_sgg.engine.benchmark.timing import (
    PhaseTimer,
    matmul_peak,
    median_seconds,
    peak_memory,
    reset_peak_memory,
    seconds,
)
from vost_sgg.engine.benchmark.training import micro_batch, training_step
from vost_sgg.engine.benchmark.workload import PRECISIONS, Workload
from vost_sgg.modeling.inference import prepare_for_inference

# The video-level results in float32 are those of the frame-by-frame loop to this.
TOLERANCE = 1e-4


def benchmark_model(cfg: CfgNode, workload: Workload, *, ablate: bool = False) -> dict:
    """Measures the finished model of ``cfg`` (its last stage), then a training step of each stage.

    Args:
        cfg, workload: what is measured.
        ablate: also what each change is worth, alone.

    Returns:
        A JSON-ready document; docs of its fields: ``tools/benchmark.py model --help``.
    """
    stages = stage_configs(cfg)
    finished = list(stages.values())[-1]
    with (
        _float32_means_float32(workload),
        tqdm(
            total=3 + is_temporal(finished) + len(stages) + ablate * (1 + len(stages))
        ) as progress,
    ):

        def measure(name: str, call: Callable[[], dict]) -> dict:
            progress.set_description(f"measuring {name}")
            result = call()
            progress.update()
            return result

        report = _finished_model(finished, workload, measure)
        report["training"] = {
            name: measure(
                f"training {name}", partial(_training, stage, workload, report["matmul_peak"])
            )
            for name, stage in stages.items()
        }
        changes = {}
        if ablate:
            changes["video"] = partial(time_video_changes, finished, workload)
            for name, stage in stages.items():
                step = partial(time_training_changes, stage, workload)
                changes[f"training step {name}".strip()] = step
        report["put_back"] = {
            name: measure(f"{name}, changes put back", call) for name, call in changes.items()
        }
    return report


def _finished_model(cfg: CfgNode, workload: Workload, measure: Callable) -> dict:
    """All but training, of the model as ``--eval-only`` runs it; it is freed on return."""
    video = made_up_video(cfg, workload.frames, workload.size)
    model = made_up_model(cfg)
    prepare_for_inference(model)
    report = {"settings": _settings(cfg, workload, video)}
    report |= measure("matmul peak", lambda: _peak(workload))
    target = _alone(video, 0)
    report |= measure("flops", lambda: {"flops": count_flops(model, target["frames"])})
    report |= measure("inference", lambda: _inference(model, video, workload, cfg.TEST.COMPILE))
    report["peak_share"] = _peak_shares(report, len(target["frames"]))
    if is_temporal(cfg):
        # Another model of the same weights: those of ``model`` are folded.
        report |= measure(
            "frame by frame",
            lambda: _against_baseline(model, FrameByFrame(made_up_model(cfg)), video, workload),
        )
    return report


@contextmanager
def _float32_means_float32(workload: Workload) -> Iterator[None]:
    """cuDNN's convolutions use TensorFloat-32 by default: off in float32, whose results are held to ``TOLERANCE``. In
    bfloat16 it is left as it is, to the good of the float32 baseline.
    """
    cudnn = torch.backends.cudnn
    allowed = cudnn.allow_tf32
    cudnn.allow_tf32 = allowed and workload.precision != "float32"
    try:
        yield
    finally:
        cudnn.allow_tf32 = allowed


def _settings(cfg: CfgNode, workload: Workload, video: dict) -> dict:
    height, width = video["frames"][0]["image"].shape[1:]
    return {
        "task": cfg.MODEL.TASK,
        "device": _device_name(workload.device),
        "device_type": workload.device.type,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "precision": workload.precision,
        "compiled": cfg.TEST.COMPILE,
        "frames": workload.frames,
        "size": list(workload.size),
        "resized": [width, height],
        "frames_per_batch": cfg.TEST.FRAMES_PER_BATCH,
        "repeats": workload.repeats,
    }


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} CPU with {torch.backends.cpu.get_cpu_capability()}"


def _peak(workload: Workload) -> dict:
    return {"matmul_peak": matmul_peak(workload.device, PRECISIONS[workload.precision])}


@torch.no_grad()
def _inference(model: nn.Module, video: dict, workload: Workload, compiled: bool) -> dict:
    """Latency of single targets, throughput of the whole video, its phases, memory."""
    timed = itertools.islice(itertools.cycle(video["references"]), workload.repeats)
    alone = [_alone(video, target) for target in timed]
    targets = itertools.cycle(alone)

    def run_all() -> None:
        for clip in (*alone, video):  # all shapes that are timed
            workload.run(model, clip)

    run_all()
    phases = _phases(model, video, workload)  # a compiled part would leave the timer's hooks out
    report = {}
    if compiled:
        prepare_for_inference(model, compiled=True)
        report["compiling_seconds"] = seconds(run_all, workload.device)
    reset_peak_memory(workload.device)
    calls = {
        "target": lambda: workload.run(model, next(targets)),
        "video": lambda: workload.run(model, video),
    }
    medians = median_seconds(calls, device=workload.device, repeats=workload.repeats)
    return report | {
        "latency_seconds": medians["target"],
        "video": {
            "seconds": medians["video"],
            "frames_per_second": workload.frames / medians["video"],
            "phase_seconds": phases,
            "peak_memory_bytes": peak_memory(workload.device),
        },
    }


def _alone(video: dict, target: int) -> dict:
    """A clip of one target and its references: what a stream brings with each new frame."""
    references = video["references"][target]
    frames = [video["frames"][t] for t in (target, *references)]
    return {"frames": frames, "references": {0: list(range(1, len(frames)))}}


def _phases(model: nn.Module, video: dict, workload: Workload) -> dict[str, float]:
    """Median seconds of each phase over the whole video; "rest" is what no module does."""
    timer, passes = PhaseTimer(model, workload.device), []
    for _ in range(workload.repeats):
        with timer:
            total = seconds(lambda: workload.run(model, video), workload.device)
        passes.append({**timer.seconds, "rest": total - sum(timer.seconds.values())})
    return {phase: statistics.median(p[phase] for p in passes) for phase in passes[0]}


def _peak_shares(report: dict, latency_frames: int) -> dict[str, float]:
    """The shares of the matmul peak of a target with its references, of the whole video and of its counted phases.

    fvcore counts a multiply-add as one and the peak as two.
    """
    flops, video, frames = report["flops"], report["video"], report["settings"]["frames"]
    frame, target = flops["per_frame"], flops["per_target"]
    shares = {
        "latency": (latency_frames * frame + target, report["latency_seconds"]),
        "video": (frames * (frame + target), video["seconds"]),
    }
    spent = video["phase_seconds"]
    shares |= {p: (frames * n, spent[p]) for p, n in flops["phases"].items() if spent.get(p)}
    return {name: 2 * n / time / report["matmul_peak"] for name, (n, time) in shares.items()}


def _training(stage: CfgNode, workload: Workload, peak: float) -> dict:
    """A training step of ``stage`` beside the plain one, with its arithmetic and its share of the matmul ``peak``."""
    step = training_step(stage, workload, against_plain=True) | {"flops": None, "peak_share": None}
    if step["seconds"] is not None:
        clips = micro_batch(stage, workload)
        count = count_step_flops(made_up_model(stage).eval(), clips)
        step["flops"] = stage.SOLVER.ACCUMULATION_STEPS * count
        step["peak_share"] = 2 * step["flops"] / step["seconds"] / peak
    return step


@torch.no_grad()
def _against_baseline(
    model: nn.Module, baseline: FrameByFrame, video: dict, workload: Workload
) -> dict:
    """Video-level inference and the frame-by-frame loop on the same frames, in turn."""
    ours = partial(workload.run, model, video)
    # The outputs that are compared are those of the warm-up.
    frames = [video["frames"][t] for t in video["references"]]
    sizes = [(frame["width"], frame["height"]) for frame in frames]
    difference = largest_difference(ours(), baseline(video), sizes)
    medians = median_seconds(
        {"video": ours, "baseline": partial(baseline, video)},
        device=workload.device,
        repeats=workload.repeats,
    )
    return {
        "frame_by_frame": {
            "seconds_per_frame": medians["baseline"] / workload.frames,
            "video_seconds_per_frame": medians["video"] / workload.frames,
            "largest_difference": difference if difference < float("inf") else None,
            "tolerance": TOLERANCE if workload.precision == "float32" else None,
        },
        "video_level_over_frame_by_frame": medians["baseline"] / medians["video"],
    }


def outputs_agree(report: dict) -> bool:
    """Whether video-level and frame-by-frame outputs were the same, as far as the precision promises it."""
    compared = report.get("frame_by_frame")
    if compared is None or compared["tolerance"] is None:
        return True
    difference = compared["largest_difference"]
    return difference is not None and difference <= compared["tolerance"]
