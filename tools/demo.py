"""Runs a trained model on your own video, images or camera and writes what it sees.

    python tools/demo.py --config-file configs/sample/oed_sgdet.yaml --video-input a.mp4 --output out/ \\
        --opts MODEL.WEIGHTS output/sample/oed_sgdet/temporal/model_final.pth
    python tools/demo.py --config-file configs/oed_sgdet.yaml --input *.jpg --output out/ --opts MODEL.WEIGHTS FILE

Into the folder --output: annotated.mp4, scene_graphs.json, scene_graphs.graphml, segments.json and report.html with its
video.mp4 (docs/demo.md). The folder appears when all of them are there.
"""

import argparse
import os

ANNOTATED, GRAPHS, GRAPHML = "annotated.mp4", "scene_graphs.json", "scene_graphs.graphml"
# The report draws boxes of its own, so it plays a video without any.
SEGMENTS, REPORT, PLAIN = "segments.json", "report.html", "video.mp4"


def main(argv: list[str] | None = None) -> None:
    args = _parser().parse_args(argv)
    # Only now, so that --help needs no seconds.
    import yaml
    from detectron2.utils.logger import setup_logger

    from vost_sgg.engine.launching import SETUP_ERRORS, user_errors

    setup_logger(name="fvcore")
    setup_logger(name="vost_sgg")
    with user_errors(*SETUP_ERRORS, AssertionError, yaml.YAMLError):
        run(args)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config-file", required=True, metavar="FILE", help="an SGDET YAML")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--video-input", metavar="FILE", help="a video")
    source.add_argument(
        "--input", nargs="+", metavar="FILE", help="images in their order, a folder, or a pattern"
    )
    source.add_argument(
        "--webcam", action="store_true", help="the first camera, until Ctrl-C is pressed"
    )
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for the results")
    parser.add_argument(
        "--confidence",
        "--confidence-threshold",
        type=_share,
        default=0.3,
        metavar="SCORE",
        help="least score of a triplet, 0 to 1 (default: %(default)s)",
    )
    parser.add_argument(
        "--every", type=_count, default=1, metavar="N", help="only each N-th frame (default: 1)"
    )
    parser.add_argument(
        "--priors",
        default="auto",
        choices=["auto", "cache", "vlm", "none"],
        help="where a model with priors (DSQI, VOST-SGG) takes them from (default: auto, the first that there is)",
    )
    parser.add_argument(
        "--opts", nargs=argparse.REMAINDER, default=[], metavar="KEY VALUE", help="config keys"
    )
    return parser


def _share(text: str) -> float:
    if not 0 <= float(text) <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not in 0 to 1")
    return float(text)


def _count(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return int(text)


def run(args: argparse.Namespace) -> None:
    """All of it; bad input raises before anything is written."""
    from vost_sgg.config import get_vost_cfg
    from vost_sgg.engine.launching import import_parts, with_available_device
    from vost_sgg.engine.new_folder import check_new_folder, new_folder
    from vost_sgg.engine.predictor import SceneGraphPredictor, check_runs_on_videos

    check_new_folder(args.output)
    cfg, notice = with_available_device(get_vost_cfg(args.config_file, args.opts), num_gpus=1)
    if notice:
        print(notice)
    import_parts(cfg)
    check_runs_on_videos(cfg)
    frames, name = _source(args)
    predictor = SceneGraphPredictor(cfg, threshold=args.confidence, priors=args.priors)
    with new_folder(args.output) as folder:
        document = _watch(predictor, frames, name, args, folder)
        document["model"] = {
            "config": args.config_file,
            "weights": cfg.MODEL.WEIGHTS,
            "method": cfg.MODEL.EVALUATOR.METHOD or cfg.MODEL.META_ARCHITECTURE,
            "priors": predictor.priors,
        }
        _write(document, folder, name)
    _say(document, frames, args.output)


def _source(args: argparse.Namespace):
    """The frames and a name for them."""
    import glob

    from vost_sgg.data.frame_sources import ImageFrames, VideoFrames, open_camera, open_source

    if args.webcam:
        return open_camera(every=args.every), "camera"
    if args.video_input:
        if os.path.isdir(args.video_input):
            raise ValueError(
                f"--video-input {args.video_input} is a folder: use --input for images"
            )
        return VideoFrames(args.video_input, every=args.every), os.path.basename(args.video_input)
    if len(args.input) == 1 and os.path.isdir(args.input[0]):
        return open_source(args.input[0], every=args.every), os.path.basename(
            os.path.abspath(args.input[0])
        )
    files = args.input
    if len(files) == 1 and not os.path.exists(files[0]):
        files = sorted(glob.glob(os.path.expanduser(files[0])))
        if not files:
            raise FileNotFoundError(f"--input {args.input[0]}: there is no such image")
    return ImageFrames(files, every=args.every), os.path.basename(files[0])


def _watch(predictor, frames, name: str, args: argparse.Namespace, folder: str) -> dict:
    """Writes both videos, and returns what there is to say of every frame."""
    from contextlib import ExitStack
    from dataclasses import asdict

    from tqdm import tqdm

    from vost_sgg.data.frame_sources import of_one_size
    from vost_sgg.visualization.overlay import OverlayPainter
    from vost_sgg.visualization.video_writer import VideoWriter

    graphs, fps, end = [], frames.fps / args.every, 0.0
    shown = of_one_size(_until_interrupted(frames) if args.webcam else frames)
    with ExitStack() as stack:
        bar = stack.enter_context(tqdm(total=frames.total, unit="frame", desc=name))
        for frame, graph in predictor.run(shown, video_id=name):
            if not graphs:
                paint = OverlayPainter(person=predictor.vocabulary.person, size=graph.size)
                annotated, plain = (
                    stack.enter_context(
                        VideoWriter(os.path.join(folder, file), size=graph.size, fps=fps)
                    )
                    for file in (ANNOTATED, PLAIN)
                )
            annotated.write(paint(frame.image, graph), graph.time, graph.duration)
            plain.write(frame.image, graph.time, graph.duration)
            graphs.append(graph.to_json())
            end = graph.time + graph.duration
            size = graph.size
            bar.update()
    video = {"file": ANNOTATED, "width": size[0], "height": size[1], "fps": round(fps, 4)}
    return {
        "format": "vost_sgg scene graphs",
        "version": 1,
        "video": {**video, "frames": len(graphs), "duration": round(end, 4)},
        "vocabulary": asdict(predictor.vocabulary),
        "frames": graphs,
    }


def _until_interrupted(frames):
    """The frames until Ctrl-C, which then ends the recording and not the process."""
    import signal

    asked = []
    before = signal.signal(signal.SIGINT, lambda *_: asked.append(True))
    try:
        for frame in frames:
            yield frame
            if asked:
                return
    finally:
        signal.signal(signal.SIGINT, before)


def _write(document: dict, folder: str, name: str) -> None:
    import json

    from vost_sgg.scene_graph import segments, write_graphml
    from vost_sgg.visualization.report import write_report

    video = document["video"]
    about = {"format": "vost_sgg segments", "version": 1, "video": video}
    rows = segments(document["frames"], end=video["duration"])
    for file, content in ((GRAPHS, document), (SEGMENTS, {**about, "segments": rows})):
        with open(os.path.join(folder, file), "w") as f:
            json.dump(content, f)
    write_graphml(os.path.join(folder, GRAPHML), document["frames"])
    report = os.path.join(folder, REPORT)
    write_report(report, document, video=os.path.join(folder, PLAIN), title=name)


def _say(document: dict, frames, output: str) -> None:
    relations = sum(len(frame["relations"]) for frame in document["frames"])
    counts = {"frame": len(document["frames"]), "relation": relations}
    said = ", ".join(f"{n} {noun}{'' if n == 1 else 's'}" for noun, n in counts.items())
    if frames.damaged:
        print(f"warning: {frames.damaged} packets or frames of the video are damaged and left out")
    print(f"{said}. Open {os.path.join(output, REPORT)}")


if __name__ == "__main__":
    main()
