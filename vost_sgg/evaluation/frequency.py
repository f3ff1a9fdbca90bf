"""The frequency baseline: predicates by object class alone, from training counts."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from vost_sgg.evaluation.slots import (
    GROUP_SIZES,
    NUM_PREDICATES,
    annotated_slots,
    predicted_slots,
)
from vost_sgg.structures import PREDICATE_GROUPS, FrameGroundTruth, FramePrediction


class FrequencyBaseline:
    """Predicts each pair's predicates from the class of its object: what a model must beat to have seen anything.

    The probability of a predicate is its share of the training pairs with that object class; attention shares are
    scaled to sum to 1, as a softmax does. A class that training never saw gets the shares of all pairs.

    Args:
        training: annotated frames; read once.

    Raises:
        ValueError: ``training`` has no annotated pair.
    """

    def __init__(self, training: Iterable[FrameGroundTruth]):
        counts = defaultdict(lambda: np.zeros(NUM_PREDICATES))
        pairs = defaultdict(int)
        for frame in training:
            slots = annotated_slots(frame)
            for label, predicates in zip(
                slots.classes[:, 1].tolist(), slots.predicates, strict=True
            ):
                counts[label] += predicates
                pairs[label] += 1
        if not pairs:
            raise ValueError(
                "the frequency baseline needs training frames with at least one annotated pair"
            )
        self._overall = _shares(sum(counts.values()), sum(pairs.values()))
        self._by_class = {label: _shares(counts[label], pairs[label]) for label in pairs}

    def predict(self, prediction: FramePrediction) -> FramePrediction:
        """``prediction`` with these predicates in place of its own; boxes, classes and scores stay.

        Where boxes and classes are given they are the annotated ones; elsewhere the baseline sees what the model saw.
        """
        labels = predicted_slots(prediction).classes[:, 1]
        shares = np.array([self._by_class.get(label, self._overall) for label in labels.tolist()])
        groups = np.split(shares.reshape(-1, NUM_PREDICATES), np.cumsum(GROUP_SIZES)[:-1], axis=1)
        return replace(prediction, **dict(zip(PREDICATE_GROUPS, groups, strict=True)))


def _shares(counts: np.ndarray, pairs: int) -> np.ndarray:
    shares = counts / pairs
    attention = shares[: GROUP_SIZES[0]]
    attention /= max(attention.sum(), 1e-12)
    return shares
