"""Made-up videos on disk: PNG files as frames are dumped, with their records."""

import os
from collections.abc import Iterator

import cv2
import numpy as np
from detectron2.structures import BoxMode

from vost_sgg.data.dump import PNG_COMPRESSION
from vost_sgg.engine.benchmark.inputs import SEED, made_up_ground_truth
from vost_sgg.structures import PREDICATE_GROUPS, FrameGroundTruth


def write_made_up_frames(
    folder: str, size: tuple[int, int], *, videos: int, frames: int
) -> Iterator[dict]:
    """Writes ``videos`` of ``frames`` frames each, of ``size`` (width, height), into ``folder``.

    Yields:
        Their dataset dicts, with one to four pairs: in the mean 2.5 (Action Genome: 2.2).
    """
    generator = np.random.default_rng(SEED)
    for video in range(videos):
        for frame in range(frames):
            path = os.path.join(folder, f"{video}_{frame:06d}.png")
            cv2.imwrite(
                path, _picture(generator, size), [cv2.IMWRITE_PNG_COMPRESSION, PNG_COMPRESSION]
            )
            truth = made_up_ground_truth(generator, int(generator.integers(1, 5)), size)
            yield {"file_name": path, **made_up_record(truth, video, frame)}


def made_up_record(truth: FrameGroundTruth, video: int, frame: int) -> dict:
    """The dataset dict of a frame that is annotated as ``truth``, without a file."""
    boxes = zip(truth.boxes.tolist(), truth.classes.tolist(), strict=True)
    return {
        "image_id": f"{video}.mp4/{frame:06d}.png",
        "width": truth.size[0],
        "height": truth.size[1],
        "video_id": f"{video}.mp4",
        "video_index": video,
        "frame_index": frame,
        "frame_number": frame,
        "annotations": [
            {"bbox": box, "bbox_mode": BoxMode.XYXY_ABS, "category_id": label}
            for box, label in boxes
        ],
        "pairs": truth.pairs,
        **{group: getattr(truth, group) for group in PREDICATE_GROUPS},
    }


def _picture(generator: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Smooth areas with a little noise, as a compressed video's frame: pure noise would take longest to decode."""
    width, height = size
    coarse = generator.integers(0, 256, (height // 32 + 2, width // 32 + 2, 3), dtype=np.uint8)
    smooth = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC).astype(np.int16)
    noise = generator.integers(-2, 3, (height, width, 1), dtype=np.int16)
    return (smooth + noise).clip(0, 255).astype(np.uint8)
