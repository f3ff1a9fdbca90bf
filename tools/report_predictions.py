"""Writes the report of a data set's video: what a prediction file says of it against the annotation.

    python tools/report_predictions.py FILE --video 54LZP.mp4 --output report.html

FILE is a prediction file (docs/prediction_file.md), which every evaluation writes. The page shows each annotated frame
with its graph, and tells hits, misses and false alarms apart (docs/report.md).
"""

import argparse


def main(argv: list[str] | None = None) -> None:
    args = _parser().parse_args(argv)
    # Only now, so that --help needs no seconds.
    from vost_sgg.data.mapper import FrameError
    from vost_sgg.engine.launching import SETUP_ERRORS, user_errors

    with user_errors(*SETUP_ERRORS, FrameError):
        run(args)


def run(args: argparse.Namespace) -> None:
    """Writes the report, and prints where it is."""
    from detectron2.data import MetadataCatalog

    import vost_sgg.data  # noqa: F401  registers the data sets
    from vost_sgg.data.loaders import check_datasets, read_datasets
    from vost_sgg.engine.judged_video import judged_document
    from vost_sgg.evaluation.prediction_file import PredictionFile
    from vost_sgg.evaluation.rescoring import check_frames, check_vocabulary
    from vost_sgg.registry import nearest
    from vost_sgg.visualization.report import write_report
    from vost_sgg.vlm.words import Vocabulary

    file = PredictionFile(args.file)
    dataset = args.dataset or file.header.dataset
    check_datasets([dataset], "the data set of the predictions")
    metadata = MetadataCatalog.get(dataset)
    check_vocabulary(file, metadata)
    (records,) = read_datasets([dataset])
    check_frames(file, {record["image_id"] for record in records})
    shown = [record for record in records if record["video_id"] == args.video]
    if not shown:
        videos = {record["video_id"] for record in records}
        raise ValueError(f"--video {args.video}: {dataset} has none; {nearest(args.video, videos)}")
    document = judged_document(file, shown, Vocabulary.of(metadata), args.confidence)
    images = {record["frame_index"]: record["file_name"] for record in shown}
    write_report(args.output, document, frames=images, title=f"{args.video} of {dataset}")
    print(f"{len(shown)} frames. Open {args.output}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("file", metavar="FILE", help="a prediction file")
    add("--video", required=True, metavar="ID", help="a video of the data set, such as 54LZP.mp4")
    add("--output", required=True, metavar="HTML", help="the report")
    add(
        "--confidence",
        type=float,
        default=0.3,
        metavar="SCORE",
        help="least score of a triplet (default: %(default)s); the page can raise it",
    )
    add("--dataset", default="", metavar="NAME", help="default: what the file names")
    return parser


if __name__ == "__main__":
    main()
