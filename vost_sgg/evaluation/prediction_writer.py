"""Writing prediction files with only names and counts in memory: each process appends its frames, the main one joins
the parts."""

import logging
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from detectron2.data import MetadataCatalog
from detectron2.utils import comm
from detectron2.utils.file_io import PathManager

from vost_sgg.evaluation.prediction_file import (
    BOX_FIELDS,
    ROWS,
    START_TYPE,
    STARTS,
    PredictionHeader,
    file_head,
    stored,
)
from vost_sgg.evaluation.slots import check_classes
from vost_sgg.structures import FramePrediction
from vost_sgg.whole_files import replaced

logger = logging.getLogger(__name__)


@dataclass
class PredictionPart:
    """The frames of one process, on disk field by field: ``<path>.<rank>.<field>.part``.

    Args:
        path: of the prediction file that they become a part of.
        rank: of the process.
    """

    path: str
    rank: int = 0
    image_ids: list[str] = field(default_factory=list)
    box_counts: list[int] = field(default_factory=list)
    pair_counts: list[int] = field(default_factory=list)
    _files: dict = field(default_factory=dict)

    def file(self, name: str) -> str:
        """Where the rows of a field lie."""
        return f"{self.path}.{self.rank}.{name}.part"

    def add(self, image_id: str, prediction: FramePrediction) -> None:
        """Appends a frame, as ``stored`` returns it."""
        if not self._files:
            PathManager.mkdirs(os.path.dirname(self.path) or ".")
            self._files = {name: PathManager.open(self.file(name), "wb") for name in ROWS}
        for name, (dtype, _) in ROWS.items():
            self._files[name].write(
                np.ascontiguousarray(getattr(prediction, name), dtype).tobytes()
            )
        self.image_ids.append(image_id)
        self.box_counts.append(len(prediction.boxes))
        self.pair_counts.append(len(prediction.pairs))

    def close(self) -> "PredictionPart":
        """Writes out what is buffered; what is returned can be sent to the main process."""
        for file in self._files.values():
            file.close()
        self._files = {}
        return self

    def remove(self) -> None:
        """Deletes what is on disk."""
        self.close()
        for path in map(self.file, ROWS):
            if PathManager.isfile(path):
                PathManager.rm(path)


def join_parts(path: str, header: PredictionHeader, parts: Sequence[PredictionPart]) -> None:
    """Writes the prediction file of closed ``parts``, whose frames follow one another, and deletes them.

    Raises:
        OSError: a part is not there: the processes of several machines need a folder that they share.
    """
    parts = [part for part in parts if part.image_ids]
    missing = [part.file(n) for part in parts for n in ROWS if not PathManager.isfile(part.file(n))]
    if missing:
        raise OSError(
            f"{path} cannot be written: {missing[0]} is not there; OUTPUT_DIR must be a folder that all machines share"
        )
    starts = {
        "box_starts": _starts([n for part in parts for n in part.box_counts]),
        "pair_starts": _starts([n for part in parts for n in part.pair_counts]),
    }
    image_ids = [image_id for part in parts for image_id in part.image_ids]
    PathManager.mkdirs(os.path.dirname(path) or ".")
    with replaced(path) as target:
        target.write(file_head(header.metadata(image_ids), _shapes(starts)))
        for array in starts.values():
            target.write(array.tobytes())
        for name in _by_size():
            for part in parts:
                with PathManager.open(part.file(name), "rb") as source:
                    shutil.copyfileobj(source, target)
    for part in parts:
        part.remove()


class PredictionLog:
    """The predictions of an evaluation: each process appends its own, the main one joins them into the file.

    Args:
        path: of the prediction file; None writes none.
        dataset_name: in detectron2's catalogs; its metadata gives ``thing_classes`` and ``predicate_classes``.
        task, method, rules, training: see :class:`PredictionHeader`.
    """

    def __init__(
        self,
        path: str | None,
        *,
        dataset_name: str,
        task: str,
        method: str,
        rules: dict,
        training: Sequence[str] = (),
    ):
        self._path, self._dataset_name = path, dataset_name
        self._said = {"task": task, "method": method, "rules": rules, "training": list(training)}
        self._part = PredictionPart(path or "", comm.get_rank())

    @cached_property
    def _header(self) -> PredictionHeader:
        metadata = MetadataCatalog.get(self._dataset_name)
        return PredictionHeader(
            dataset=self._dataset_name,
            objects=list(metadata.thing_classes),
            predicates=list(metadata.predicate_classes),
            **self._said,
        )

    def add(self, image_id: str, prediction: FramePrediction) -> FramePrediction:
        """Appends a frame; returns its prediction as the file keeps it, to be scored so.

        Raises:
            ValueError: an array is wrong, or a class is outside the vocabulary.
        """
        prediction = stored(prediction)
        check_classes(prediction.classes, count=len(self._header.objects))
        if self._path is not None:
            self._part.add(image_id, prediction)
        return prediction

    def close(self) -> PredictionPart:
        """What :meth:`write` needs of each process."""
        return self._part.close()

    def write(self, parts: Sequence[PredictionPart]) -> None:
        """Joins the parts of all processes. Raises OSError as :func:`join_parts`."""
        frames = sum(len(part.image_ids) for part in parts)
        if frames:
            join_parts(self._path, self._header, parts)
            logger.info(f"Predictions of {frames} frames written to {self._path}")


def write_predictions(path: str, header: PredictionHeader, frames) -> int:
    """Writes the prediction file of ``frames``, pairs of an image id and what ``stored`` returns; how many they were.

    An error in ``frames`` leaves nothing behind.
    """
    part = PredictionPart(path)
    try:
        for image_id, prediction in frames:
            part.add(image_id, prediction)
    except BaseException:
        part.remove()
        raise
    part.close()
    join_parts(path, header, [part])
    return len(part.image_ids)


def _starts(counts: Sequence[int]) -> np.ndarray:
    return np.concatenate(([0], np.cumsum(counts, dtype=START_TYPE))).astype(START_TYPE)


def _by_size() -> list[str]:
    """The fields, wide numbers first, so that each array begins at a multiple of its numbers' size."""
    return sorted(ROWS, key=lambda name: -ROWS[name][0].itemsize)


def _shapes(starts: dict[str, np.ndarray]) -> dict[str, tuple[np.dtype, tuple[int, ...]]]:
    rows = {STARTS[name]: int(array[-1]) for name, array in starts.items()}
    shapes = {name: (START_TYPE, array.shape) for name, array in starts.items()}
    for name in _by_size():
        dtype, width = ROWS[name]
        length = rows["boxes" if name in BOX_FIELDS else "pairs"]
        shapes[name] = (dtype, (length, width) if width else (length,))
    return shapes
