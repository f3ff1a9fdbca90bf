"""Asks the VLM of a config about every frame of a split and stores its answers, or checks those that are stored.

    python tools/extract_vlm.py --config-file configs/sample/vlm_predcls.yaml --split test
    python tools/extract_vlm.py --config-file configs/vlm/qwen_predcls.yaml --split train --num-gpus 8
    python tools/extract_vlm.py --config-file configs/vlm/qwen_predcls.yaml --split train --shard 3/16   # array job
    python tools/extract_vlm.py --config-file configs/vlm/qwen_predcls.yaml --split train --verify

It can be killed at any moment and run again: no stored answer is lost or asked again. Config keys may follow the
options: KEY VALUE KEY VALUE ... The answers lie in MODEL.VLM.CACHE/<data set>/<tag>/<task>/ (docs/vlm.md).
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
    from detectron2.data import MetadataCatalog
    from detectron2.utils import comm
    from tqdm import tqdm

    from vost_sgg.engine.extraction import say_report, unfinished_videos
    from vost_sgg.vlm import VLM, cache_folder
    from vost_sgg.vlm.extraction import Extractor
    from vost_sgg.vlm.manifest import claim_folder, make_manifest
    from vost_sgg.vlm.prompts import count_prompts
    from vost_sgg.vlm.verification import report_on

    task, folder = cfg.MODEL.TASK, cache_folder(cfg, name)
    backend = VLM.build(cfg, dataset_name=name)
    claim_folder(folder, make_manifest(backend, name, task))
    extractor = Extractor(
        backend=backend,
        folder=folder,
        task=task,
        metadata=MetadataCatalog.get(name),
        batch_size=cfg.MODEL.VLM.BATCH_SIZE,
    )
    mine = unfinished_videos(videos, extractor.is_complete)
    total = sum(count_prompts(task, record) for frames in mine for record in frames)
    with tqdm(
        total=total, unit="prompt", desc=f"{backend.tag} {task}", disable=not comm.is_main_process()
    ) as bar:

        def stored_before(count: int) -> None:
            bar.total -= count
            bar.refresh()

        for frames in mine:
            extractor.run(frames, asked=bar.update, stored=stored_before)
    comm.synchronize()
    if comm.is_main_process():
        say_report("answers", folder, report_on(folder, videos))


def check(cfg, name: str, videos: list) -> None:
    """Compares the stored answers with the data set; ends with status 1 if anything is missing or wrong."""
    from detectron2.data import MetadataCatalog
    from detectron2.utils import comm

    from vost_sgg.engine.extraction import say_problems
    from vost_sgg.vlm import cache_folder
    from vost_sgg.vlm.verification import verify

    if not comm.is_main_process():
        return
    folder = cache_folder(cfg, name)
    problems = verify(folder, videos, cfg.MODEL.TASK, MetadataCatalog.get(name))
    say_problems(folder, videos, problems)


if __name__ == "__main__":
    main()
