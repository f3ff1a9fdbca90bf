"""``DetectionEvaluator``: AP of boxes behind detectron2's evaluator interface, for the detector stage."""

import logging
import os
from collections import OrderedDict

from detectron2.config import configurable
from detectron2.data import MetadataCatalog
from detectron2.utils import comm

from vost_sgg.evaluation.build import EVALUATOR
from vost_sgg.evaluation.clip_evaluator import ClipEvaluator
from vost_sgg.evaluation.object_ap import PERSON, ObjectAP, mean_over_objects
from vost_sgg.evaluation.results import FORMAT_VERSION, object_ap_document, write_results
from vost_sgg.evaluation.tables import object_ap_line
from vost_sgg.structures import FrameGroundTruth, FramePrediction


@EVALUATOR.register()
class DetectionEvaluator(ClipEvaluator):
    """COCO's AP and AP50 over a data set, mean over the object classes and of the person: a line in the log, the
    numbers for detectron2, a JSON file. Every box of a prediction is a detection.

    Args:
        dataset_name: name in detectron2's catalogs; its metadata gives ``thing_classes``.
        method: name of the model in the log.
        output_dir: where ``object_detection_<dataset_name>.json`` is written; None writes none.
    """

    @configurable
    def __init__(self, *, dataset_name: str, method: str = "model", output_dir: str | None = None):
        self._dataset_name = dataset_name
        self._method = method
        self._output_dir = output_dir
        self._logger = logging.getLogger(__name__)
        self.reset()

    @classmethod
    def from_config(cls, cfg, *, dataset_name: str, baseline=None):
        """``baseline`` is of predicates and has nothing to say here."""
        return {
            "dataset_name": dataset_name,
            "method": cfg.MODEL.EVALUATOR.METHOD or cfg.MODEL.META_ARCHITECTURE,
            "output_dir": cfg.OUTPUT_DIR,
        }

    def reset(self) -> None:
        self._object_ap = ObjectAP()

    def update(
        self, ground_truth: FrameGroundTruth, prediction: FramePrediction, image_id: str = ""
    ) -> None:
        """Adds one target. Raises ValueError if its arrays are wrong."""
        self._object_ap.update(ground_truth, prediction)

    def evaluate(self) -> OrderedDict:
        """Percentages ``{"detection": {"object/AP": ..., "object/AP50": ..., "person/AP": ..., "person/AP50": ...}}``
        over all processes; ``{}`` in all but the main one. What is not annotated is left out.

        Returns ``{}`` with a warning if no box is annotated.
        """
        comm.synchronize()
        shards = comm.gather(self._object_ap.state())
        if not comm.is_main_process():
            return OrderedDict()
        total = ObjectAP()
        for shard in shards:
            total.merge_state(shard)
        by_class = total.compute()
        if not by_class:
            self._logger.warning(
                f"{self._dataset_name}: no box is annotated in {total.frames} frames; there is no AP to report"
            )
            return OrderedDict()
        self._report(by_class, total.frames)
        values = {"object": mean_over_objects(by_class), "person": by_class.get(PERSON, {})}
        return OrderedDict(
            {
                "detection": {
                    f"{kind}/{metric}": 100 * value
                    for kind, metrics in values.items()
                    for metric, value in metrics.items()
                }
            }
        )

    def _report(self, by_class: dict[int, dict[str, float]], frames: int) -> None:
        line = object_ap_line(by_class)
        self._logger.info(
            f"Object detection, {self._method} on {self._dataset_name}, {frames} frames\n{line}"
        )
        if self._output_dir is None:
            return
        path = os.path.join(self._output_dir, f"object_detection_{self._dataset_name}.json")
        names = MetadataCatalog.get(self._dataset_name).get("thing_classes")
        document = {
            "format_version": FORMAT_VERSION,
            "dataset": self._dataset_name,
            "method": self._method,
            "frames": frames,
            "object_ap": object_ap_document(by_class, names),
        }
        write_results(document, path)
        self._logger.info(f"Object detection written to {path}")
