"""What the tools have in common that extract something from every video of a split."""

import argparse
from collections.abc import Callable, Sequence

import yaml
from detectron2.config import CfgNode

from vost_sgg.config import get_vost_cfg
from vost_sgg.data.loaders import check_datasets, read_datasets
from vost_sgg.engine.launching import (
    SETUP_ERRORS,
    import_parts,
    launch_processes,
    setup,
    user_errors,
    with_available_device,
)
from vost_sgg.vlm.extraction import ExtractionError, shard, videos_of


def launch_extraction(run: Callable, args: argparse.Namespace) -> None:
    """Calls ``run(cfg, args)`` in as many processes as asked for.

    Args:
        run: a function of a module, which hands its work to :func:`for_each_dataset`.
        args: of :func:`vost_sgg.command_lines.extraction_parser`.
    """
    with user_errors(KeyError, ValueError, OSError, AssertionError, yaml.YAMLError):
        cfg = get_vost_cfg(args.config_file, args.opts)
        cfg, notice = with_available_device(cfg, args.num_gpus)
    if notice:
        print(notice, flush=True)
    cfg.freeze()
    launch_processes(run, cfg, args)


def for_each_dataset(
    work: Callable[[CfgNode, str, list], None], cfg: CfgNode, args: argparse.Namespace
) -> None:
    """Calls ``work(cfg, name, videos)`` for each data set of the split; bad input ends the process with one line.

    Args:
        work: gets the records of every video of the job's shard, which its processes share among themselves.
        cfg: frozen.
        args: as :func:`launch_extraction`.
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
