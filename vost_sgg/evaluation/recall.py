"""``SceneGraphRecall``: R@K and mR@K of scene graphs, exact, over any number of frames and processes."""

from collections.abc import Sequence

import numpy as np

from vost_sgg.evaluation.matching import first_hits, ranked, without_duplicates
from vost_sgg.evaluation.protocols import RANKS, Protocol
from vost_sgg.evaluation.slots import NUM_PREDICATES, PairSlots, annotated_slots, predicted_slots
from vost_sgg.evaluation.tally import Tally
from vost_sgg.evaluation.triplets import annotated_triplets, candidate_triplets
from vost_sgg.structures import FrameGroundTruth, FramePrediction

# Frames that are scored together: enough to spread numpy's cost a call, few enough for some 10 MB. NMS compares each
# triplet with all of its label, which in an untrained model is every other.
_BATCH = 64
_BATCH_WITH_NMS = 8


class SceneGraphRecall:
    """Recall of predicted scene graphs over a data set, frame by frame.

    Ranking, matching and averaging are OED's (docs/evaluation.md); triplets of equal score are ranked by lower slot,
    then lower predicate id. What is kept of a frame is how many of how many annotated triplets of each predicate were
    found, in integers: memory does not grow with the data set, and neither order nor sharding changes a bit of the
    result.

    Args:
        task: ``predcls``, ``sgcls`` or ``sgdet``.
        protocol: ``oed``, ``sttran`` or ``tempura``; sets the defaults of the other arguments.
        constraints: any of ``with`` (one predicate a pair and group), ``with_per_pair`` (one a pair), ``semi``, ``no``.
        nms: pair NMS: None, ``oed`` or ``iou``. No protocol turns it on.
        iou: ``plain`` (default of ``oed``) or ``plus_one`` (default of ``sttran`` and ``tempura``).

    Raises:
        ValueError: a name is unknown.
    """

    def __init__(
        self,
        task: str,
        *,
        protocol: str = "oed",
        constraints: Sequence[str] = ("with", "no"),
        nms: str | None = None,
        iou: str | None = None,
    ):
        self.protocol = Protocol(task, protocol, constraints, nms, iou)
        self._frames_without_pairs = 0
        self._tallies = {constraint: Tally() for constraint in self.protocol.constraints}
        self._waiting: list[tuple[PairSlots, PairSlots, tuple[float, float]]] = []

    def update(self, ground_truth: FrameGroundTruth, prediction: FramePrediction) -> None:
        """Adds a frame. Neither argument is changed.

        A frame without an annotated triplet is counted and left out of every mean.

        Raises:
            ValueError: an array has a wrong shape, a score is NaN, infinite or negative, a pair names no box, or boxes
                in [0, 1] meet ``iou="plus_one"``.
        """
        annotated, predicted = annotated_slots(ground_truth), predicted_slots(prediction)
        size = tuple(float(side) for side in ground_truth.size)
        if self.protocol.iou == "plus_one" and size == (1.0, 1.0):
            raise ValueError(
                "iou 'plus_one' counts pixels, but ground_truth.size is (1, 1): give boxes and size in pixels"
            )
        if not annotated.predicates.any():
            self._frames_without_pairs += 1
            return
        self._waiting.append((annotated, predicted, size))
        if len(self._waiting) == (_BATCH_WITH_NMS if self.protocol.nms else _BATCH):
            self._score_waiting()

    def compute(self) -> dict[str, dict[str, float]]:
        """Each constraint's ``R@K``, ``mR@K`` (pooled over the data set) and ``mR_frame@K`` (averaged over frames).

        K is 10, 20, 50 and 100; values are fractions, NaN if no frame was scored.
        """
        self._score_waiting()
        return {constraint: tally.recall() for constraint, tally in self._tallies.items()}

    def per_predicate(self) -> dict[str, dict[str, list[float]]]:
        """Each constraint's ``R@K`` (pooled) and ``R_frame@K`` of the 26 predicates; 0 where a predicate is absent."""
        self._score_waiting()
        return {constraint: tally.per_predicate() for constraint, tally in self._tallies.items()}

    @property
    def predicate_counts(self) -> list[int]:
        """Annotated triplets of each of the 26 predicates in the frames scored."""
        self._score_waiting()
        return next(iter(self._tallies.values())).predicate_counts()

    @property
    def frames(self) -> int:
        """Frames scored."""
        self._score_waiting()
        return next(iter(self._tallies.values())).frames

    @property
    def frames_without_pairs(self) -> int:
        """Frames left out since no triplet is annotated in them."""
        return self._frames_without_pairs

    def state(self) -> dict:
        """What ``merge_state`` of another process needs: plain strings and integers, ready for JSON."""
        self._score_waiting()
        tallies = {constraint: tally.state() for constraint, tally in self._tallies.items()}
        return {
            "protocol": repr(self.protocol),
            "frames_without_pairs": self._frames_without_pairs,
            "tallies": tallies,
        }

    def merge_state(self, state: dict) -> None:
        """Adds the frames of another ``SceneGraphRecall`` by its ``state()``. Raises ValueError if its rules differ."""
        if state["protocol"] != repr(self.protocol):
            raise ValueError(
                f"cannot merge results of {state['protocol']} into those of {self.protocol}"
            )
        self._frames_without_pairs += state["frames_without_pairs"]
        for constraint, tally in self._tallies.items():
            tally.merge_state(state["tallies"][constraint])

    def merge(self, other: "SceneGraphRecall") -> None:
        """Adds the frames of ``other``, in any order, to the same numbers. Raises ValueError if its rules differ."""
        self.merge_state(other.state())

    def _score_waiting(self) -> None:
        if not self._waiting:
            return
        annotated, predicted, sizes = zip(*self._waiting, strict=True)
        self._waiting = []
        targets = annotated_triplets(PairSlots.stack(annotated))
        slots = PairSlots.stack(predicted)
        for constraint, tally in self._tallies.items():
            ranks = self._ranks(targets, slots, np.array(sizes), constraint)
            tally.add(targets.frame, targets.predicate, ranks)

    def _ranks(self, targets, slots: PairSlots, sizes: np.ndarray, constraint: str) -> np.ndarray:
        keep = RANKS[-1]
        if self.protocol.nms:
            # As OED: with its NMS on, 500 cells compete in "no" and all triplets in "with".
            keep = 500 if constraint == "no" else len(slots.scores) * NUM_PREDICATES
        found = ranked(candidate_triplets(slots, constraint), len(sizes), max(keep, 1))
        if self.protocol.nms:
            found = without_duplicates(found, sizes, self.protocol.nms)
        return first_hits(targets, found, self.protocol.iou)
