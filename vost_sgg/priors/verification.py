"""What is in a folder of features: a report of a split, and a check of it against data set and answers."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from detectron2.utils.file_io import PathManager

from vost_sgg.priors.files import VideoFile, answers_digest, features_path
from vost_sgg.priors.pairs import FramePairs, frame_pairs
from vost_sgg.vlm.cache import AnswerCache, CacheError, FrameAnswers
from vost_sgg.vlm.manifest import read_manifest
from vost_sgg.vlm.verification import NAME, left_out
from vost_sgg.vlm.words import Vocabulary
from vost_sgg.whole_files import write_whole


@dataclass
class FeatureReport:
    """The state of a split's features.

    Args:
        videos, frames: of the data set (or the shard) that was looked at; ``frames`` of finished videos only.
        pairs, regions: stored.
        empty_frames: frames without a pair.
        unnamed_pairs: pairs without a predicate.
        boxless_pairs: pairs without a box of subject or object.
        bytes: of the finished files.
        random_weights: whether CLIP's weights were random.
        unfinished: videos without a file.
        skipped: frames that could not be read, with the reason.
    """

    videos: int = 0
    frames: int = 0
    pairs: int = 0
    regions: int = 0
    empty_frames: int = 0
    unnamed_pairs: int = 0
    boxless_pairs: int = 0
    bytes: int = 0
    random_weights: bool = False
    unfinished: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    def describe(self) -> str:
        """For the screen."""
        done = self.videos - len(self.unfinished)
        lines = [
            f"{done:,} of {self.videos:,} videos are complete, {self.frames:,} frames in them",
            f"{self.pairs:,} pairs, {self.unnamed_pairs:,} of them without a predicate and {self.boxless_pairs:,} "
            f"without both boxes; {self.empty_frames:,} frames without a pair",
            f"{self.regions:,} regions, {self.bytes / max(1, self.frames):,.0f} bytes a frame",
        ]
        if self.random_weights:
            lines.append("CLIP has random weights: these features have no meaning")
        return "\n".join(lines + left_out(self.skipped, self.unfinished))

    def write(self, folder: str) -> str:
        """Writes ``report.json`` with the whole lists; returns its path."""
        path = os.path.join(folder, NAME)
        write_whole(path, json.dumps(vars(self), indent=2).encode())
        return path

    def add(self, file: VideoFile) -> None:
        self.frames += len(file.frame_numbers)
        self.pairs += len(file.pairs)
        self.regions += int(file.region_starts[-1])
        self.empty_frames += int((np.diff(file.pair_starts) == 0).sum())
        self.unnamed_pairs += int((~file.predicates.any(1)).sum())
        self.boxless_pairs += int((file.boxes[..., 2:] <= 0).any((1, 2)).sum())
        self.skipped.update(file.skipped)


def report_on(folder: str, videos: Sequence[Sequence[Mapping]]) -> FeatureReport:
    """Counts what the files of ``videos`` hold. Raises CacheError if one of them is damaged."""
    manifest = read_manifest(folder)
    report = FeatureReport(videos=len(videos), random_weights=manifest["random_weights"])
    for frames in videos:
        path = features_path(folder, frames[0]["video_id"])
        if PathManager.isfile(path):
            report.bytes += os.path.getsize(PathManager.get_local_path(path))
            report.add(VideoFile(path))
        else:
            report.unfinished.append(frames[0]["video_id"])
    return report


def verify(
    folder: str,
    videos: Sequence[Sequence[Mapping]],
    task: str,
    answers: AnswerCache,
    vocabulary: Vocabulary,
) -> list[str]:
    """Every way in which the features are not those of the data set and the answers, a sentence each; [] if complete.

    CLIP is not needed: embeddings are checked to be finite, of length one and as many as there are regions.
    """
    problems = []
    for frames in videos:
        video_id = frames[0]["video_id"]
        try:
            file = VideoFile(features_path(folder, video_id))
            if file.answers != answers_digest(answers.folder, video_id):
                problems.append(f"{video_id}: the VLM's answers changed since; delete its features")
            else:
                problems += _differences(file, frames, task, answers.frames(video_id), vocabulary)
        except (CacheError, OSError) as error:
            problems.append(str(error))
    return problems


def _differences(
    file: VideoFile, frames: Sequence[Mapping], task: str, answers: dict, vocabulary: Vocabulary
) -> list[str]:
    video_id = frames[0]["video_id"]
    problems = [f"{name}: no regions: {reason}" for name, reason in file.skipped.items()]
    if file.frame_numbers.tolist() != [record["frame_number"] for record in frames]:
        return [*problems, f"{video_id}: its frames are not the data set's"]
    for row, record in enumerate(frames):
        answer = answers.get(record["image_id"], FrameAnswers())
        expected = frame_pairs(task, record, answer, vocabulary)
        if not _same_pairs(file, row, record, expected):
            problems.append(f"{record['image_id']}: its pairs are not those of the answer")
        if not _same_regions(file, row, record, expected):
            problems.append(f"{record['image_id']}: its regions are not those of its pairs")
    lengths = np.linalg.norm(file.regions(0, int(file.region_starts[-1])).astype(float), axis=1)
    if not np.allclose(lengths, 1, atol=1e-2):
        problems.append(f"{video_id}: an embedding is not of length one")
    return problems


def _same_pairs(file: VideoFile, row: int, record: Mapping, expected: FramePairs) -> bool:
    """Whether the pairs of the file's ``row``-th frame are the expected ones, with their boxes."""
    stored = slice(*file.pair_starts[row : row + 2].tolist())
    wanted = {name: getattr(expected, name) for name in ("classes", "predicates", "pairs")}
    wanted["boxes"] = expected.normalised_boxes(record["width"], record["height"])
    return all(np.array_equal(getattr(file, name)[stored], v) for name, v in wanted.items())


def _same_regions(file: VideoFile, row: int, record: Mapping, expected: FramePairs) -> bool:
    """Whether as many regions are stored as the pairs need, each where it belongs; none of an unreadable frame."""
    boxes, rows = expected.regions()
    if record["image_id"] in file.skipped:
        boxes, rows = boxes[:0], np.full_like(rows, -1)
    pairs, regions = (
        slice(*starts[row : row + 2].tolist()) for starts in (file.pair_starts, file.region_starts)
    )
    return regions.stop - regions.start == len(boxes) and np.array_equal(
        file.region_rows[pairs], rows
    )
