"""Trains the model of a config and evaluates it, or evaluates only.

    python tools/train_net.py --config-file configs/sample/oed_predcls.yaml
    python tools/train_net.py --config-file configs/oed_predcls.yaml --num-gpus 8
    python tools/train_net.py --config-file configs/oed_predcls.yaml --resume
    python tools/train_net.py --config-file configs/oed_predcls.yaml --eval-only MODEL.WEIGHTS model_final.pth

Config keys may follow the options: KEY VALUE KEY VALUE ... All results lie in the config's OUTPUT_DIR.
"""

import argparse

from vost_sgg.command_lines import training_parser


def main(argv: list[str] | None = None) -> None:
    parser = training_parser(__doc__)
    parser.add_argument(
        "--eval-only",
        action="store_true",
        help="evaluate MODEL.WEIGHTS (with --resume: the last checkpoint) on DATASETS.TEST",
    )
    args = parser.parse_args(argv)
    # Only now, so that --help needs no seconds.
    from vost_sgg.engine.launching import launch_command

    cfg = launch_command(run, args)
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

    with user_errors(*SETUP_ERRORS, folder=cfg.OUTPUT_DIR):
        setup(cfg, args)
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


if __name__ == "__main__":
    main()
