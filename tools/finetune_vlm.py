"""Fine-tunes the VLM of a config with LoRA on DATASETS.TRAIN, for the config's task.

    python tools/finetune_vlm.py --config-file configs/vlm/qwen_predcls.yaml --num-gpus 8
    python tools/finetune_vlm.py --config-file configs/vlm/qwen_sgdet.yaml --num-gpus 8
    python tools/finetune_vlm.py --config-file configs/vlm/qwen_sgdet.yaml --num-gpus 8 --resume

The result is a peft adapter, OUTPUT_DIR/lora_<task>: set MODEL.VLM.ADAPTER to it for tools/extract_vlm.py. Config keys
may follow the options: KEY VALUE KEY VALUE ... (MODEL.VLM.LORA, docs/vlm_finetuning.md). Curves: tensorboard --logdir
OUTPUT_DIR.
"""

import argparse


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
    from detectron2.utils import comm

    from vost_sgg.data.loaders import check_datasets, read_datasets
    from vost_sgg.engine.launching import (
        SETUP_ERRORS,
        TRAINING_ERRORS,
        import_parts,
        setup,
        user_errors,
    )
    from vost_sgg.registry import check_registered
    from vost_sgg.vlm import VLM
    from vost_sgg.vlm.finetuning import Finetuning

    setup(cfg, args)
    names = cfg.DATASETS.TRAIN
    with user_errors(*SETUP_ERRORS, folder=cfg.OUTPUT_DIR):
        import_parts(cfg)
        check_registered(VLM, cfg.MODEL.VLM.NAME, "MODEL.VLM.NAME")
        check_datasets(names, "DATASETS.TRAIN")
        datasets = dict(zip(names, read_datasets(names), strict=True))
        finetuning = Finetuning(cfg, datasets, resume=args.resume)
    with user_errors(*TRAINING_ERRORS, folder=cfg.OUTPUT_DIR):
        folder = finetuning.run()
    if comm.is_main_process():
        print(f"adapter: {folder}\nuse it with MODEL.VLM.ADAPTER {folder}", flush=True)


def _parser() -> argparse.ArgumentParser:
    """detectron2's arguments, without importing it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config-file", required=True, metavar="FILE", help="a YAML of configs/")
    parser.add_argument(
        "--resume", action="store_true", help="go on from the last checkpoint in OUTPUT_DIR"
    )
    parser.add_argument(
        "--num-gpus",
        type=int,
        default=1,
        metavar="N",
        help="processes on this machine, one a GPU; without a GPU they share the CPU (default: 1)",
    )
    parser.add_argument("--num-machines", type=int, default=1, metavar="N", help="machines in all")
    parser.add_argument("--machine-rank", type=int, default=0, metavar="I", help="this one, from 0")
    parser.add_argument(
        "--dist-url",
        default="auto",
        metavar="URL",
        help="where the processes meet, tcp://HOST:PORT; needed for several machines only",
    )
    parser.add_argument("opts", nargs=argparse.REMAINDER, metavar="KEY VALUE", help="config keys")
    return parser


if __name__ == "__main__":
    main()
