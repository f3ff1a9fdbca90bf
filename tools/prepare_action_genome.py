"""Dumps the annotated frames of Action Genome from the Charades videos, or verifies those that are there.

    python tools/prepare_action_genome.py            # videos/*.mp4 -> frames/*.mp4/*.png
    python tools/prepare_action_genome.py --verify   # every frame: there, readable, of the annotated size
    python tools/prepare_action_genome.py --shard 3/16   # one of 16 jobs on as many machines

It can be interrupted at any time and run again: finished videos are not touched. datasets/README.md says where the
annotations and the videos come from.
"""

import argparse
import glob
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterable, Iterator

from vost_sgg.command_lines import add_shard
from vost_sgg.errors import error_text

# Lines of a list that are printed; the report on disk has all of them.
SHOWN = 10


def main(argv: list[str] | None = None) -> int:
    """Returns the exit status: 0 if everything is there, 1 if anything is missing or broken."""
    args = _parser().parse_args(argv)
    try:
        return (verify if args.verify else dump)(args.root, args.workers, args.shard)
    except (OSError, ValueError) as error:
        print("error:", error_text(error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped: what is finished stays; run it again to go on.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--root",
        default=os.path.join(os.getenv("DETECTRON2_DATASETS", "datasets"), "action_genome"),
        help="folder with annotations/ and videos/; frames/ is made in it (default: %(default)s)",
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=len(os.sched_getaffinity(0)),
        help="processes, one video each at a time (default: %(default)s, the CPU cores)",
    )
    add_shard(parser)
    parser.add_argument("--verify", action="store_true", help="look at the frames, change nothing")
    return parser


def dump(root: str, workers: int, shard: tuple[int, int] = (0, 1)) -> int:
    """Dumps what is not complete yet, and writes ``prepare_report.json``."""
    numbers = _of_shard(_annotated_numbers(root), shard)
    frames = os.path.join(root, "frames")
    os.makedirs(frames, exist_ok=True)
    for leftover in glob.glob(os.path.join(glob.escape(frames), ".*.partial")):
        video = os.path.basename(leftover)[1:].rsplit(".", 2)[0]
        if video in numbers:  # other shards' may be at work
            shutil.rmtree(leftover)
    todo = [v for v in numbers if not _complete(os.path.join(frames, v), numbers[v])]
    videos = os.path.join(root, "videos")
    if todo and not os.path.isdir(videos):
        raise FileNotFoundError(
            f"no folder {videos} with the Charades videos (480 pixels): see datasets/README.md"
        )
    tasks = [(os.path.join(videos, v), numbers[v], os.path.join(frames, v)) for v in todo]
    report = {
        "videos": len(numbers),
        "frames": sum(map(len, numbers.values())),
        "complete_before": len(numbers) - len(todo),
        "dumped": 0,
        "frames_written": 0,
        "failed": [],
        "damaged": [],
    }
    for (video, *_), result in _in_processes(_dump_one, tasks, workers, "dump"):
        _note(report, os.path.basename(video), result)
    for key in ("failed", "damaged"):
        report[key].sort(key=lambda entry: entry["video"])
    path = _report_path(root, "prepare", shard)
    _write_json(path, report)
    _print_dump(report, path)
    return 1 if report["failed"] else 0


def verify(root: str, workers: int, shard: tuple[int, int] = (0, 1)) -> int:
    """Opens every annotated frame, and writes ``verify_report.json``."""
    frames = os.path.join(root, "frames")
    annotated = _of_shard(_annotated_sizes(root), shard)
    tasks = [(frames, video, sizes) for video, sizes in annotated.items()]
    report = {"frames": sum(len(task[2]) for task in tasks), "missing": [], "unreadable": []}
    report["wrong_size"] = []
    for _, result in _in_processes(_verify_one, tasks, workers, "verify"):
        if isinstance(result, Exception):
            raise result
        for kind, entries in result.items():
            report[kind].extend(entries)
    for kind in ("missing", "unreadable", "wrong_size"):
        report[kind].sort(key=str)
    path = _report_path(root, "verify", shard)
    _write_json(path, report)
    _print_verify(report, path)
    return 1 if report["missing"] or report["unreadable"] or report["wrong_size"] else 0


def _of_shard(videos: dict, shard: tuple[int, int]) -> dict:
    """Every N-th video from the I-th, in the order of their names."""
    index, count = shard
    return {video: videos[video] for video in sorted(videos)[index::count]}


def _report_path(root: str, name: str, shard: tuple[int, int]) -> str:
    part = "" if shard[1] == 1 else f"_{shard[0]}_of_{shard[1]}"
    return os.path.join(root, f"{name}_report{part}.json")


def _annotated_numbers(root: str) -> dict[str, list[int]]:
    """Video -> sorted frame numbers, from frame_list.txt."""
    from vost_sgg.data.action_genome import annotation_folder
    from vost_sgg.data.annotation_index import split_key

    path = os.path.join(annotation_folder(root), "frame_list.txt")
    numbers: dict[str, set[int]] = {}
    with open(path) as file:
        for line in filter(None, map(str.strip, file)):
            video, number = split_key(line)
            numbers.setdefault(video, set()).add(number)
    return {video: sorted(numbers[video]) for video in sorted(numbers)}


def _annotated_sizes(root: str) -> dict[str, dict[int, tuple[int, int]]]:
    """Video -> frame number -> (width, height), from the annotations."""
    from vost_sgg.data.action_genome import load_annotation_index
    from vost_sgg.data.annotation_index import split_key

    index = load_annotation_index(root)
    sizes: dict[str, dict[int, tuple[int, int]]] = {}
    for key, size in zip(index.keys, index.sizes.tolist(), strict=True):
        video, number = split_key(key)
        sizes.setdefault(video, {})[number] = tuple(size)
    return sizes


def _complete(folder: str, numbers: list[int]) -> bool:
    return os.path.isdir(folder) and not {_name(n) for n in numbers}.difference(os.listdir(folder))


def _name(number: int) -> str:
    return f"{number:06d}.png"


def _dump_one(video: str, numbers: list[int], folder: str):
    from vost_sgg.data.dump import dump_video

    return dump_video(video, numbers, folder)


def _verify_one(frames: str, video: str, sizes: dict[int, tuple[int, int]]) -> dict[str, list]:
    """What is wrong with the frames of one video. Images of the annotated size are decoded wholly, as training
    reads them."""
    from PIL import Image

    found: dict[str, list] = {"missing": [], "unreadable": [], "wrong_size": []}
    for number, expected in sizes.items():
        name = f"{video}/{_name(number)}"
        try:
            # Only what training reads: Pillow runs Ghostscript on PostScript, whatever it is called.
            with Image.open(os.path.join(frames, name), formats=("PNG", "JPEG")) as image:
                size = image.size
                if size == expected:  # a small file of another size may ask for gigabytes of pixels
                    image.load()
        except FileNotFoundError:
            found["missing"].append(name)
        except Exception as error:  # Pillow raises its own, zlib.error ... too: all is one frame's
            found["unreadable"].append({"frame": name, "reason": str(error)})
        else:
            if size != expected:
                found["wrong_size"].append({"frame": name, "size": size, "annotated": expected})
    return found


def _in_processes(
    function: Callable, tasks: list[tuple], workers: int, description: str
) -> Iterator[tuple[tuple, object]]:
    """Runs ``function(*task)`` for every task; yields each task with its result or its exception."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from concurrent.futures.process import BrokenProcessPool

    from tqdm import tqdm

    if not tasks:
        return
    # Imports are made once, and their memory is shared by all workers.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["vost_sgg.data.dump", "PIL.Image"])
    pool = ProcessPoolExecutor(min(workers, len(tasks)), context, initializer=_follow_parent)
    try:
        futures = {pool.submit(function, *task): task for task in tasks}
        progress = tqdm(as_completed(futures), desc=description, total=len(tasks), unit="video")
        for future in progress:
            error = future.exception()
            if isinstance(error, BrokenProcessPool):
                raise ValueError(
                    "a worker process died (out of memory?): run again, fewer --workers"
                )
            yield futures[future], error or future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _follow_parent() -> None:
    """Lets a worker finish its video on Ctrl-C, and end at once when the main process is killed."""
    import multiprocessing
    import threading

    def watch():
        multiprocessing.parent_process().join()
        os._exit(1)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=watch, daemon=True).start()


def _note(report: dict, video: str, result) -> None:
    if isinstance(result, Exception):
        if isinstance(result, OSError) and not isinstance(result, FileNotFoundError):
            raise result  # a full disk or missing rights: no later video will do better
        report["failed"].append({"video": video, "reason": str(result)})
        return
    report["dumped"] += 1
    report["frames_written"] += result.written
    if result.missing:
        reason = f"the video ends before {len(result.missing)} annotated frames"
        report["failed"].append({"video": video, "reason": reason, "missing": result.missing})
    if result.damaged:
        report["damaged"].append({"video": video, "damaged": result.damaged})


def _write_json(path: str, content: dict) -> None:
    temporary = f"{path}.tmp"
    with open(temporary, "w") as file:
        json.dump(content, file, indent=1)
    os.replace(temporary, path)


def _print_dump(report: dict, path: str) -> None:
    print(
        f"{report['videos']:,} annotated videos: {report['complete_before']:,} were complete, "
        f"{report['dumped']:,} dumped ({report['frames_written']:,} frames), "
        f"{len(report['failed']):,} with missing frames."
    )
    _print_list(f"{entry['video']}: {entry['reason']}" for entry in report["failed"])
    if report["damaged"]:
        print(
            f"{len(report['damaged']):,} videos are damaged; frames in them may repeat or be garbled:"
        )
        _print_list(f"{e['video']}: {e['damaged']} packets or frames" for e in report["damaged"])
    print(f"All of it: {path}")


def _print_verify(report: dict, path: str) -> None:
    wrong = report["wrong_size"]
    print(
        f"{report['frames']:,} annotated frames: {len(report['missing']):,} missing, "
        f"{len(report['unreadable']):,} unreadable, {len(wrong):,} of another size."
    )
    _print_list(f"missing: {name}" for name in report["missing"])
    _print_list(f"unreadable: {e['frame']}: {e['reason']}" for e in report["unreadable"])
    _print_list("{frame}: {size} but annotated {annotated}".format(**entry) for entry in wrong)
    if report["missing"]:
        print("Missing frames are dumped by running this without --verify.")
    if report["unreadable"]:
        print("Unreadable frames are dumped again once they are deleted.")
    if any(_scaled(entry) for entry in wrong):
        print(
            "Frames have the annotated shape at another scale: they are not from the 480-pixel videos "
            "(Charades_v1_480) but from another version, such as the 320-pixel frames of "
            "Charades_v1_rgb; boxes will not fit. Delete frames/ and dump the 480-pixel videos."
        )
    if any(tuple(e["size"]) == tuple(e["annotated"])[::-1] for e in wrong):
        print(
            "Frames have width and height exchanged: they were dumped without the video's rotation."
        )
    print(f"All of it: {path}")


def _scaled(entry: dict) -> bool:
    (width, height), (w, h) = entry["size"], entry["annotated"]
    return width != w and height != h and abs(width * h - height * w) <= max(w, h) * 2


def _print_list(lines: Iterable[str]) -> None:
    lines = list(lines)
    for line in lines[:SHOWN]:
        print("  " + line)
    if len(lines) > SHOWN:
        print(f"  ... and {len(lines) - SHOWN:,} more")


if __name__ == "__main__":
    sys.exit(main())
