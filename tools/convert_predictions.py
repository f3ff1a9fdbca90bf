"""Converts predictions in plain JSON to a prediction file, which tools/evaluate_predictions.py scores.

    python tools/convert_predictions.py mine.json mine.safetensors
    python tools/convert_predictions.py mine.jsonl mine.safetensors

docs/prediction_file.md says what the JSON holds, with an example. A .jsonl has a frame a line, behind a first line with
the rest: it needs little memory.
"""

import argparse


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("input", metavar="IN", help="the .json or .jsonl")
    parser.add_argument("output", metavar="OUT", help="the prediction file to write: .safetensors")
    args = parser.parse_args(argv)
    # Only now, so that --help needs no seconds.
    from vost_sgg.engine.launching import SETUP_ERRORS, user_errors

    with user_errors(*SETUP_ERRORS):
        run(args)


def run(args: argparse.Namespace) -> None:
    from detectron2.data import MetadataCatalog
    from tqdm import tqdm

    from vost_sgg.data.loaders import check_datasets
    from vost_sgg.evaluation.plain_predictions import (
        check_predicates,
        plain_predictions,
        read_plain,
    )
    from vost_sgg.evaluation.prediction_file import PredictionHeader
    from vost_sgg.evaluation.prediction_writer import write_predictions

    if not args.output.endswith(".safetensors"):
        raise ValueError(f"{args.output}: the name must end in .safetensors")
    head, frames = read_plain(args.input)
    check_datasets([head["dataset"]], f"{args.input}, dataset")
    metadata = MetadataCatalog.get(head["dataset"])
    check_predicates(args.input, head["predicates"], metadata.predicate_classes)
    header = PredictionHeader(
        task=head["task"],
        dataset=head["dataset"],
        method=str(head.get("method", "model")),
        objects=list(metadata.thing_classes),
        predicates=list(metadata.predicate_classes),
        rules={},
    )
    predictions = plain_predictions(frames, metadata.thing_classes, args.input)
    count = write_predictions(args.output, header, tqdm(predictions, desc="frames", leave=False))
    print(f"written: {args.output}, {count} frames")


if __name__ == "__main__":
    main()
