"""The frequency baseline: predicates by object class alone, from training counts."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from vost_sgg.evaluation.slots import (
    GROUP_SIZES,
    NUM_PREDICATES,
    annotated_slots,
    predicted_slots,
)
from vost_sgg.evaluation.triplet_counts import TripletCounts
from vost_sgg.structures import PREDICATE_GROUPS, FrameGroundTruth, FramePrediction


class FrequencyBaseline:
    """Predicts each pair's predicates from the class of its object: what a model must beat to have seen anything.

    The probability of a predicate is its share of the training pairs with that object class; attention shares are
    scaled to sum to 1, as a softmax does. A class that training never saw gets the shares of all pairs.

    Args:
        training: annotated frames, read once; or their counts.

    Attributes:
        counts: the counts.

    Raises:
        ValueError: ``training`` has no annotated pair.
    """

    def __init__(self, training: Iterable[FrameGroundTruth] | TripletCounts):
        self.counts = (
            training if isinstance(training, TripletCounts) else TripletCounts.of(training)
        )
        if not self.counts.pairs.any():
            raise ValueError(
                "the frequency baseline needs training frames with at least one annotated pair"
            )
        counts, pairs = self.counts.predicates, self.counts.pairs
        overall = _shares(counts.sum(0, keepdims=True), pairs.sum(keepdims=True))
        shares = np.where(pairs[:, None] > 0, _shares(counts, pairs), overall)
        # The last row is for every class beyond, and for OED's unused one, -1.
        self._shares = np.concatenate((shares, overall))

    def predict(self, prediction: FramePrediction) -> FramePrediction:
        """``prediction`` with these predicates in place of its own; boxes, classes and scores stay.

        Where boxes and classes are given they are the annotated ones; elsewhere the baseline sees what the model saw.
        """
        labels = predicted_slots(prediction).classes[:, 1]
        return replace(prediction, **self._groups(labels))

    def predict_given(self, ground_truth: FrameGroundTruth) -> FramePrediction:
        """The prediction where boxes and classes are given (PredCLS): the annotated ones."""
        return FramePrediction(
            boxes=ground_truth.boxes,
            classes=ground_truth.classes,
            scores=np.ones(len(ground_truth.boxes)),
            pairs=ground_truth.pairs,
            **self._groups(annotated_slots(ground_truth).classes[:, 1]),
        )

    def _groups(self, labels: np.ndarray) -> dict[str, np.ndarray]:
        shares = self._shares[np.where(labels < len(self._shares) - 1, labels, -1)]
        groups = np.split(shares.reshape(-1, NUM_PREDICATES), np.cumsum(GROUP_SIZES)[:-1], axis=1)
        return dict(zip(PREDICATE_GROUPS, groups, strict=True))


def _shares(counts: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    shares = counts / np.maximum(pairs, 1)[:, None]
    attention = shares[:, : GROUP_SIZES[0]]
    attention /= np.maximum(attention.sum(1, keepdims=True), 1e-12)
    return shares
