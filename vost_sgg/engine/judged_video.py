"""A video of a data set as the report reads it: what a prediction file says of each frame, and its annotation."""

from collections.abc import Mapping, Sequence

import numpy as np

from vost_sgg.data.frame_sources import IMAGES_PER_SECOND, TimedFrame
from vost_sgg.data.frames import frame_ground_truth
from vost_sgg.data.mapper import read_frame
from vost_sgg.engine.graphs import scene_graph
from vost_sgg.evaluation.prediction_file import PredictionFile
from vost_sgg.evaluation.rescoring import prediction_of
from vost_sgg.structures import PREDICATE_GROUPS, FrameGroundTruth
from vost_sgg.visualization.report.document import FORMAT, VERSION
from vost_sgg.vlm.words import Vocabulary


def judged_document(
    file: PredictionFile, records: Sequence[Mapping], vocabulary: Vocabulary, threshold: float
) -> dict:
    """The document of docs/demo.md with ``ground_truth`` in each frame, shown one a second: a data set knows no times.

    Args:
        file: a frame that it lacks has nothing predicted.
        records: of the video's frames, at least one.
        vocabulary: of the data set.
        threshold: as :func:`vost_sgg.engine.graphs.scene_graph`.

    Raises:
        FrameError: an image cannot be read.
        ValueError: a prediction is wrong.
    """
    frames = []
    for record in records:
        index, image = record["frame_index"], read_frame(record, "RGB")
        frame = TimedFrame(image, index, index / IMAGES_PER_SECOND, 1 / IMAGES_PER_SECOND)
        prediction = prediction_of(file, record["image_id"])
        graph = scene_graph(prediction, frame, vocabulary, threshold).to_json()
        frames.append({**graph, "ground_truth": _annotated(frame_ground_truth(record), vocabulary)})
    video = {"file": records[0]["video_id"], "frames": len(frames), "fps": IMAGES_PER_SECOND}
    video |= {key: records[0][key] for key in ("width", "height")}
    return {
        "format": FORMAT,
        "version": VERSION,
        "video": {**video, "duration": len(frames) / IMAGES_PER_SECOND},
        "model": {"config": None, "weights": None, "method": file.header.method, "priors": None},
        "frames": frames,
    }


def _annotated(truth: FrameGroundTruth, vocabulary: Vocabulary) -> dict:
    objects = [
        {"class": vocabulary.objects[category], "box": box}
        for category, box in zip(truth.classes.tolist(), truth.boxes.tolist(), strict=True)
    ]
    relations = [
        {
            "subject": int(truth.pairs[pair, 0]),
            "object": int(truth.pairs[pair, 1]),
            "group": group,
            "predicate": vocabulary.group(group)[predicate],
        }
        for group in PREDICATE_GROUPS
        for pair, predicate in np.argwhere(getattr(truth, group))
    ]
    return {"objects": objects, "relations": relations}
