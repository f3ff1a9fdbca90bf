"""The answers on disk: ``<cache>/<data set>/<backend tag>/<task>/<video>.jsonl``, one line a prompt.

A video's answers are appended to ``<video>.jsonl.part`` and renamed when they are complete. docs/vlm.md has the fields.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from detectron2.config import CfgNode
from detectron2.utils.file_io import PathManager

from vost_sgg.vlm.answers import EMPTY, Answer, Relation
from vost_sgg.vlm.backend import backend_tag

SUFFIX = ".jsonl"
PART = ".part"
# What a prompt is known by within a video: the frame, and the pair or None.
Key = tuple[str, tuple[int, int] | None]


class CacheError(ValueError):
    """A cache that cannot be used as it is; the message says which file and what to do."""


@dataclass(frozen=True)
class CacheLine:
    """One prompt and its answer.

    Args:
        frame: image id, such as "VIDEO.mp4/000089.png".
        pair: rows (person, object) of the frame's boxes (PredCLS), else None.
        prompt: hash of the prompt's text.
        size: (width, height) of the image as the model saw it.
        response: raw text; None if the frame could not be read, and then ``error`` says why.
        parse: what the parser read.
    """

    frame: str
    pair: tuple[int, int] | None
    prompt: str
    size: tuple[int, int]
    response: str | None
    parse: Answer
    error: str | None = None

    @property
    def key(self) -> Key:
        return self.frame, self.pair

    def to_text(self) -> str:
        """One line of JSON in ASCII, with its line break."""
        document = {**vars(self), "parse": self.parse.to_json()}
        if self.error is None:
            del document["error"]
        return json.dumps(document) + "\n"

    @classmethod
    def from_text(cls, text: str) -> "CacheLine":
        """Raises ValueError if ``text`` is no such line."""
        try:
            fields = json.loads(text)
            fields["parse"] = Answer.from_json(fields["parse"])
            fields["pair"] = None if fields["pair"] is None else tuple(fields["pair"])
            line = cls(**{**fields, "size": tuple(fields["size"])})
            if not isinstance(line.frame, str) or not isinstance(line.prompt, str):
                raise TypeError("frame and prompt are texts")
            return line
        except (TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ValueError(str(error)) from None


@dataclass(frozen=True)
class FrameAnswers:
    """All that a VLM said of one frame.

    Args:
        relations: as :class:`Answer`'s; PredCLS in the order of the frame's pairs.
        person_row, person_box: as :class:`Answer`'s.
        asked, empty: prompts of the frame, and those of them without a usable answer.
    """

    relations: tuple[Relation, ...] = ()
    person_row: int | None = None
    person_box: tuple[float, float, float, float] | None = None
    asked: int = 0
    empty: int = 0

    @classmethod
    def merge(cls, answers: list[Answer]) -> "FrameAnswers":
        """From the answers to a frame's prompts."""
        rows = [a.person_row for a in answers if a.person_row is not None]
        boxes = [a.person_box for a in answers if a.person_box is not None]
        return cls(
            relations=tuple(relation for answer in answers for relation in answer.relations),
            person_row=rows[0] if rows else None,
            person_box=boxes[0] if boxes else None,
            asked=len(answers),
            empty=sum(answer.status == EMPTY for answer in answers),
        )

    def about(self, pairs: np.ndarray) -> list[Relation]:
        """PredCLS: what is said of each of the (K, 2) given pairs; an empty relation where nothing is."""
        by_row = {relation.row: relation for relation in self.relations}
        return [by_row.get(row, Relation()) for row in pairs[:, 1].tolist()]

    def with_person(self) -> tuple[np.ndarray, list[Relation]]:
        """SGCLS: (x, 2) int64 rows of the box called the person and of each object named, and what is said of them;
        none if no box is called the person.
        """
        person = self.person_row
        relations = [r for r in self.relations if person is not None and r.row != person]
        return np.array([[person, r.row] for r in relations], np.int64).reshape(-1, 2), relations


def cache_folder(cfg: CfgNode, dataset_name: str) -> str:
    """Where the answers of the config's VLM to the config's task lie for one data set; nothing is loaded."""
    root = os.path.expanduser(os.path.expandvars(cfg.MODEL.VLM.CACHE))
    return os.path.join(root, dataset_name, backend_tag(cfg), cfg.MODEL.TASK)


def video_path(folder: str, video_id: str) -> str:
    """Where the finished file of a video is, or will be."""
    return os.path.join(folder, video_id + SUFFIX)


def scan(path: str) -> tuple[list[CacheLine], list[int], int]:
    """Reads what can be read of a file of answers.

    Returns:
        lines: the good ones, in order.
        corrupt: numbers, from 1, of those that are none.
        end: bytes up to the last line break; what is behind it was cut off while it was written.
    """
    with PathManager.open(path, "rb") as file:
        content = file.read()
    end = content.rfind(b"\n") + 1
    lines, corrupt = [], []
    for number, text in enumerate(content[:end].split(b"\n")[:-1], start=1):
        try:
            lines.append(CacheLine.from_text(text.decode("ascii")))
        except ValueError:
            corrupt.append(number)
    return lines, corrupt, end


def finished_path(folder: str, video_id: str) -> str:
    """The finished file of a video. Raises CacheError if there is none."""
    path = video_path(folder, video_id)
    if not PathManager.isfile(path):
        state = "is not finished" if PathManager.isfile(path + PART) else "has no answers"
        raise CacheError(f"{path}: the video {state}; run tools/extract_vlm.py again, it goes on")
    return path


def read_video(folder: str, video_id: str) -> list[CacheLine]:
    """The finished answers of a video.

    Raises:
        CacheError: they are missing, unfinished or corrupt.
    """
    path = finished_path(folder, video_id)
    lines, corrupt, end = scan(path)
    if end != os.path.getsize(PathManager.get_local_path(path)):
        corrupt.append(len(lines) + len(corrupt) + 1)
    if corrupt:
        raise CacheError(
            f"{path}, line {corrupt[0]}: no answer as tools/extract_vlm.py writes them; rename the file to end in "
            f"{SUFFIX}{PART} and run tools/extract_vlm.py again: only what cannot be read is asked again"
        )
    return lines


class AnswerCache:
    """The finished answers of one folder, read video by video.

    Args:
        folder: of ``cache_folder``.

    Raises:
        CacheError: there is no such folder, or no answer in it.
    """

    def __init__(self, folder: str):
        self.folder = folder
        if not PathManager.isdir(folder) or not self.videos():
            raise CacheError(
                f"{folder}: there are no answers of this VLM to this task; extract them with tools/extract_vlm.py, or "
                "set MODEL.VLM.CACHE to the folder where they are"
            )

    def videos(self) -> list[str]:
        """The video ids that are complete."""
        names = PathManager.ls(self.folder)
        return sorted(name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX))

    def frames(self, video_id: str) -> dict[str, FrameAnswers]:
        """The answers about each frame of a video, by image id. Raises CacheError as :func:`read_video`."""
        grouped: dict[str, list[Answer]] = {}
        for line in read_video(self.folder, video_id):
            grouped.setdefault(line.frame, []).append(line.parse)
        return {frame: FrameAnswers.merge(answers) for frame, answers in grouped.items()}

    def __iter__(self) -> Iterator[tuple[str, FrameAnswers]]:
        for video_id in self.videos():
            yield from self.frames(video_id).items()
