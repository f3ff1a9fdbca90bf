"""From pairs and embeddings to the priors of a frame."""

import numpy as np

from vost_sgg.priors.pairs import FramePairs
from vost_sgg.structures import FramePriors


def frame_priors(
    pairs: FramePairs,
    region_rows: np.ndarray,
    regions: np.ndarray,
    texts: tuple[np.ndarray, np.ndarray],
) -> FramePriors:
    """The priors of one frame, numpy, float32.

    Args:
        pairs: the frame's x pairs, whose boxes are cxcywh in [0, 1].
        region_rows: (x, 3) int64, which of the regions are subject, object and union; -1 where there is none.
        regions: (R, c) their embeddings.
        texts: (C, c) embeddings of the classes and (P, c) of the predicates.
    """
    mask = np.ones((len(pairs.classes), 3), bool)
    mask[:, 2] = pairs.predicates.any(1)
    return FramePriors(
        text=_texts(pairs.classes, pairs.predicates, *texts),
        text_mask=mask,
        regions=_gathered(regions, region_rows),
        boxes=pairs.boxes,
        pairs=pairs.pairs,
    )


def _texts(
    classes: np.ndarray, named: np.ndarray, objects: np.ndarray, predicates: np.ndarray
) -> np.ndarray:
    counts = named.sum(1, keepdims=True).clip(1)
    texts = np.empty((len(classes), 3, objects.shape[1]), np.float32)
    texts[:, :2], texts[:, 2] = objects[classes], (named.astype(np.float32) @ predicates) / counts
    return texts


def _gathered(regions: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(x, 3, c) float32 of (R, c) by (x, 3) rows; zeros where the row is -1."""
    padded = np.zeros((len(regions) + 1, regions.shape[1]), np.float32)
    padded[:-1] = regions
    return padded[rows]
