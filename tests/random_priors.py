"""Made-up priors of frames for tests."""

from dataclasses import fields

import numpy as np

from vost_sgg.structures import FrameGroundTruth, FramePriors


def random_priors(rng: np.random.Generator, num_pairs: int, pairs=None, dim=16) -> FramePriors:
    """Answers for ``num_pairs`` pairs with unit embeddings; for the rows ``pairs`` of given boxes, or of none."""

    def unit(*shape):
        x = rng.standard_normal((*shape, dim))
        return (x / np.linalg.norm(x, axis=-1, keepdims=True)).astype(np.float16)

    return FramePriors(
        text=unit(num_pairs, 3),
        text_mask=np.ones((num_pairs, 3), bool),
        regions=unit(num_pairs, 3),
        boxes=rng.uniform(0.1, 0.6, (num_pairs, 2, 4)).astype(np.float32),
        pairs=np.full((num_pairs, 2), -1) if pairs is None else np.asarray(pairs),
    )


def priors_of(rng: np.random.Generator, truth: FrameGroundTruth, task: str, dim=16) -> FramePriors:
    """Answers for the annotated pairs of a frame; in SGDET as many, for no given boxes."""
    return random_priors(rng, len(truth), None if task == "sgdet" else truth.pairs, dim)


def take(priors: FramePriors, rows) -> FramePriors:
    """Some pairs of ``priors``, in the order of ``rows``."""
    return FramePriors(**{f.name: getattr(priors, f.name)[rows] for f in fields(priors)})
