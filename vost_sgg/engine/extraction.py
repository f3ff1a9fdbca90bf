"""What the tools have in common that extract something from every video of a split."""

import argparse
import sys
from collections.abc import Callable, Sequence

from detectron2.config import CfgNode
from detectron2.utils import comm

from vost_sgg.data.loaders import check_datasets, read_datasets
from vost_sgg.engine.launching import SETUP_ERRORS, import_parts, setup, user_errors
from vost_sgg.vlm.extraction import ExtractionError, shard, videos_of
from vost_sgg.vlm.verification import SHOWN


def for_each_dataset(
    work: Callable[[CfgNode, str, list], None], cfg: CfgNode, args: argparse.Namespace
) -> None:
    """Calls ``work(cfg, name, videos)`` for each data set of the split; bad input ends the process with one line.

    Args:
        work: gets the records of every video of the job's shard, which its processes share among themselves.
        cfg: frozen.
        args: of :func:`vost_sgg.command_lines.extraction_parser`.
    """
    setup(cfg, args)
    names: Sequence[str] = cfg.DATASETS[args.split.upper()]
    with user_errors(*SETUP_ERRORS, folder=cfg.OUTPUT_DIR):
        import_parts(cfg)
        check_datasets(names, f"DATASETS.{args.split.upper()}")
        datasets = dict(zip(names, read_datasets(names), strict=True))
    for name, records in datasets.items():
        videos = shard(videos_of(records), *args.shard)
        with user_errors(*SETUP_ERRORS, ExtractionError, folder=cfg.OUTPUT_DIR):
            work(cfg, name, videos)


def unfinished_videos(videos: list, is_complete: Callable[[str], bool]) -> list:
    """This process's share of ``videos``, every world-size-th of them, without those that are complete."""
    mine = shard(videos, comm.get_rank(), comm.get_world_size())
    return [frames for frames in mine if not is_complete(frames[0]["video_id"])]


def say_report(what: str, folder: str, report) -> None:
    """Prints an extraction's report and writes it into the ``folder`` of ``what`` was extracted."""
    print(report.describe())
    print(f"{what}: {folder}\nreport: {report.write(folder)}", flush=True)


def say_problems(folder: str, videos: list, problems: list[str]) -> None:
    """Prints what a check found; ends the process with status 1 if that is anything."""
    frames = sum(map(len, videos))
    if not problems:
        print(f"{folder}: complete, {frames:,} frames of {len(videos):,} videos, nothing wrong")
        return
    for problem in problems[:SHOWN]:
        print(problem)
    print(f"{folder}: {len(problems):,} problems in {frames:,} frames of {len(videos):,} videos")
    sys.exit(1)
