"""What is in a cache of answers: a report of a split, and a check of it against the data set."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from detectron2.utils.file_io import PathManager

from vost_sgg.vlm.boxes import BoxFrame
from vost_sgg.vlm.cache import CacheError, CacheLine, Key, read_video, video_path
from vost_sgg.vlm.manifest import read_manifest
from vost_sgg.vlm.parser import ParseReport
from vost_sgg.vlm.prompts import Prompt, build_prompts
from vost_sgg.whole_files import write_whole

NAME = "report.json"
# Lines of a list that are printed; the file on disk has all of them.
SHOWN = 10


@dataclass
class ExtractionReport:
    """The state of a split's cache.

    Args:
        videos, frames: of the data set (or the shard) that was looked at.
        unfinished: videos without a finished file.
        skipped: frames that could not be read, with the reason.
        bytes: of the finished files.
        answers: how well the answers could be read.
    """

    videos: int = 0
    frames: int = 0
    unfinished: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    bytes: int = 0
    answers: ParseReport = field(default_factory=ParseReport)

    def describe(self) -> str:
        """For the screen."""
        done = self.videos - len(self.unfinished)
        lines = [f"{done:,} of {self.videos:,} videos are complete, {self.frames:,} frames in them"]
        lines.append(self.answers.describe())
        named = ", ".join(f"{count:,} {group}" for group, count in self.answers.named.items())
        lines.append(
            f"predicates named: {named}; {self.bytes / max(1, self.frames):,.0f} bytes a frame"
        )
        return "\n".join(lines + left_out(self.skipped, self.unfinished))

    def write(self, folder: str) -> str:
        """Writes ``report.json`` with the whole lists; returns its path."""
        path = os.path.join(folder, NAME)
        document = {
            **vars(self),
            "answers": dict(self.answers.statuses),
            "issues": dict(sorted(self.answers.issues.items())),
            "named": dict(self.answers.named),
        }
        write_whole(path, json.dumps(document, indent=2).encode())
        return path


def left_out(skipped: Mapping[str, str], unfinished: Sequence[str]) -> list[str]:
    """The lines of a report about frames that could not be read and videos that are not finished."""
    lists = {"unreadable frames, skipped": list(skipped), "unfinished": list(unfinished)}
    return [
        f"{len(names):,} {title}: {', '.join(names[:SHOWN])}{', ...' * (len(names) > SHOWN)}"
        for title, names in lists.items()
        if names
    ]


def report_on(folder: str, videos: Sequence[Sequence[Mapping]]) -> ExtractionReport:
    """Counts what the finished files of ``videos`` hold. Raises CacheError if one of them is corrupt."""
    report = ExtractionReport(videos=len(videos))
    for frames in videos:
        video_id = frames[0]["video_id"]
        path = video_path(folder, video_id)
        if not PathManager.isfile(path):
            report.unfinished.append(video_id)
            continue
        report.frames += len(frames)
        report.bytes += os.path.getsize(PathManager.get_local_path(path))
        for line in read_video(folder, video_id):
            if line.error is None:
                report.answers.add(line.parse)
            else:
                report.skipped[line.frame] = line.error
    return report


def verify(folder: str, videos: Sequence[Sequence[Mapping]], task: str, metadata) -> list[str]:
    """Every way in which a cache is not what the data set asks for, a sentence each; [] if it is complete.

    The backend is not needed: the manifest and the answers have what a prompt depends on.
    """
    kind = read_manifest(folder).get("box_frame", "")
    problems = []
    for frames in videos:
        video_id = frames[0]["video_id"]
        try:
            lines = {line.key: line for line in read_video(folder, video_id)}
            problems += _differences(lines, frames, task, metadata, kind)
        except CacheError as error:
            problems.append(str(error))
    return problems


def answers_to_others(
    folder: str, videos: Sequence[Sequence[Mapping]], task: str, metadata
) -> list[Key]:
    """The answers that are to another prompt than the data set has now, or about a frame or pair that it does not have.

    Raises:
        CacheError: a file is damaged.
    """
    kind = read_manifest(folder).get("box_frame", "")
    others = []
    for frames in videos:
        path = video_path(folder, frames[0]["video_id"])
        lines = read_video(folder, frames[0]["video_id"]) if PathManager.isfile(path) else []
        asked = _prompts(lines, frames, task, metadata, kind)
        hashes = {key: prompt.hash for key, prompt in asked.items()}
        others += [line.key for line in lines if hashes.get(line.key) != line.prompt]
    return others


def _prompts(
    lines: Iterable[CacheLine], frames: Sequence[Mapping], task: str, metadata, kind: str
) -> dict[Key, Prompt]:
    """The prompts about those frames that have a line, which says how large the model saw them."""
    sizes = {line.frame: line.size for line in lines}
    prompts = [
        prompt
        for record in frames
        if (size := sizes.get(record["image_id"])) is not None
        for prompt in build_prompts(task, record, metadata, box_frame=kind, processed_size=size)
    ]
    return {(prompt.image_id, prompt.pair): prompt for prompt in prompts}


def _differences(
    lines: dict[Key, CacheLine], frames: Sequence[Mapping], task: str, metadata, kind: str
) -> list[str]:
    asked = _prompts(lines.values(), frames, task, metadata, kind)
    seen = {line.frame for line in lines.values()}
    problems = [f"{r['image_id']}: no answer" for r in frames if r["image_id"] not in seen]
    for key, prompt in asked.items():
        problems += _about(key, lines.get(key), prompt)
    spare = [key for key in lines if key not in asked]
    return problems + [f"{frame}, pair {pair}: not in the data set" for frame, pair in spare]


def _about(key, line: CacheLine | None, prompt) -> list[str]:
    name = f"{key[0]}" + (f", pair {key[1]}" if key[1] else "")
    if line is None:
        return [f"{name}: no answer"]
    if line.prompt != prompt.hash:
        return [f"{name}: the answer is to another prompt"]
    if line.error:
        return [f"{name}: not asked: {line.error}"]
    boxes = [line.parse.person_box, *(relation.box for relation in line.parse.relations)]
    if any(box and not _inside(box, prompt.boxes) for box in boxes):
        return [f"{name}: a box outside the frame"]
    return []


def _inside(box, frame: BoxFrame) -> bool:
    x0, y0, x1, y1 = box
    return 0 <= x0 < x1 <= frame.size[0] and 0 <= y0 < y1 <= frame.size[1]
