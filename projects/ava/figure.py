"""The paper's Fig. 13 from two prediction files: keyframes of AVA, and what a model and the VLM alone name.

    python -m projects.ava.figure --ours OURS.safetensors --vlm VLM.safetensors --output figure.png
    python -m projects.ava.figure --ours ... --vlm ... --output figure.png --image-id ID/000902.png ID/000903.png

A named action is green with a tick if it is annotated, else red with a cross. The plate is green with a solid border
if the whole annotated set is named, else red with a dashed one. Without --image-id the persons drawn are spread evenly
over the data set, whatever the predictions are. Evaluations write the files (docs/prediction_file.md).
"""

import argparse
import os
import sys


def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    # Only now, so that --help needs no seconds.
    import projects.ava.catalog  # noqa: F401  registers the data sets
    from projects.ava.drawing import draw_panels
    from vost_sgg.data.mapper import FrameError
    from vost_sgg.errors import error_text
    from vost_sgg.visualization.draw import save_picture

    try:
        panels, titles = read_panels(
            (args.ours, args.vlm), args.samples, args.threshold, args.image_id
        )
        save_picture(draw_panels(panels, titles), args.output)
    except (OSError, KeyError, ValueError, FrameError) as error:
        print(f"error: {error_text(error)}", file=sys.stderr)
        return 2
    print(f"{len(panels)} persons: {os.path.abspath(args.output)}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ours", required=True, metavar="FILE", help="predictions of a model")
    parser.add_argument("--vlm", required=True, metavar="FILE", help="predictions of the VLM alone")
    parser.add_argument("--output", required=True, help="the picture to write (.png, .jpg)")
    parser.add_argument("--samples", type=int, default=6, help="persons (default: %(default)s)")
    parser.add_argument(
        "--threshold", type=float, default=0.3, help="score that names an action (default: 0.3)"
    )
    parser.add_argument("--image-id", nargs="+", help="keyframes, such as ID/000902.png")
    return parser


def read_panels(files: tuple[str, str], samples: int, threshold: float, image_ids=None):
    """The panels of the picture, and the names of the two methods.

    Args:
        files: prediction files about the same data set.
        samples: how many persons, where no keyframes are named.
        threshold: score from which an action is named.
        image_ids: keyframes to be drawn; None: any.

    Raises:
        OSError, KeyError, ValueError: a file cannot be read, they are about different data sets or not about AVA's, or
            a keyframe is unknown.
    """
    from detectron2.data import DatasetCatalog

    from vost_sgg.data.loaders import check_datasets
    from vost_sgg.evaluation.prediction_file import PredictionFile

    opened = [PredictionFile(path) for path in files]
    names = [file.header.dataset for file in opened]
    if names[0] != names[1]:
        raise ValueError(f"{files[0]} is about {names[0]}, {files[1]} about {names[1]}")
    check_datasets(names[:1], files[0])
    records = DatasetCatalog.get(names[0])
    if "person_actions" not in records[0]:
        raise ValueError(f"{names[0]}, which the files are about, is none of AVA's data sets")
    persons = [(r, row) for r in records for row, a in enumerate(r["person_actions"]) if a.any()]
    if image_ids:
        unknown = set(image_ids) - {record["image_id"] for record, _ in persons}
        if unknown:
            raise ValueError(f"--image-id {min(unknown)}: no such keyframe in {names[0]}")
        persons = [person for person in persons if person[0]["image_id"] in image_ids]
    elif samples < 1:
        raise ValueError(f"--samples {samples}: at least one person is drawn")
    elif samples < len(persons):
        persons = [persons[i * len(persons) // samples] for i in range(samples)]
    panels = [_panel(record, row, opened, threshold) for record, row in persons]
    return panels, [file.header.method for file in opened]


def _panel(record: dict, row: int, files: list, threshold: float):
    import numpy as np

    from projects.ava.actions import ACTION_NAMES
    from projects.ava.drawing import Panel
    from projects.ava.matching import action_scores
    from vost_sgg.data.frames import frame_ground_truth
    from vost_sgg.data.mapper import read_frame

    truth, image_id = frame_ground_truth(record), record["image_id"]
    annotated = [
        name for name, a in zip(ACTION_NAMES, record["person_actions"][row], strict=True) if a
    ]
    named = []
    for file in files:
        scores = np.zeros(len(ACTION_NAMES))
        if image_id in file:
            scores = action_scores(truth.boxes, file.prediction(image_id))[0][row]
        best = np.argsort(-scores, kind="stable")
        named.append([ACTION_NAMES[i] for i in best if scores[i] >= threshold and scores[i] > 0])
    return Panel(read_frame(record, "RGB"), truth.boxes[row], annotated, named)


if __name__ == "__main__":
    sys.exit(main())
