"""``TripletCounts``: what training annotations say of triplets, for the frequency baseline and for zero-shot recall."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from detectron2.utils.file_io import PathManager

from vost_sgg.evaluation.slots import NUM_PREDICATES, annotated_slots
from vost_sgg.structures import FrameGroundTruth

FORMAT_VERSION = 1


@dataclass(frozen=True)
class TripletCounts:
    """How often each predicate is annotated between a person and each class of object.

    Args:
        predicates: (C, 26) int64, annotated triplets by class of the object.
        pairs: (C,) int64, annotated pairs.
    """

    predicates: np.ndarray
    pairs: np.ndarray

    @classmethod
    def of(cls, frames: Iterable[FrameGroundTruth]) -> "TripletCounts":
        """Counts annotated frames, which are read once. Raises ValueError that names a field with a wrong shape."""
        counts = np.zeros((0, NUM_PREDICATES + 1), np.int64)  # the last column: pairs
        for frame in frames:
            slots = annotated_slots(frame)
            classes = slots.classes[:, 1]
            new = classes.max(initial=-1) + 1 - len(counts)
            if new > 0:
                counts = np.pad(counts, ((0, new), (0, 0)))
            np.add.at(counts[:, :-1], classes, slots.predicates)
            np.add.at(counts[:, -1], classes, 1)
        return cls(counts[:, :-1], counts[:, -1])

    def unseen(self, classes: np.ndarray, predicates: np.ndarray) -> np.ndarray:
        """(N,) bool: no such triplet was counted.

        Args:
            classes: (N,) int, of the objects; -1 and classes beyond C were never seen.
            predicates: (N,) int in 0..25.
        """
        counts = np.concatenate((self.predicates, np.zeros((1, NUM_PREDICATES), np.int64)))
        row = np.where((classes >= 0) & (classes < len(self.pairs)), classes, -1)
        return counts[row, predicates] == 0

    def document(
        self, *, datasets: Sequence[str], objects: Sequence[str], predicates: Sequence[str]
    ) -> dict:
        """The list as JSON has it, which :meth:`read` reads.

        Args:
            datasets: names of what was counted.
            objects, predicates: names of the C (or more) classes and of the 26 predicates.
        """
        labels, columns = np.nonzero(self.predicates)
        return {
            "format_version": FORMAT_VERSION,
            "datasets": list(datasets),
            "objects": list(objects),
            "predicates": list(predicates),
            "pairs": {objects[i]: int(n) for i, n in enumerate(self.pairs) if n},
            "triplets": [
                ["person", predicates[p], objects[o], int(self.predicates[o, p])]
                for o, p in zip(labels.tolist(), columns.tolist(), strict=True)
            ],
        }

    @classmethod
    def read(cls, path: str, *, objects: list[str], predicates: list[str]) -> "TripletCounts":
        """The counts in a list of tools/count_triplets.py.

        Raises:
            ValueError: the file is no such list, is of another version, or is of another vocabulary.
        """
        try:
            with PathManager.open(path, "r", encoding="utf-8") as file:
                document = json.load(file)
            version = document["format_version"]
            if version != FORMAT_VERSION:
                raise ValueError(f"format version {version}, this library reads {FORMAT_VERSION}")
            if document["objects"] != objects or document["predicates"] != predicates:
                raise ValueError("its vocabulary is not that of the data set")
            counts = np.zeros((len(objects), NUM_PREDICATES), np.int64)
            pairs = np.zeros(len(objects), np.int64)
            for _, predicate, thing, count in document["triplets"]:
                counts[objects.index(thing), predicates.index(predicate)] = count
            for thing, count in document["pairs"].items():
                pairs[objects.index(thing)] = count
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{path} is no list of training triplets ({error}); make it with tools/count_triplets.py"
            ) from None
        return cls(counts, pairs)
