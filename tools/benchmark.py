"""Measures parameters, speed and memory, on made-up weights and frames: no data set and no checkpoint is needed.

    python tools/benchmark.py parameters --config-file configs/oed_sgdet.yaml
    python tools/benchmark.py model --config-file configs/oed_predcls.yaml --batch 2
    python tools/benchmark.py model --config-file configs/oed_predcls.yaml --device cuda --precision bfloat16 \\
        --json after.json --compare before.json
    python tools/benchmark.py table gpu_*.json
    python tools/benchmark.py data --config-file configs/oed_predcls.yaml --workers 4
    python tools/benchmark.py index
    python tools/benchmark.py priors --config-file configs/vost_predcls.yaml --batch 1
    python tools/benchmark.py vlm
    python tools/benchmark.py evaluator

`model` prints how much quicker a training step is than a plain one, and for a config with a temporal phase its last
line reads `video-level over frame-by-frame: 3.21x`.
"""

import argparse
import os
import sys

_MODEL = """
Measures the finished model of a config as `train_net.py --eval-only` runs it (frozen batch norms folded), and a
training step of each of its stages. Times are medians over --repeats after a warm-up, with the device synchronised;
their unit is in their name.

latency: one target with its references, from frames on the host to scene graphs on the host, nothing kept between
targets. video: a whole video at once, as in an evaluation. Its phases are timed in passes of their own, before anything
is compiled. Peak memory: of tensors on CUDA; on the CPU, of the whole process until then, so that it never falls from
one measurement to the next.

Of peak: the share of a large matrix product timed in the same run in the same precision. FLOPs are counted for one
target with its references: the spatial phase once a frame, the temporal phase once a target. A training step is counted
as about three times the forward pass of what is trained and once that of what is frozen.

Frame by frame: a test loop as OED's, which runs each target and its references anew. Plain training step: as OED's
loop on the same batch, every loss read from the device, AdamW tensor by tensor. Both are in float32 and channels-first
order with padding masks, attention that computes its weights, and frozen batch norms computed on feature maps. They
take turns with ours.

--ablate says which change gives what: the video and the training step with one change at a time put back to plain, all
others kept, each in turn with ours. Where there is nothing to put back, such as frozen parts of a stage that has none,
the ratio shows how much the machine wavers. Nothing is compiled.
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


_VLM = """
Measures what asking a VLM costs beside the VLM itself, for each task: a whole extraction of made-up frames by a backend
that answers at once, with the annotated answers, beside reading the images alone; the parser, on these answers and on
malformed ones; the cache's size, and reading it. Then what all usable frames of Action Genome would take.
"""


def main(argv: list[str] | None = None) -> int:
    """Returns the exit status: 1 if the video-level outputs are not the frame-by-frame loop's."""
    args = _parser().parse_args(argv)
    if args.command == "evaluator":  # read when numpy is imported
        os.environ["OMP_NUM_THREADS"] = "1"
    # Only now, so that --help needs no seconds.
    from vost_sgg.engine.benchmark.commands import run

    return run(args)


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    parameters = commands.add_parser("parameters", help="counts of a model and its stages")
    model = commands.add_parser(
        "model", help="speed and memory of a model", description=_MODEL, formatter_class=raw
    )
    _add_model_arguments(model)
    _add_model_options(model)
    evaluator = commands.add_parser(
        "evaluator", help="speed and memory of the evaluator, one thread"
    )
    _add_evaluator_arguments(evaluator)
    data = commands.add_parser(
        "data", help="speed of the data path", description=_DATA, formatter_class=raw
    )
    _add_data_arguments(data)
    priors = commands.add_parser(
        "priors", help="cost of a VLM's priors", description=_PRIORS, formatter_class=raw
    )
    _add_model_arguments(priors)
    vlm = commands.add_parser(
        "vlm", help="cost of asking a VLM beside the VLM", description=_VLM, formatter_class=raw
    )
    _add_size(vlm)
    vlm.add_argument("--frames", type=int, default=240, metavar="N", help="default: 240")
    index = commands.add_parser(
        "index", help="cost of a start on a large data set", description=_INDEX, formatter_class=raw
    )
    index.add_argument(
        "--frames", type=int, default=288_782, metavar="N", help="default: 288782, Action Genome's"
    )
    index.add_argument("--workers", type=int, default=4, metavar="N", help="default: 4")
    table = commands.add_parser("table", help="a markdown table of what model --json wrote")
    table.add_argument("files", nargs="+", metavar="FILE", help="one a config, measured alike")
    for command in (model, evaluator, priors, vlm):
        _add_repeats(command)
    for command in (model, evaluator, data, index, priors, vlm):
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


def _add_model_options(model: argparse.ArgumentParser) -> None:
    model.add_argument(
        "--compile",
        action="store_true",
        help="torch.compile, as TEST.COMPILE True does; its first passes are reported apart",
    )
    model.add_argument(
        "--ablate",
        action="store_true",
        help="also the video and the training step with one change after another put back to plain",
    )
    model.add_argument(
        "--memory",
        type=int,
        metavar="N",
        help="also the peak memory of a video of N frames and of training steps, ours and plain, each in a process of "
        "its own",
    )


def _add_evaluator_arguments(evaluator: argparse.ArgumentParser) -> None:
    evaluator.add_argument("--frames", type=int, default=2000, metavar="N", help="default: 2000")
    evaluator.add_argument(
        "--memory",
        type=int,
        nargs="+",
        default=[],
        metavar="N",
        help="also the peak memory of an SGDET evaluation of N frames, each in a process of its own",
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
    _add_size(command)
    command.add_argument(
        "--batch", type=int, metavar="N", help="clips of a training step (default: the config's)"
    )


def _add_size(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--size", default="480x270", metavar="WxH", help="of the frames in pixels, before resizing"
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
