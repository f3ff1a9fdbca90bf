"""What each subcommand of ``tools/benchmark.py`` does: it measures, prints a table, writes and compares a report."""

import argparse
import os
import sys

import torch
import yaml

from vost_sgg.config import get_vost_cfg, stage_configs
from vost_sgg.engine.benchmark import reports
from vost_sgg.engine.benchmark.parameters import count_parameters
from vost_sgg.engine.benchmark.results_table import markdown_table
from vost_sgg.engine.launching import SETUP_ERRORS, import_parts, user_errors
from vost_sgg.evaluation.results import write_results


def run(args: argparse.Namespace) -> int:
    """Returns the exit status: 1 if a model's video-level outputs are not the frame-by-frame loop's.

    Bad input ends the process with one line.
    """
    with user_errors(*SETUP_ERRORS, AssertionError):
        if args.command == "parameters":
            print(reports.parameter_table(count_parameters(_config(args))))
            return 0
        if args.command == "table":
            print(markdown_table(args.files))
            return 0
        _check(args)
        other = reports.read_report(args.compare, args.command) if args.compare else None
        measure, table = _COMMANDS[args.command]
        report = {"benchmark": args.command, **measure(args)}
    print(table(report))
    if args.json:
        write_results(report, args.json)
        print(f"written: {args.json}")
    if other is not None:
        print(reports.comparison_table(report, other))
    return _compared_with_frame_by_frame(report) if args.command == "model" else 0


def _model(args: argparse.Namespace) -> dict:
    from vost_sgg.engine.benchmark.memory import benchmark_memory
    from vost_sgg.engine.benchmark.model import benchmark_model

    workload, cfg = _workload(args), _config(args)
    counts = count_parameters(cfg)
    print(reports.parameter_table(counts), flush=True)
    return {
        "config": args.config_file,
        "parameters": counts,
        **benchmark_model(cfg, workload, ablate=args.ablate),
        "memory": benchmark_memory(cfg, workload, args.memory) if args.memory else {},
    }


def _compared_with_frame_by_frame(report: dict) -> int:
    from vost_sgg.engine.benchmark.model import outputs_agree

    print("\n".join(reports.training_lines(report) + reports.ratio_lines(report)), flush=True)
    if outputs_agree(report):
        return 0
    print("error: video-level and frame-by-frame outputs differ", file=sys.stderr)
    return 1


def _evaluator(args: argparse.Namespace) -> dict:
    from vost_sgg.engine.benchmark.evaluator import benchmark_evaluator

    torch.set_num_threads(1)
    return benchmark_evaluator(args.frames, args.repeats, args.memory)


def _data(args: argparse.Namespace) -> dict:
    from vost_sgg.engine.benchmark.data import DataWorkload, benchmark_data

    workload = DataWorkload(_size(args), args.workers, args.batches, args.steps)
    return {"config": args.config_file, **benchmark_data(_config(args), workload)}


def _priors(args: argparse.Namespace) -> dict:
    from vost_sgg.engine.benchmark.priors import benchmark_priors

    workload = _workload(args)
    return {"config": args.config_file, **benchmark_priors(_config(args), workload)}


def _vlm(args: argparse.Namespace) -> dict:
    from vost_sgg.engine.benchmark.vlm import benchmark_vlm

    return benchmark_vlm(args.frames, _size(args), args.repeats)


def _index(args: argparse.Namespace) -> dict:
    from vost_sgg.engine.benchmark.index import benchmark_index

    return benchmark_index(args.frames, args.workers)


_COMMANDS = {
    "model": (_model, reports.model_tables),
    "evaluator": (_evaluator, reports.evaluator_table),
    "data": (_data, reports.data_table),
    "priors": (_priors, reports.priors_table),
    "vlm": (_vlm, reports.vlm_table),
    "index": (_index, reports.index_table),
}


def _config(args: argparse.Namespace):
    """The config with what the arguments change: the device, the batch of every stage, whether testing compiles."""
    try:
        cfg = get_vost_cfg(args.config_file, args.opts)
        options = ["MODEL.DEVICE", getattr(args, "device", None) or _device()]
        if getattr(args, "batch", None):
            stages = [f"STAGES.{name}." for name in stage_configs(cfg) if name]
            for prefix in stages or [""]:
                options += [f"{prefix}SOLVER.IMS_PER_BATCH", args.batch]
        if getattr(args, "compile", False):
            options += ["TEST.COMPILE", True]
        cfg = get_vost_cfg(args.config_file, [*args.opts, *options])
    except yaml.YAMLError as error:
        raise ValueError(f"--config-file {args.config_file}: {error}") from None
    cfg.freeze()
    import_parts(cfg)
    return cfg


def _device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def _workload(args: argparse.Namespace):
    from vost_sgg.engine.benchmark.workload import Workload

    if args.device == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device cuda: this machine has no CUDA device")
    return Workload(
        device=torch.device(args.device or _device()),
        precision=args.precision,
        frames=args.frames,
        size=_size(args),
        repeats=args.repeats,
    )


def _size(args: argparse.Namespace) -> tuple[int, int]:
    width, _, height = args.size.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise ValueError(f"--size {args.size}: give WIDTHxHEIGHT in pixels, such as 480x270")
    return int(width), int(height)


def _check(args: argparse.Namespace) -> None:
    for name in ("frames", "repeats", "batch", "batches", "workers", "memory"):
        given = getattr(args, name, None)
        for value in given if isinstance(given, list) else [given]:
            if value is not None and value < 1:
                raise ValueError(f"--{name} must be at least 1 (got {value})")
    folder = os.path.dirname(args.json or "")
    if folder and not os.path.isdir(folder):
        raise ValueError(f"--json {args.json}: there is no folder {folder}")
