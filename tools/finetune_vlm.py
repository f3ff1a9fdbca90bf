"""Fine-tunes the VLM of a config with LoRA on DATASETS.TRAIN, for the config's task.

    python tools/finetune_vlm.py --config-file configs/vlm/qwen_predcls.yaml --num-gpus 8
    python tools/finetune_vlm.py --config-file configs/vlm/qwen_sgdet.yaml --num-gpus 8
    python tools/finetune_vlm.py --config-file configs/vlm/qwen_sgdet.yaml --num-gpus 8 --resume

The result is a peft adapter, OUTPUT_DIR/lora_<task>: set MODEL.VLM.ADAPTER to it for tools/extract_vlm.py. Config keys
may follow the options: KEY VALUE KEY VALUE ... (MODEL.VLM.LORA, docs/vlm_finetuning.md). Curves: tensorboard --logdir
OUTPUT_DIR.
"""

import argparse

from vost_sgg.command_lines import training_parser


def main(argv: list[str] | None = None) -> None:
    args = training_parser(__doc__).parse_args(argv)
    # Only now, so that --help needs no seconds.
    from vost_sgg.engine.launching import launch_command

    launch_command(run, args)


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


if __name__ == "__main__":
    main()
