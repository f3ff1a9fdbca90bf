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

from vost_sgg.command_lines import extraction_parser


def main(argv: list[str] | None = None) -> None:
    args = extraction_parser(__doc__).parse_args(argv)
    # Only now, so that --help needs no seconds.
    from vost_sgg.engine.launching import EXTRACTION_TIMEOUT, launch_command

    launch_command(run, args, timeout=EXTRACTION_TIMEOUT)


def run(cfg, args: argparse.Namespace) -> None:
    """One process's part of the work."""
    from vost_sgg.engine.extraction import for_each_dataset

    for_each_dataset(check if args.verify else extract, cfg, args)


def extract(cfg, name: str, videos: list) -> None:
    """Extracts ``videos`` of the data set ``name``, this process every world-size-th of them; then reports."""
    from detectron2.utils import comm
    from tqdm import tqdm

    from vost_sgg.engine.extraction import say_report, unfinished_videos
    from vost_sgg.priors.extraction import build_extractor
    from vost_sgg.priors.verification import report_on

    extractor = build_extractor(cfg, name)
    mine = unfinished_videos(videos, extractor.is_complete)
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
        say_report("features", extractor.folder, report_on(extractor.folder, videos))


def check(cfg, name: str, videos: list) -> None:
    """Compares what is stored with data set and answers; ends with status 1 if anything is missing or wrong."""
    from detectron2.data import MetadataCatalog
    from detectron2.utils import comm

    from vost_sgg.engine.extraction import say_problems
    from vost_sgg.priors import priors_folder
    from vost_sgg.priors.verification import verify
    from vost_sgg.vlm import AnswerCache, cache_folder
    from vost_sgg.vlm.words import Vocabulary

    if not comm.is_main_process():
        return
    folder = priors_folder(cfg, name)
    answers = AnswerCache(cache_folder(cfg, name))
    vocabulary = Vocabulary.of(MetadataCatalog.get(name))
    problems = verify(folder, videos, cfg.MODEL.TASK, answers, vocabulary)
    say_problems(folder, videos, problems)


if __name__ == "__main__":
    main()
