"""From a dataset dict to the dataclass that evaluators, mappers and drawings share."""

import numpy as np
from detectron2.structures import BoxMode

from vost_sgg.structures import FrameGroundTruth


def frame_ground_truth(record: dict) -> FrameGroundTruth:
    """The scene graph of one dataset dict.

    Args:
        record: an entry of an Action Genome data set (see ``load_action_genome``).

    Returns:
        Numpy arrays, boxes (M, 4) float32 in pixels of the original frame, the person first.
    """
    annotations = record["annotations"]
    boxes = [BoxMode.convert(a["bbox"], a["bbox_mode"], BoxMode.XYXY_ABS) for a in annotations]
    return FrameGroundTruth(
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        classes=np.array([a["category_id"] for a in annotations], np.int64),
        pairs=record["pairs"],
        attention=record["attention"],
        spatial=record["spatial"],
        contacting=record["contacting"],
        size=(record["width"], record["height"]),
    )
