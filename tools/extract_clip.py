"""Embeds with CLIP what a VLM said of every frame of a split, or checks what is stored.

    python tools/extract_vlm.py  --config-file configs/sample/vost_predcls.yaml --split train
    python tools/extract_clip.py --config-file configs/sample/vost_predcls.yaml --split train
    python tools/extract_clip.py --config-file configs/vost_predcls.yaml --split train --num-gpus 8
    python tools/extract_clip.py --config-file configs/vost_predcls.yaml --split train --shard 3/16   # array job
    python tools/extract_clip.py --config-file configs/vost_predcls.yaml --split train --verify

The VLM's answers are extracted first (tools/extract_vlm.py). It can be killed at any moment and run again: only the
videos in flight are lost. Config keys may follow the options: KEY VALUE KEY VALUE ... The features lie in
MODEL.PRIORS.CACHE/<data set>/<VLM's tag>/<task>/<CLIP>-<region mode>-<resize>/ (docs/priors.md).
"""

import argparse
import sys

from vost_sgg.command_lines import extraction_parser


def main(argv: list[str] | None = None) -> None:
    args = extraction_parser(__doc__).parse_args(argv)
    # Only now, so that --help needs no seconds.
    from vost_sgg.engine.extraction import launch_extraction

    launch_extraction(run, args)


def run(cfg, args: argparse.Namespace) -> None:
    """One process's part of the work."""
    from vost_sgg.engine.extraction import for_each_dataset

    for_each_dataset(check if args.verify else extract, cfg, args)


def extract(cfg, name: str, videos: list) -> None:
    """Extracts ``videos`` of the data set ``name``, this process every world-size-th of them; then reports."""
    from detectron2.utils import comm
    from tqdm import tqdm

    from vost_sgg.priors.extraction import build_extractor
    from vost_sgg.vlm.extraction import shard

    extractor = build_extractor(cfg, name)
    mine = shard(videos, comm.get_rank(), comm.get_world_size())
    mine = [frames for frames in mine if not extractor.is_complete(frames[0]["video_id"])]
    with tqdm(
        total=sum(map(len, mine)),
        unit="frame",
        desc=f"CLIP {cfg.MODEL.PRIORS.CLIP.NAME}",
        disable=not comm.is_main_process(),
    ) as bar:
        for frames in mine:
            extractor.run(frames, done=bar.update)
    comm.synchronize()
    if comm.is_main_process():
        _report(extractor.folder, videos)


def _report(folder: str, videos: list) -> None:
    from vost_sgg.priors.verification import report_on

    report = report_on(folder, videos)
    print(report.describe())
    print(f"features: {folder}\nreport: {report.write(folder)}", flush=True)


def check(cfg, name: str, videos: list) -> None:
    """Compares what is stored with data set and answers; ends with status 1 if anything is missing or wrong."""
    from detectron2.data import MetadataCatalog
    from detectron2.utils import comm

    from vost_sgg.priors import priors_folder
    from vost_sgg.priors.verification import SHOWN, verify
    from vost_sgg.vlm import AnswerCache, cache_folder
    from vost_sgg.vlm.words import Vocabulary

    if not comm.is_main_process():
        return
    folder = priors_folder(cfg, name)
    answers = AnswerCache(cache_folder(cfg, name))
    vocabulary = Vocabulary.of(MetadataCatalog.get(name))
    problems = verify(folder, videos, cfg.MODEL.TASK, answers, vocabulary)
    frames = sum(map(len, videos))
    if not problems:
        print(f"{folder}: complete, {frames:,} frames of {len(videos):,} videos, nothing wrong")
        return
    for problem in problems[:SHOWN]:
        print(problem)
    print(f"{folder}: {len(problems):,} problems in {frames:,} frames of {len(videos):,} videos")
    sys.exit(1)


if __name__ == "__main__":
    main()
