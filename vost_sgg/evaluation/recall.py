"""``SceneGraphRecall``: R@K and mR@K of scene graphs, exact, over any number of frames and processes."""

from collections.abc import Sequence

import numpy as np

from vost_sgg.evaluation.analysis import harmonic_means, predicate_split, split_recall
from vost_sgg.evaluation.matching import SlotMatches, ranked, without_duplicates
from vost_sgg.evaluation.protocols import RANKS, SEMI_THRESHOLD, Protocol
from vost_sgg.evaluation.slots import (
    NUM_PREDICATES,
    PairSlots,
    annotated_slots,
    check_classes,
    predicted_slots,
)
from vost_sgg.evaluation.tally import ALL, PAIRS, UNSEEN, Tally
from vost_sgg.evaluation.triplet_counts import TripletCounts
from vost_sgg.evaluation.triplets import (
    Triplets,
    annotated_triplets,
    candidate_triplets,
    with_tail,
)
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
        semi_threshold: what a spatial or contacting predicate must exceed in ``semi``.
        training: counts of the training annotations, for zero-shot recall and the split of the predicates; None:
            no zero-shot recall, and the split follows the scored frames.

    Raises:
        ValueError: a name is unknown, or the threshold is not in [0, 1).
    """

    def __init__(
        self,
        task: str,
        *,
        protocol: str = "oed",
        constraints: Sequence[str] = ("with", "no"),
        nms: str | None = None,
        iou: str | None = None,
        semi_threshold: float = SEMI_THRESHOLD,
        training: TripletCounts | None = None,
    ):
        self.protocol = Protocol(task, protocol, constraints, nms, iou, semi_threshold)
        self._training = training
        self._frames_without_pairs = 0
        self._frames_without_prediction = 0
        self._tallies = {constraint: Tally() for constraint in self.protocol.constraints}
        self._waiting: list[tuple[PairSlots, PairSlots, tuple[float, float]]] = []

    def update(self, ground_truth: FrameGroundTruth, prediction: FramePrediction) -> None:
        """Adds a frame. Neither argument is changed.

        A frame without an annotated triplet is counted and left out of every mean.

        Raises:
            ValueError: an array has a wrong shape, a score is NaN, negative or above 1, a class is outside the
                vocabulary of 36, a pair names no box, or boxes in [0, 1] meet ``iou="plus_one"``.
        """
        annotated, predicted = annotated_slots(ground_truth), predicted_slots(prediction)
        check_classes(annotated.classes, "ground_truth", lowest=0)
        check_classes(predicted.classes)
        size = tuple(float(side) for side in ground_truth.size)
        if self.protocol.iou == "plus_one" and size == (1.0, 1.0):
            raise ValueError(
                "iou 'plus_one' counts pixels, but ground_truth.size is (1, 1): give boxes and size in pixels"
            )
        if not annotated.predicates.any():
            self._frames_without_pairs += 1
            return
        self._frames_without_prediction += len(predicted.scores) == 0
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

    def analysis(self) -> dict[str, dict[str, float]]:
        """What else each constraint says, as fractions, for K of 10, 20, 50 and 100; {} if no frame was scored.

        - ``H@K``: harmonic mean of ``R@K`` and ``mR@K``.
        - ``head_mR@K``, ``body_mR@K``, ``tail_mR@K``: ``mR`` over the predicates of ``predicate_split``.
        - ``pair_R@K``: share of a frame's annotated pairs whose boxes and classes one of the first K triplets has,
          whatever its predicate; averaged over frames.
        - ``zR@K``: as ``R@K``, of the triplets that training never annotated, over the frames that have one; left out
          if ``training`` is not known or none has.
        """
        self._score_waiting()
        if not self.frames:
            return {constraint: {} for constraint in self._tallies}
        split = self.predicate_split
        return {
            constraint: {
                **harmonic_means(tally.recall()),
                **split_recall(tally.per_predicate(), split),
                **tally.recall_of(PAIRS, "pair_R"),
                **tally.recall_of(UNSEEN, "zR"),
            }
            for constraint, tally in self._tallies.items()
        }

    @property
    def predicate_split(self) -> dict[str, list[int]]:
        """``head``, ``body`` and ``tail``: ids of the predicates, by frequency in training, where it is known."""
        counts = self.predicate_counts
        if self._training is not None:
            counts = self._training.predicates.sum(0).tolist()
        return predicate_split(counts)

    @property
    def unseen(self) -> dict[str, int] | None:
        """How many ``triplets`` of the scored frames training never annotated, and in how many ``frames``; None where
        training is not known."""
        self._score_waiting()
        if self._training is None:
            return None
        triplets, frames = next(iter(self._tallies.values())).count(UNSEEN)
        return {"triplets": triplets, "frames": frames}

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
    def frames_without_prediction(self) -> int:
        """Frames scored whose prediction has no pair: they count 0."""
        return self._frames_without_prediction

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
            "frames_without_prediction": self._frames_without_prediction,
            "tallies": tallies,
        }

    def merge_state(self, state: dict) -> None:
        """Adds the frames of another ``SceneGraphRecall`` by its ``state()``. Raises ValueError if its rules differ."""
        if state["protocol"] != repr(self.protocol):
            raise ValueError(
                f"cannot merge results of {state['protocol']} into those of {self.protocol}"
            )
        self._frames_without_pairs += state["frames_without_pairs"]
        self._frames_without_prediction += state["frames_without_prediction"]
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
        matches = SlotMatches(targets, slots, self.protocol.iou)
        labelled = np.flatnonzero(targets.slots.predicates.any(1))
        unseen = self._unseen(targets)
        frame, column = _cells(targets, labelled, unseen)
        for constraint, tally in self._tallies.items():
            found = ranked_triplets(slots, np.array(sizes), constraint, self.protocol)
            hits = matches.first_hits(found)
            pairs = matches.first_hits_of_pairs(found)[labelled]
            tally.add(frame, column, np.concatenate((hits, hits, hits[unseen], pairs)))

    def _unseen(self, targets: Triplets) -> np.ndarray:
        if self._training is None:
            return np.zeros(0, int)
        objects = targets.slots.classes[targets.slot, 1]
        return np.flatnonzero(self._training.unseen(objects, targets.predicate))


def ranked_triplets(
    slots: PairSlots, sizes: np.ndarray, constraint: str, protocol: Protocol
) -> Triplets:
    """The triplets that predictions propose under ``constraint``, of each frame the best first, as recall reads them.

    Args:
        slots: of one or more frames.
        sizes: (F, 2) width and height of each frame in the unit of the boxes.
        constraint: one of the four; it need not be among those of ``protocol``.
    """
    keep = RANKS[-1]
    if protocol.nms:
        # As OED: with its NMS on, 500 cells compete in "no" and all triplets in "with".
        keep = 500 if constraint == "no" else len(slots.scores) * NUM_PREDICATES
    candidates = candidate_triplets(slots, constraint, protocol)
    if constraint == "no":
        candidates = with_tail(candidates, keep)
    found = ranked(candidates, len(sizes), max(keep, 1))
    return without_duplicates(found, sizes, protocol.nms) if protocol.nms else found


def _cells(targets: Triplets, labelled: np.ndarray, unseen: np.ndarray):
    """The frame and the column of a ``Tally`` of everything that can be found: the triplets, each under its predicate
    and under ``ALL``, those that training never saw, and the labelled pairs."""
    pairs = targets.slots.frame[labelled]
    frame = np.concatenate((targets.frame, targets.frame, targets.frame[unseen], pairs))
    columns = (ALL, len(targets.slot)), (UNSEEN, len(unseen)), (PAIRS, len(labelled))
    rest = [np.full(length, column) for column, length in columns]
    return frame, np.concatenate((targets.predicate, *rest))
