"""Measures how a trained PredCLS model treats wrong answers of its VLM, as the paper counts (Sec. 4.2), and how its
recall falls when the answers are made worse in steps; of a SGCLS or SGDET model, how it falls without any answers.

    python tools/robustness.py --config-file configs/sample/vost_predcls.yaml MODEL.WEIGHTS model_final.pth

Config keys may follow the options: KEY VALUE KEY VALUE ... It prints its tables and writes
OUTPUT_DIR/robustness_<data set>.json (docs/ablation.md).
"""

import argparse
import os
import sys


def main(argv: list[str] | None = None) -> None:
    args = _parser().parse_args(argv)
    # Only now, so that --help needs no seconds.
    import yaml

    from vost_sgg.config import get_vost_cfg
    from vost_sgg.engine.launching import (
        SETUP_ERRORS,
        TRAINING_ERRORS,
        import_parts,
        user_errors,
        with_available_device,
    )
    from vost_sgg.engine.robustness import measure_robustness, steps_table
    from vost_sgg.evaluation.prior_agreement import agreement_table
    from vost_sgg.evaluation.results import write_results

    with user_errors(*SETUP_ERRORS, *TRAINING_ERRORS, AssertionError, yaml.YAMLError):
        cfg, notice = with_available_device(get_vost_cfg(args.config_file, args.opts), num_gpus=1)
        if notice:
            print(notice, flush=True)
        import_parts(cfg)
        document = measure_robustness(cfg)
        path = os.path.join(cfg.OUTPUT_DIR, f"robustness_{document['dataset']}.json")
        write_results({**document, "config": args.config_file}, path)
    if document["agreement"]:
        print(f"{agreement_table(document)}\n")
    print(steps_table(document))
    print(f"written: {path}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config-file", required=True, metavar="FILE", help="a YAML of configs/")
    parser.add_argument("opts", nargs=argparse.REMAINDER, metavar="KEY VALUE", help="config keys")
    return parser


if __name__ == "__main__":
    sys.exit(main())
