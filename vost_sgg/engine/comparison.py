"""Prediction files of one data set compared frame by frame: which frames are worth looking at, and their pictures."""

from collections.abc import Mapping, Sequence

import numpy as np
from detectron2.data import MetadataCatalog
from tqdm import tqdm

from vost_sgg.data.frames import frame_ground_truth
from vost_sgg.data.loaders import check_datasets, read_datasets
from vost_sgg.data.mapper import read_frame
from vost_sgg.engine.judged_graph import judged_graph
from vost_sgg.evaluation.frame_hits import FrameHits, frame_hits
from vost_sgg.evaluation.prediction_file import PredictionFile
from vost_sgg.evaluation.protocols import CONSTRAINTS, Protocol
from vost_sgg.evaluation.rescoring import check_frames, check_vocabulary, prediction_of
from vost_sgg.structures import PREDICATE_GROUPS
from vost_sgg.visualization.columns import Column, draw_columns
from vost_sgg.visualization.relations import drawn_graph


class Comparison:
    """What several prediction files say of the frames of a data set, by the rules that the first one was scored by.

    Args:
        files: title of the column -> the file; at least one.
        dataset: name in detectron2's catalogs; "" takes the one that the first file names.
        constraint: ``with``, ``with_per_pair``, ``semi`` or ``no``.
        rank: K: the first K triplets of a frame are looked at; at most 100.

    Raises:
        KeyError: there is no such data set.
        ValueError: the files are of different tasks, or one is of another data set or vocabulary.
    """

    def __init__(
        self, files: Mapping[str, PredictionFile], *, dataset: str = "", constraint: str, rank: int
    ):
        self._files, self._constraint, self._rank = files, constraint, rank
        self._first = next(iter(files.values()))
        header = self._first.header
        self.dataset = dataset or header.dataset
        check_datasets([self.dataset], "the data set of the predictions")
        self._metadata = MetadataCatalog.get(self.dataset)
        self._protocol = _protocol(self._first)
        self._records = read_datasets([self.dataset])[0]
        self._rows = {record["image_id"]: row for row, record in enumerate(self._records)}
        for file in files.values():
            if file.header.task != header.task:
                raise ValueError(
                    f"{self._first.path} is of task {header.task}, {file.path} of {file.header.task}: compare one task"
                )
            check_vocabulary(file, self._metadata)
            check_frames(file, self._rows)

    def best_and_worst(self, count: int) -> dict[str, str]:
        """Image ids of the frames in which the first file finds most, and least: ``best_1``, ..., ``worst_1``, ...

        At most one best and one worst frame of a video. Of equal recall the frame with more triplets comes first.

        Raises:
            ValueError: no frame is annotated, or a prediction is wrong; the message names file and frame.
        """
        scored = []
        for record in tqdm(self._records, unit="frame", desc="recall"):
            hits = self._hits(self._first, record)
            if len(hits.found):
                frame = record["video_id"], record["image_id"]
                scored.append((hits.recall, len(hits.found), *frame))
        if not scored:
            raise ValueError(f"{self.dataset}: no frame has an annotated pair")
        chosen = {}
        for name, sign in (("best", -1), ("worst", 1)):
            of_video: dict[str, str] = {}
            for *_, video, image_id in sorted(scored, key=lambda row: (sign * row[0], -row[1])):
                of_video.setdefault(video, image_id)
            chosen |= {
                f"{name}_{i}": frame for i, frame in enumerate(of_video.values(), 1) if i <= count
            }
        return chosen

    def check(self, image_ids: Sequence[str]) -> None:
        """Raises ValueError if the data set has no frame of one of these ids."""
        for image_id in image_ids:
            if image_id not in self._rows:
                raise ValueError(
                    f"{image_id} is not among the {len(self._records)} frames of {self.dataset}; they are named like "
                    f"{next(iter(self._rows))}"
                )

    def recalls(self, image_id: str) -> dict[str, float]:
        """Of each column, the share of the frame's annotated triplets that is found."""
        record = self._records[self._rows[image_id]]
        return {title: self._hits(file, record).recall for title, file in self._files.items()}

    def draw(self, image_id: str) -> np.ndarray:
        """The picture of a frame, (H, W, 3) uint8 RGB: its annotation, then a column a file.

        Raises:
            FrameError: the image cannot be read.
        """
        record = self._records[self._rows[image_id]]
        image, truth = read_frame(record, "RGB"), frame_ground_truth(record)
        labels = sum(int(getattr(truth, group).sum()) for group in PREDICATE_GROUPS)
        graph = drawn_graph(truth, self._metadata, threshold=0, max_pairs=0)
        columns = [Column(f"ground truth\n{labels} triplets", image, *graph, truth.size)]
        for title, file in self._files.items():
            hits = self._hits(file, record)
            graph = judged_graph(truth, prediction_of(file, image_id), hits, self._metadata)
            columns.append(Column(f"{title}\n{_said(hits)}", image, *graph, truth.size))
        rules = f"{self._protocol.describe()}; {CONSTRAINTS[self._constraint]}, the first {self._rank} triplets"
        return draw_columns(columns, heading=f"{image_id} of {self.dataset}; {rules}")

    def _hits(self, file: PredictionFile, record: dict) -> FrameHits:
        rules = {"constraint": self._constraint, "rank": self._rank}
        prediction = prediction_of(file, record["image_id"])
        try:
            return frame_hits(frame_ground_truth(record), prediction, self._protocol, **rules)
        except ValueError as error:
            raise ValueError(f"{file.path}, frame {record['image_id']}: {error}") from None


def _protocol(file: PredictionFile) -> Protocol:
    """By which the file was scored; OED's if it never was."""
    rules = dict(file.header.rules)
    try:
        return Protocol(**{"name": rules.pop("protocol", "oed"), **rules, "task": file.header.task})
    except TypeError as error:
        raise ValueError(f"{file.path} was scored by other rules: {error}") from None


def _said(hits: FrameHits) -> str:
    if not len(hits.slot):
        return "nothing predicted"
    found, total, false = int(hits.found.sum()), len(hits.found), int((~hits.hit).sum())
    return f"{found} of {total} found ({100 * hits.recall:.0f} %), false alarms: {false}"
