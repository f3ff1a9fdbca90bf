"""Prompts about one made-up frame, for the tests of this room."""

import numpy as np
from detectron2.data import MetadataCatalog
from detectron2.structures import BoxMode

import vost_sgg.data  # noqa: F401  registers the data sets
from vost_sgg.vlm.prompts import build_prompts
from vost_sgg.vlm.words import Vocabulary

METADATA = MetadataCatalog.get("ag_sample_mini_test")
VOCABULARY = Vocabulary.of(METADATA)
# Person, bed, chair; the bed is the leftmost.
BOXES = [(100.0, 50.0, 200.0, 250.0), (5.0, 150.0, 400.0, 265.0), (300.0, 90.0, 420.0, 260.0)]


def record(classes=(0, 2, 7)):
    """A frame of 480 x 270 pixels with a person and two objects."""
    contacting = np.zeros((2, 17), bool)
    contacting[0, [6, 10]] = contacting[1, 12] = True  # leaning and sitting on; touching
    spatial = np.zeros((2, 6), bool)
    spatial[0, 1] = spatial[1, [2, 4]] = True
    return {
        "image_id": "A.mp4/000001.png",
        "video_id": "A.mp4",
        "width": 480,
        "height": 270,
        "annotations": [
            {"bbox": list(box), "bbox_mode": BoxMode.XYXY_ABS, "category_id": c}
            for box, c in zip(BOXES, classes, strict=True)
        ],
        "pairs": np.array([[0, 1], [0, 2]]),
        "attention": np.eye(3, dtype=bool)[[1, 0]],
        "spatial": spatial,
        "contacting": contacting,
    }


def prompts(task, box_frame="norm1000", **kwargs):
    """The prompts of :func:`record`; ``resized_pixels`` of Qwen2.5-VL's 476 x 280."""
    return build_prompts(
        task, record(**kwargs), METADATA, box_frame=box_frame, processed_size=(476, 280)
    )
