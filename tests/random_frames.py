"""Made-up annotated frames for tests."""

import numpy as np

from vost_sgg.structures import FrameGroundTruth


def random_ground_truth(
    rng: np.random.Generator, num_pairs: int, size=(96, 64)
) -> FrameGroundTruth:
    """A person and ``num_pairs`` objects, each with one attention label and at least one of the other groups'."""
    corners = rng.uniform(0, 0.5, (num_pairs + 1, 2))
    boxes = np.concatenate(
        (corners, corners + rng.uniform(0.1, 0.5, corners.shape)), axis=1
    ) * np.tile(size, 2)

    def labels(count, extra):
        multi_hot = rng.random((num_pairs, count)) < extra
        multi_hot[np.arange(num_pairs), rng.integers(count, size=num_pairs)] = True
        return multi_hot

    return FrameGroundTruth(
        boxes=boxes.astype(np.float32),
        classes=np.concatenate(([0], rng.integers(1, 36, num_pairs))),
        pairs=np.stack((np.zeros(num_pairs, int), 1 + np.arange(num_pairs)), axis=1),
        attention=labels(3, 0),
        spatial=labels(6, 0.2),
        contacting=labels(17, 0.1),
        size=size,
    )
