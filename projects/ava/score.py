"""Scores prediction files on the AVA data set that each is about, without a model.

python -m projects.ava.score output/ava/vost_sgdet/spatial/scene_graph_predictions_ava_val.safetensors
"""

import argparse
import sys


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="docs/prediction_file.md")
    args = parser.parse_args(argv)
    # Only now, so that --help needs no seconds.
    from detectron2.utils.logger import setup_logger

    import projects.ava.catalog  # noqa: F401  registers the data sets

    setup_logger(name="projects")
    try:
        for path in args.files:
            score(path)
    except (OSError, KeyError, ValueError) as error:
        from vost_sgg.errors import error_text

        print(f"error: {error_text(error)}", file=sys.stderr)
        return 2
    return 0


def score(path: str) -> dict[str, float]:
    """The metrics of a prediction file, in percent, which are logged too. A keyframe that it lacks counts as empty.

    Raises:
        OSError, KeyError, ValueError: it cannot be read, or is about another data set or its frames are.
    """
    from detectron2.data import DatasetCatalog

    from projects.ava.evaluator import AVAEvaluator
    from vost_sgg.data.frames import frame_ground_truth
    from vost_sgg.data.loaders import check_datasets
    from vost_sgg.evaluation.prediction_file import PredictionFile

    file = PredictionFile(path)
    check_datasets([file.header.dataset], path)
    evaluator = AVAEvaluator(dataset_name=file.header.dataset, method=file.header.method)
    records = {r["image_id"]: r for r in DatasetCatalog.get(file.header.dataset)}
    unknown = [image_id for image_id in file.image_ids if image_id not in records]
    if unknown:
        raise ValueError(
            f"{path}: {len(unknown):,} frames are no keyframes of {file.header.dataset}, such as {unknown[0]}"
        )
    for image_id in file.image_ids:
        truth = frame_ground_truth(records[image_id])
        evaluator.update(truth, file.prediction(image_id), image_id)
    return evaluator.evaluate()["ava"]


if __name__ == "__main__":
    sys.exit(main())
