"""Draws the frames of a prediction file with the best and with the worst recall, beside their annotation.

    python tools/visualize_predictions.py FILE --output pictures
    python tools/visualize_predictions.py ours=FILE oed=FILE vlm=FILE --output pictures --num-frames 5
    python tools/visualize_predictions.py FILE FILE --output pictures --image-id 001YG.mp4/000089.png

FILE is a prediction file (docs/prediction_file.md), NAME=FILE gives its column another title. Frames are chosen by the
first file, at most one of a video; the others, of the same task and data set, stand beside it.
"""

import argparse
import os


def main(argv: list[str] | None = None) -> None:
    args = _parser().parse_args(argv)
    # Only now, so that --help needs no seconds.
    from vost_sgg.data.mapper import FrameError
    from vost_sgg.engine.launching import SETUP_ERRORS, user_errors

    with user_errors(*SETUP_ERRORS, FrameError):
        run(args)


def run(args: argparse.Namespace) -> None:
    """Writes the pictures, and prints what each shows."""
    from detectron2.utils.file_io import PathManager

    import vost_sgg.data  # noqa: F401  registers the data sets
    from vost_sgg.engine.comparison import Comparison
    from vost_sgg.visualization.draw import save_picture

    rules = {"dataset": args.dataset, "constraint": args.constraint, "rank": args.rank}
    comparison = Comparison(_files(args.files), **rules)
    comparison.check(args.image_id)
    chosen = {
        image_id.replace("/", "_").removesuffix(".png"): image_id for image_id in args.image_id
    }
    PathManager.mkdirs(args.output)
    for name, image_id in (chosen or comparison.best_and_worst(args.num_frames)).items():
        path = os.path.join(args.output, f"{name}.png")
        save_picture(comparison.draw(image_id), path)
        recalls = (f"{title} {100 * r:.1f} %" for title, r in comparison.recalls(image_id).items())
        print(f"{path}: {image_id}, {', '.join(recalls)}")


def _files(arguments: list[str]) -> dict:
    """The opened files by the titles of their columns."""
    from vost_sgg.evaluation import PredictionFile
    from vost_sgg.evaluation.runs import split_name

    files = {}
    for argument in arguments:
        name, path = split_name(argument)
        file = PredictionFile(path)
        title = name or file.header.method
        if title in files:
            raise ValueError(
                f"{files[title].path} and {path} are both of {title}: give one another title, NAME={path}"
            )
        files[title] = file
    return files


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("files", nargs="+", metavar="FILE", help="prediction files, ours first")
    add("--output", required=True, metavar="FOLDER", help="where a PNG a frame is written")
    add(
        "--num-frames",
        type=int,
        default=3,
        choices=range(1, 101),
        metavar="N",
        help="of the best frames and of the worst (default: %(default)s)",
    )
    add(
        "--image-id",
        nargs="+",
        default=[],
        metavar="ID",
        help="these frames instead, such as 001YG.mp4/000089.png",
    )
    add("--dataset", default="", metavar="NAME", help="default: what the first file names")
    add(
        "--constraint",
        default="with",
        choices=["with", "with_per_pair", "semi", "no"],
        help="what counts as predicted (default: %(default)s)",
    )
    add(
        "--rank",
        type=int,
        default=10,
        choices=[10, 20, 50, 100],
        help="K of the recall: the first K triplets are drawn (default: %(default)s)",
    )
    return parser


if __name__ == "__main__":
    main()
