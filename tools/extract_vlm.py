"""Asks the VLM of a config about every frame of a split and stores its answers, or checks those that are stored.

    python tools/extract_vlm.py --config-file configs/sample/vlm_predcls.yaml --split test
    python tools/extract_vlm.py --config-file configs/vlm/qwen_predcls.yaml --split train --num-gpus 8
    python tools/extract_vlm.py --config-file configs/vlm/qwen_predcls.yaml --split train --shard 3/16   # array job
    python tools/extract_vlm.py --config-file configs/vlm/qwen_predcls.yaml --split train --verify

It can be killed at any moment and run again: no stored answer is lost or asked again. Config keys may follow the
options: KEY VALUE KEY VALUE ... The answers lie in MODEL.VLM.CACHE/<data set>/<tag>/<task>/ (docs/vlm.md).
"""

import argparse
import re
import sys


def main(argv: list[str] | None = None) -> None:
    args = _parser().parse_args(argv)
    # Only now, so that --help needs no seconds.
    import yaml

    from vost_sgg.config import get_vost_cfg
    from vost_sgg.engine.launching import launch_processes, user_errors, with_available_device

    with user_errors(KeyError, ValueError, OSError, AssertionError, yaml.YAMLError):
        cfg = get_vost_cfg(args.config_file, args.opts)
        cfg, notice = with_available_device(cfg, args.num_gpus)
    if notice:
        print(notice, flush=True)
    cfg.freeze()
    launch_processes(run, cfg, args)


def run(cfg, args: argparse.Namespace) -> None:
    """One process's part of the work."""
    from vost_sgg.data.loaders import check_datasets, read_datasets
    from vost_sgg.engine.launching import SETUP_ERRORS, import_parts, setup, user_errors
    from vost_sgg.vlm.extraction import ExtractionError, shard, videos_of

    setup(cfg, args)
    key = f"DATASETS.{args.split.upper()}"
    names = cfg.DATASETS[args.split.upper()]
    with user_errors(*SETUP_ERRORS, folder=cfg.OUTPUT_DIR):
        import_parts(cfg)
        check_datasets(names, key)
        datasets = dict(zip(names, read_datasets(names), strict=True))
    for name, records in datasets.items():
        videos = shard(videos_of(records), *args.shard)
        with user_errors(*SETUP_ERRORS, ExtractionError, folder=cfg.OUTPUT_DIR):
            (check if args.verify else extract)(cfg, name, videos)


def extract(cfg, name: str, videos: list) -> None:
    """Extracts ``videos`` of the data set ``name``, this process every world-size-th of them; then reports."""
    from detectron2.data import MetadataCatalog
    from detectron2.utils import comm
    from tqdm import tqdm

    from vost_sgg.vlm import VLM, cache_folder
    from vost_sgg.vlm.extraction import Extractor, shard
    from vost_sgg.vlm.manifest import claim_folder, make_manifest
    from vost_sgg.vlm.prompts import count_prompts

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
    mine = shard(videos, comm.get_rank(), comm.get_world_size())
    mine = [frames for frames in mine if not extractor.is_complete(frames[0]["video_id"])]
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
        _report(folder, videos)


def _report(folder: str, videos: list) -> None:
    from vost_sgg.vlm.verification import report_on

    report = report_on(folder, videos)
    print(report.describe())
    print(f"answers: {folder}\nreport: {report.write(folder)}", flush=True)


def check(cfg, name: str, videos: list) -> None:
    """Compares the stored answers with the data set; ends with status 1 if anything is missing or wrong."""
    from detectron2.data import MetadataCatalog
    from detectron2.utils import comm

    from vost_sgg.vlm import cache_folder
    from vost_sgg.vlm.verification import SHOWN, verify

    if not comm.is_main_process():
        return
    folder = cache_folder(cfg, name)
    problems = verify(folder, videos, cfg.MODEL.TASK, MetadataCatalog.get(name))
    frames = sum(map(len, videos))
    if not problems:
        print(f"{folder}: complete, {frames:,} frames of {len(videos):,} videos, nothing wrong")
        return
    for problem in problems[:SHOWN]:
        print(problem)
    print(f"{folder}: {len(problems):,} problems in {frames:,} frames of {len(videos):,} videos")
    sys.exit(1)


def _shard(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or not int(match[1]) < int(match[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is not i/n with i from 0 to n - 1")
    return int(match[1]), int(match[2])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config-file", required=True, metavar="FILE", help="a YAML of configs/")
    parser.add_argument("--split", required=True, choices=["train", "test"], help="which DATASETS")
    parser.add_argument(
        "--num-gpus",
        type=int,
        default=1,
        metavar="N",
        help="processes on this machine, one a GPU; without a GPU they share the CPU (default: 1)",
    )
    parser.add_argument(
        "--shard",
        type=_shard,
        default=(0, 1),
        metavar="I/N",
        help="only every N-th video from I (0 to N - 1): one job of N that know nothing of each other",
    )
    parser.add_argument(
        "--verify", action="store_true", help="compare with the data set, ask nothing"
    )
    parser.add_argument("opts", nargs=argparse.REMAINDER, metavar="KEY VALUE", help="config keys")
    # What detectron2's launch wants to know: several machines are several shards here.
    parser.set_defaults(num_machines=1, machine_rank=0, dist_url="auto")
    return parser


if __name__ == "__main__":
    main()
