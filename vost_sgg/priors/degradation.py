"""A VLM's answers made worse on purpose, in memory: to see how far a model leans on them."""

from dataclasses import replace

import numpy as np

from vost_sgg.evaluation.slots import GROUP_SIZES
from vost_sgg.structures import FramePriors
from vost_sgg.vlm.confusion import seeded

_GROUP_OF = np.repeat(range(len(GROUP_SIZES)), GROUP_SIZES)


def degraded(named: np.ndarray, probability: float, image_id: str) -> np.ndarray:
    """Replaces each named predicate, with ``probability``, by one of its group, each as likely; it may be the same.

    The draws are functions of frame, pair and predicate alone: what is replaced at one probability is replaced by the
    same at every higher one.

    Args:
        named: (K, 26) bool, of each pair of the frame.
        image_id: of the frame.
    """
    worse = np.zeros_like(named)
    for pair, predicate in np.argwhere(named).tolist():
        draw = seeded("degraded", image_id, pair, predicate)
        replaced = draw.random() < probability
        group = np.flatnonzero(_GROUP_OF == _GROUP_OF[predicate]).tolist()
        worse[pair, draw.choice(group) if replaced else predicate] = True
    return worse


def with_predicates(priors: FramePriors, named: np.ndarray, texts: np.ndarray) -> FramePriors:
    """``priors`` as if the VLM had named these predicates; boxes, classes and regions stay.

    Args:
        named: (x, 26) bool.
        texts: (26, c) float32, CLIP's embeddings of the predicates (:func:`vost_sgg.priors.files.read_texts`).
    """
    text, mask = priors.text.copy(), priors.text_mask.copy()
    text[:, 2] = (named.astype(np.float32) @ texts) / named.sum(1, keepdims=True).clip(1)
    mask[:, 2] = named.any(1)
    return replace(priors, text=text, text_mask=mask)
