"""Measures parameters, speed and memory, on made-up weights and frames: no data set and no checkpoint is needed.

    python tools/benchmark.py parameters --config-file configs/oed_sgdet.yaml
    python tools/benchmark.py model --config-file configs/oed_predcls.yaml --batch 2
    python tools/benchmark.py model --config-file configs/oed_predcls.yaml --device cuda --precision bfloat16 \\
        --json after.json --compare before.json
    python tools/benchmark.py data --config-file configs/oed_predcls.yaml --workers 4
    python tools/benchmark.py index
    python tools/benchmark.py priors --config-file configs/vost_predcls.yaml --batch 1
    python tools/benchmark.py evaluator

For a config with a temporal phase the last line of `model` reads `video-level over frame-by-frame: 3.21x`.
"""

import argparse
import os
import sys

_MODEL = """
Measures the finished model of a config, and a training step of each of its stages. Times are medians over --repeats
after a warm-up, with the device synchronised; their unit is in their name.

latency: one target with its references, from frames on the host to scene graphs on the host, nothing kept between
targets. video: a whole video at once, as in an evaluation. Its phases are timed in passes of their own. Peak share: of
a large matrix product timed in the same run in the same precision. Peak memory: of tensors on CUDA; on the CPU, of the
whole process until then, so that it never falls from one measurement to the next. Frame by frame: a test loop as OED's
in plain float32, which runs each target and its references anew.
"""

_DATA = """
Measures how fast frames come from disk, on made-up PNG files: reading one, reading and mapping one (augmentation,
resizing), a loader with one worker and with all, and then some training steps of each stage with that loader: does a
step wait for its batch? Priors are not read.
"""
_INDEX = """
Generates annotations with Action Genome's counts in its file format (no download), and measures in fresh processes what
they cost: a first start, which reads the pickles, a second one, which reads the index that the first has left, and
what each data worker adds to the memory.
"""


_PRIORS = """
Measures what priors cost a model that reads them: reading those of a frame from files as tools/extract_clip.py writes
them (in order as when testing, in any order as when training), as a share of a training step of each stage, and the
rate of CLIP on the regions of --frames frames. Made-up features, random weights; no cache is read.
"""


def main(argv: list[str] | None = None) -> int:
    """Returns the exit status: 1 if the video-level outputs are not the frame-by-frame loop's."""
    args = _parser().parse_args(argv)
    if args.command == "evaluator":  # read when numpy is imported
        os.environ["OMP_NUM_THREADS"] = "1"
    return args.run(args)


def _run_parameters(args: argparse.Namespace) -> int:
    from vost_sgg.engine.benchmark.parameters import count_parameters
    from vost_sgg.engine.benchmark.reports import parameter_table
    from vost_sgg.engine.launching import SETUP_ERRORS, user_errors

    with user_errors(*SETUP_ERRORS, AssertionError):
        counts = count_parameters(_config(args))
    print(parameter_table(counts))
    return 0


def _run_model(args: argparse.Namespace) -> int:
    from vost_sgg.engine.benchmark import reports
    from vost_sgg.engine.benchmark.model import benchmark_model, outputs_agree
    from vost_sgg.engine.benchmark.parameters import count_parameters
    from vost_sgg.engine.launching import SETUP_ERRORS, user_errors

    with user_errors(*SETUP_ERRORS, AssertionError):
        _check_counts(args)
        workload = _workload(args)
        other = _other_report(args)
        cfg = _config(args)
        counts = count_parameters(cfg)
        print(reports.parameter_table(counts), flush=True)
        report = {"benchmark": args.command, "config": args.config_file, "parameters": counts}
        report |= benchmark_model(cfg, workload)
    print(reports.model_tables(report))
    _finish(args, report, other)
    print("\n".join(reports.ratio_lines(report)), flush=True)
    if not outputs_agree(report):
        print("error: video-level and frame-by-frame outputs differ", file=sys.stderr)
        return 1
    return 0


def _run_evaluator(args: argparse.Namespace) -> int:
    import torch

    from vost_sgg.engine.benchmark.evaluator import benchmark_evaluator
    from vost_sgg.engine.benchmark.reports import evaluator_table

    torch.set_num_threads(1)
    return _run_one_table(
        args, lambda: benchmark_evaluator(args.frames, args.repeats), evaluator_table
    )


def _run_data(args: argparse.Namespace) -> int:
    from vost_sgg.engine.benchmark.data import DataWorkload, benchmark_data
    from vost_sgg.engine.benchmark.reports import data_table

    def measure() -> dict:
        workload = DataWorkload(_size(args), args.workers, args.batches, args.steps)
        return {"config": args.config_file, **benchmark_data(_config(args), workload)}

    return _run_one_table(args, measure, data_table)


def _run_priors(args: argparse.Namespace) -> int:
    from vost_sgg.engine.benchmark.priors import benchmark_priors
    from vost_sgg.engine.benchmark.reports import priors_table

    def measure() -> dict:
        workload = _workload(args)
        return {"config": args.config_file, **benchmark_priors(_config(args), workload)}

    return _run_one_table(args, measure, priors_table)


def _run_index(args: argparse.Namespace) -> int:
    from vost_sgg.engine.benchmark.index import benchmark_index
    from vost_sgg.engine.benchmark.reports import index_table

    return _run_one_table(args, lambda: benchmark_index(args.frames, args.workers), index_table)


def _run_one_table(args: argparse.Namespace, measure, table) -> int:
    """A command whose report, what ``measure()`` returns, is one table."""
    from vost_sgg.engine.launching import SETUP_ERRORS, user_errors

    with user_errors(*SETUP_ERRORS, AssertionError):
        _check_counts(args)
        other = _other_report(args)
        report = {"benchmark": args.command, **measure()}
    print(table(report))
    _finish(args, report, other)
    return 0


def _config(args: argparse.Namespace):
    """The config with what the arguments change: the device, and the batch of every stage."""
    import yaml

    from vost_sgg.config import get_vost_cfg, stage_configs
    from vost_sgg.engine.launching import import_parts

    try:
        cfg = get_vost_cfg(args.config_file, args.opts)
        options = ["MODEL.DEVICE", getattr(args, "device", None) or _device()]
        if getattr(args, "batch", None):
            stages = [f"STAGES.{name}." for name in stage_configs(cfg) if name]
            for prefix in stages or [""]:
                options += [f"{prefix}SOLVER.IMS_PER_BATCH", args.batch]
        cfg = get_vost_cfg(args.config_file, [*args.opts, *options])
    except yaml.YAMLError as error:
        raise ValueError(f"--config-file {args.config_file}: {error}") from None
    cfg.freeze()
    import_parts(cfg)
    return cfg


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _workload(args: argparse.Namespace):
    import torch

    from vost_sgg.engine.benchmark.model import Workload

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


def _check_counts(args: argparse.Namespace) -> None:
    for name in ("frames", "repeats", "batch", "batches", "workers"):
        value = getattr(args, name, None)
        if value is not None and value < 1:
            raise ValueError(f"--{name} must be at least 1 (got {value})")
    folder = os.path.dirname(args.json or "")
    if folder and not os.path.isdir(folder):
        raise ValueError(f"--json {args.json}: there is no folder {folder}")


def _other_report(args: argparse.Namespace) -> dict | None:
    from vost_sgg.engine.benchmark.reports import read_report

    return read_report(args.compare, args.command) if args.compare else None


def _finish(args: argparse.Namespace, report: dict, other: dict | None) -> None:
    """The file and the comparison, where they are asked for."""
    from vost_sgg.engine.benchmark.reports import comparison_table
    from vost_sgg.evaluation.results import write_results

    if args.json:
        write_results(report, args.json)
        print(f"written: {args.json}")
    if other is not None:
        print(comparison_table(report, other))


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    parameters = commands.add_parser("parameters", help="counts of a model and its stages")
    parameters.set_defaults(run=_run_parameters)
    model = commands.add_parser(
        "model", help="speed and memory of a model", description=_MODEL, formatter_class=raw
    )
    model.set_defaults(run=_run_model)
    _add_model_arguments(model)
    evaluator = commands.add_parser("evaluator", help="frames/s of the recall, on one thread")
    evaluator.set_defaults(run=_run_evaluator)
    evaluator.add_argument("--frames", type=int, default=2000, metavar="N", help="default: 2000")
    data = commands.add_parser(
        "data", help="speed of the data path", description=_DATA, formatter_class=raw
    )
    data.set_defaults(run=_run_data)
    _add_data_arguments(data)
    priors = commands.add_parser(
        "priors", help="cost of a VLM's priors", description=_PRIORS, formatter_class=raw
    )
    priors.set_defaults(run=_run_priors)
    _add_model_arguments(priors)
    index = commands.add_parser(
        "index", help="cost of a start on a large data set", description=_INDEX, formatter_class=raw
    )
    index.set_defaults(run=_run_index)
    index.add_argument(
        "--frames", type=int, default=288_782, metavar="N", help="default: 288782, Action Genome's"
    )
    index.add_argument("--workers", type=int, default=4, metavar="N", help="default: 4")
    for command in (model, evaluator, priors):
        _add_repeats(command)
    for command in (model, evaluator, data, index, priors):
        _add_report_arguments(command)
    for command in (parameters, model, data, priors):
        command.add_argument("--config-file", required=True, metavar="FILE", help="of configs/")
        command.add_argument(
            "opts", nargs=argparse.REMAINDER, metavar="KEY VALUE", help="config keys"
        )
    return parser


def _add_model_arguments(model: argparse.ArgumentParser) -> None:
    _add_device_size_and_batch(model)
    model.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    model.add_argument(
        "--frames", type=int, default=12, metavar="N", help="of the video (default: 12)"
    )


def _add_data_arguments(data: argparse.ArgumentParser) -> None:
    _add_device_size_and_batch(data)
    data.add_argument("--workers", type=int, default=2, metavar="N", help="default: 2")
    data.add_argument(
        "--batches", type=int, default=20, metavar="N", help="a loader is timed over (default: 20)"
    )
    data.add_argument(
        "--steps",
        type=int,
        default=5,
        metavar="N",
        help="of training a stage; 0: none (default: 5)",
    )


def _add_device_size_and_batch(command: argparse.ArgumentParser) -> None:
    command.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda if there is one")
    command.add_argument(
        "--size", default="480x270", metavar="WxH", help="of the frames in pixels, before resizing"
    )
    command.add_argument(
        "--batch", type=int, metavar="N", help="clips of a training step (default: the config's)"
    )


def _add_repeats(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--repeats", type=int, default=5, metavar="N", help="timings a median (default: 5)"
    )


def _add_report_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", metavar="FILE", help="write every number there")
    command.add_argument(
        "--compare", metavar="FILE", help="print ratios to the numbers that another run wrote"
    )


if __name__ == "__main__":
    sys.exit(main())
