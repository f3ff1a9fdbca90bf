"""Trains the model of a config and evaluates it, or evaluates only.

    python tools/train_net.py --config-file configs/sample/oed_predcls.yaml
    python tools/train_net.py --config-file configs/oed_predcls.yaml --num-gpus 8
    python tools/train_net.py --config-file configs/oed_predcls.yaml --resume
    python tools/train_net.py --config-file configs/oed_predcls.yaml --eval-only MODEL.WEIGHTS model_final.pth

Config keys may follow the options: KEY VALUE KEY VALUE ... All results lie in the config's OUTPUT_DIR.
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
    print(f"results: {cfg.OUTPUT_DIR}")


def run(cfg, args: argparse.Namespace) -> None:
    """One process's part of the work."""
    from vost_sgg.engine.launching import (
        SETUP_ERRORS,
        TRAINING_ERRORS,
        import_parts,
        setup,
        user_errors,
    )
    from vost_sgg.engine.stages import check_later_stages, final_stage, remaining_stages
    from vost_sgg.engine.trainer import SGGTrainer, load_for_evaluation

    setup(cfg, args)
    with user_errors(*SETUP_ERRORS, folder=cfg.OUTPUT_DIR):
        import_parts(cfg)
    if args.eval_only:
        cfg = final_stage(cfg)
        with user_errors(*SETUP_ERRORS, folder=cfg.OUTPUT_DIR):
            model = load_for_evaluation(cfg, resume=args.resume)
        with user_errors(*TRAINING_ERRORS, folder=cfg.OUTPUT_DIR):
            SGGTrainer.test(cfg, model)
        return
    with user_errors(*SETUP_ERRORS, folder=cfg.OUTPUT_DIR):
        check_later_stages(cfg)
    for stage in remaining_stages(cfg, resume=args.resume):
        with user_errors(*SETUP_ERRORS, folder=stage.OUTPUT_DIR):
            trainer = SGGTrainer(stage)
            trainer.resume_or_load(args.resume)
        with user_errors(*TRAINING_ERRORS, folder=stage.OUTPUT_DIR):
            trainer.train()


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
        "--eval-only",
        action="store_true",
        help="evaluate MODEL.WEIGHTS (with --resume: the last checkpoint) on DATASETS.TEST",
    )
    parser.add_argument(
        "--num-gpus",
        type=int,
        default=1,
        metavar="N",
        help="processes on this machine, one a GPU; 0 for the CPU (default: 1, the CPU if there is no GPU)",
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
