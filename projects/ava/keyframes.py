"""Dumps AVA's keyframes from its clips, one PNG file a second.

    python -m projects.ava.keyframes --root datasets/ava
    python -m projects.ava.keyframes --root datasets/ava --split val --workers 8

Only keyframes in which a person does one of the seven actions (projects/ava/README.md) are dumped. A clip is
ROOT/videos_15min/ID.*, cut from second 900 as usual, or else ROOT/videos/ID.*, the whole movie. Run again, it goes on
with what is not there; clips that are missing or too short are listed in ROOT/frames/report_SPLIT.json.
"""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping

# Folder -> second of the movie with which its files begin.
CLIP_FOLDERS = {"videos_15min": 900, "videos": 0}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", required=True, help="folder with annotations/ and the clips")
    parser.add_argument("--split", choices=["train", "val"], help="only this one (default: both)")
    parser.add_argument("--workers", type=int, default=2, help="clips at a time (default: 2)")
    args = parser.parse_args(argv)
    # Only now, so that --help needs no seconds.
    from projects.ava.annotations import SPLITS

    try:
        for split in [args.split] if args.split else SPLITS:
            print(describe(dump_keyframes(args.root, split, workers=args.workers), split))
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def dump_keyframes(root: str, split: str, *, workers: int = 1) -> dict:
    """Dumps a split's keyframes that are not there yet, as ``root/frames/<video>/<second, 6 digits>.png``.

    Returns:
        What is in ``root/frames/report_<split>.json``: numbers of ``keyframes`` and ``written`` ones; videos without a
        clip (``missing_clips``); by video why a clip failed (``failed``), seconds that a clip does not have
        (``missing_keyframes``), and packets that did not decode (``damaged``).

    Raises:
        FileNotFoundError, ValueError: as ``read_annotations``.
    """
    from projects.ava.annotations import read_annotations
    from vost_sgg.whole_files import write_whole

    seconds: dict[str, list[int]] = {}
    for video, second in read_annotations(os.path.join(root, "annotations"), split).overlapping():
        seconds.setdefault(video, []).append(second)
    report = {
        "keyframes": sum(map(len, seconds.values())), "written": 0,
        "missing_clips": [], "failed": {}, "missing_keyframes": {}, "damaged": {},
    }  # fmt: skip
    clips, tasks = find_clips(root), []
    for video, wanted in seconds.items():
        folder = os.path.join(root, "frames", video)
        absent = [s for s in wanted if not os.path.isfile(os.path.join(folder, png_name(s)))]
        if absent and video not in clips:
            report["missing_clips"].append(video)
        elif absent:
            tasks.append((*clips[video], absent, folder))
    for video, result in _dumped(tasks, workers):
        _note(report, video, result)
    os.makedirs(os.path.join(root, "frames"), exist_ok=True)
    path = os.path.join(root, "frames", f"report_{split}.json")
    write_whole(path, json.dumps(report, indent=1).encode())
    return report


def find_clips(root: str) -> dict[str, tuple[str, int]]:
    """Video id -> path of its clip and the second of the movie with which it begins; a cut clip goes before a movie."""
    clips: dict[str, tuple[str, int]] = {}
    for name, start in CLIP_FOLDERS.items():
        folder = os.path.join(root, name)
        for file in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            clips.setdefault(os.path.splitext(file)[0], (os.path.join(folder, file), start))
    return clips


def png_name(second: int) -> str:
    """The name of a keyframe's file."""
    return f"{second:06d}.png"


def dump_clip(clip: str, start: int, seconds: Iterable[int], folder: str):
    """Writes the frames at ``seconds`` of the movie into ``folder``; what is in it already stays.

    Args:
        clip: a video that begins at second ``start``.

    Returns:
        The ``DumpedVideo``, whose ``missing`` are seconds.

    Raises:
        ValueError: the clip cannot be read, or a second is before its start.
    """
    from vost_sgg.data.dump import PARTIAL, dump_video

    early = [second for second in seconds if second < start]
    if early:
        raise ValueError(f"{clip} begins at second {start}, keyframe {early[0]} is before it")
    rate = _frame_rate(clip)
    second_of = {round((second - start) * rate) + 1: second for second in seconds}
    numbered = os.path.join(
        os.path.dirname(folder), f".{os.path.basename(folder)}.{os.getpid()}.numbered{PARTIAL}"
    )
    try:
        dumped = dump_video(clip, list(second_of), numbered)
        os.makedirs(folder, exist_ok=True)
        for number, second in second_of.items():
            if number not in dumped.missing:
                source = os.path.join(numbered, f"{number:06d}.png")
                os.replace(source, os.path.join(folder, png_name(second)))
    finally:
        shutil.rmtree(numbered, ignore_errors=True)
    dumped.missing = [second_of[number] for number in dumped.missing]
    return dumped


def _frame_rate(clip: str):
    """Frames a second by which ``dump_video`` numbers them, from 1."""
    from vost_sgg.data.video import nominal_rate, open_video

    container, stream = open_video(clip)
    with container:
        return nominal_rate(stream)


def describe(report: Mapping, split: str) -> str:
    """The report in a few lines."""
    lines = [
        f"{split}: {report['keyframes']:,} keyframes, {report['written']:,} of them written now"
    ]
    for key, text in (
        ("missing_clips", "clips are missing"),
        ("failed", "clips cannot be read"),
        ("missing_keyframes", "clips end before their last keyframe"),
        ("damaged", "clips are damaged; frames in them may repeat or be garbled"),
    ):
        if report[key]:
            lines.append(f"  {len(report[key]):,} {text}, such as {next(iter(report[key]))}")
    return "\n".join(lines)


def _dumped(tasks: list[tuple], workers: int):
    """Each task's video with its result or its exception."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor, as_completed

    from tqdm import tqdm

    videos = [os.path.basename(folder) for *_, folder in tasks]
    with tqdm(total=len(tasks), desc="keyframes", unit="clip", disable=not tasks) as bar:
        if workers <= 1 or len(tasks) <= 1:
            for video, task in zip(videos, tasks, strict=True):
                yield video, _result(task)
                bar.update()
            return
        # Not forked: a forked process inherits OpenCV's thread pool without its threads.
        with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
            futures = {pool.submit(_result, task): v for v, task in zip(videos, tasks, strict=True)}
            for future in as_completed(futures):
                yield futures[future], future.result()
                bar.update()


def _result(task: tuple):
    try:
        return dump_clip(*task)
    except ValueError as error:
        return error


def _note(report: dict, video: str, result) -> None:
    if isinstance(result, ValueError):
        report["failed"][video] = str(result)
        return
    report["written"] += result.written
    if result.missing:
        report["missing_keyframes"][video] = result.missing
    if result.damaged:
        report["damaged"][video] = result.damaged


if __name__ == "__main__":
    sys.exit(main())
