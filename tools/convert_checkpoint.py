"""Converts other people's checkpoints to this library's names.

    python tools/convert_checkpoint.py oed temporal/checkpoint_3.pth OUT.pth --config-file configs/oed_sgdet.yaml
    python tools/convert_checkpoint.py oed spatial/checkpoint_22.pth OUT.pth --config-file configs/oed_sgdet.yaml \\
        --stage SPATIAL
    python tools/convert_checkpoint.py detr detr-r50-e632da11.pth OUT.pth --config-file configs/oed_sgdet.yaml

oed: a trained OED model. detr: initial weights from COCO DETR-R50, or from a checkpoint of our detector stage (which
MODEL.WEIGHTS also takes as it is). OUT is what MODEL.WEIGHTS names. A name or shape
that does not fit is an error, and nothing is written.
"""

import argparse
import sys


def main(argv: list[str] | None = None) -> int:
    """Returns the exit status: 0 if the file was written, 1 if not."""
    args = _parser().parse_intermixed_args(argv)
    # Imported here so that --help is fast.
    from vost_sgg import checkpoint
    from vost_sgg.config import get_vost_cfg, stage_configs
    from vost_sgg.engine.run_identity import model_identity  # which also registers the models
    from vost_sgg.errors import error_text

    convert = {"oed": checkpoint.convert_oed, "detr": checkpoint.convert_detr}[args.source]
    try:
        stages = stage_configs(get_vost_cfg(args.config_file, args.opts))
        # DETR starts the first stage; without --stage an OED model is the finished one.
        stage = args.stage or list(stages)[0 if args.source == "detr" else -1]
        if stage not in stages:
            raise ValueError(f"--stage {stage}: the config has the stages {', '.join(stages)}")
        state_dict, report = convert(checkpoint.read_state_dict(args.input), stages[stage])
        # An OED model is a finished stage's; initial weights belong to none.
        meta = model_identity(stages[stage]) if args.source == "oed" else None
        checkpoint.write_state_dict(state_dict, args.output, meta=meta)
    except (OSError, ValueError, KeyError) as error:
        print(f"error: {error_text(error)}", file=sys.stderr)
        return 1
    print(report)
    print(f"written: {args.output}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", choices=("detr", "oed"), help="what IN is")
    parser.add_argument("input", metavar="IN", help="the .pth file to convert")
    parser.add_argument("output", metavar="OUT", help="the file to write: .pth or .safetensors")
    parser.add_argument(
        "--config-file", required=True, help="the config of the model that will load OUT"
    )
    parser.add_argument(
        "--stage",
        help="the stage of the config whose model will load OUT (default: oed the last one, detr the first one)",
    )
    parser.add_argument("opts", nargs="*", help="config keys and values: KEY VALUE ...")
    return parser


if __name__ == "__main__":
    sys.exit(main())
