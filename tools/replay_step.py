"""Runs a training step again that diverged: a loss or gradient of it was not finite.

    python tools/replay_step.py output/oed_predcls/spatial/diverged_0000123_rank0.safetensors

A training that diverges stops before the weights are spoilt, and keeps the step in such a file beside its config.yaml.
Prints the losses and the parameters whose gradient is not finite. Config keys may follow: MODEL.DEVICE cpu.
"""

import argparse
import os
import sys


def main(argv: list[str] | None = None) -> int:
    """Returns the exit status: 1 if the step is not finite again, 0 if it is."""
    args = _parser().parse_args(argv)
    import yaml

    from vost_sgg.config import get_vost_cfg
    from vost_sgg.engine.launching import (
        SETUP_ERRORS,
        import_parts,
        user_errors,
        with_available_device,
    )
    from vost_sgg.engine.replay import load_step, replay
    from vost_sgg.engine.trainer import SGGTrainer

    config = args.config_file or os.path.join(os.path.dirname(args.file), "config.yaml")
    with user_errors(*SETUP_ERRORS, AssertionError, yaml.YAMLError):
        step = load_step(args.file)
        cfg, _ = with_available_device(get_vost_cfg(config, args.opts), 1)
        import_parts(cfg)
        model = SGGTrainer.build_model(cfg)
    clips = sum(map(len, step.micro_batches))
    print(f"iteration {step.iteration}: {clips} clips in {len(step.micro_batches)} micro-batches")
    try:
        losses, names = replay(model, step, cfg)
    except FloatingPointError as error:
        print(f"not finite again: {error}")
        return 1
    for values in losses:
        print(", ".join(f"{name} {value:.6g}" for name, value in values.items()))
    if not names:
        print("every gradient is finite")
        return 0
    print(f"not finite again: the gradients of {len(names)} parameters")
    print("\n".join(names))
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", metavar="FILE", help="diverged_*.safetensors of a training")
    parser.add_argument(
        "--config-file", metavar="FILE", help="of that training (default: config.yaml beside FILE)"
    )
    parser.add_argument("opts", nargs=argparse.REMAINDER, metavar="KEY VALUE", help="config keys")
    return parser


if __name__ == "__main__":
    sys.exit(main())
