"""What the command lines of several tools have in common. Importing it is quick."""

import argparse
import re


def training_parser(description: str) -> argparse.ArgumentParser:
    """detectron2's arguments, without importing it."""
    parser = _config_parser(description)
    parser.add_argument(
        "--resume", action="store_true", help="go on from the last checkpoint in OUTPUT_DIR"
    )
    parser.add_argument("--num-machines", type=int, default=1, metavar="N", help="machines in all")
    parser.add_argument("--machine-rank", type=int, default=0, metavar="I", help="this one, from 0")
    parser.add_argument(
        "--dist-url",
        default="auto",
        metavar="URL",
        help="where the processes meet, tcp://HOST:PORT; needed for several machines only",
    )
    return parser


def extraction_parser(description: str) -> argparse.ArgumentParser:
    """The options of a tool that extracts something from every video of a split, or checks what is there."""
    parser = _config_parser(description)
    parser.add_argument("--split", required=True, choices=["train", "test"], help="which DATASETS")
    add_shard(parser)
    parser.add_argument(
        "--verify", action="store_true", help="compare with the data set, extract nothing"
    )
    # What detectron2's launch wants to know: several machines are several shards here.
    parser.set_defaults(num_machines=1, machine_rank=0, dist_url="auto")
    return parser


def add_shard(parser: argparse.ArgumentParser) -> None:
    """The option of a tool that takes every video by itself; its value is (I, N)."""
    parser.add_argument(
        "--shard",
        type=_shard,
        default=(0, 1),
        metavar="I/N",
        help="only every N-th video from I (0 to N - 1): one job of N that know nothing of each other",
    )


def _config_parser(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config-file", required=True, metavar="FILE", help="a YAML of configs/")
    parser.add_argument(
        "--num-gpus",
        type=int,
        default=1,
        metavar="N",
        help="processes on this machine, one a GPU; without a GPU, or with 0, on the CPU (default: 1)",
    )
    parser.add_argument("opts", nargs=argparse.REMAINDER, metavar="KEY VALUE", help="config keys")
    return parser


def _shard(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or not int(match[1]) < int(match[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is not i/n with i from 0 to n - 1")
    return int(match[1]), int(match[2])
