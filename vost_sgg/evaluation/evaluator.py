"""``SceneGraphEvaluator``: scene graph recall behind detectron2's evaluator interface."""

import logging
import os
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import torch
from detectron2.config import configurable
from detectron2.data import MetadataCatalog
from detectron2.utils import comm

from vost_sgg.evaluation.build import EVALUATOR
from vost_sgg.evaluation.clip_evaluator import ClipEvaluator
from vost_sgg.evaluation.frequency import FrequencyBaseline
from vost_sgg.evaluation.object_ap import ObjectAP, mean_over_objects
from vost_sgg.evaluation.recall import SceneGraphRecall
from vost_sgg.evaluation.results import object_ap_document, results_document, write_results
from vost_sgg.evaluation.tables import object_ap_line, recall_header, recall_table
from vost_sgg.structures import FrameGroundTruth, FramePrediction

BASELINE_NAME = "frequency baseline"


@EVALUATOR.register()
class SceneGraphEvaluator(ClipEvaluator):
    """R@K and mR@K over a data set: a table in the log, the numbers for detectron2, a JSON file.

    In SGDET also the AP of the object boxes; not of the person's, since every slot predicts the person anew and AP
    counts all but one of them as false.

    Args:
        dataset_name: name in detectron2's catalogs; its metadata gives ``predicate_classes`` and, for the header,
            ``frame_rule``.
        task: ``predcls``, ``sgcls`` or ``sgdet``.
        protocol, constraints, nms, iou: see ``SceneGraphRecall``.
        method: name of the model's row in the table.
        baseline: a ``FrequencyBaseline``, scored on the model's own boxes and classes in the same pass.
        output_dir: where ``scene_graph_recall_<dataset_name>.json`` is written; None writes none.

    Raises:
        ValueError: a name is unknown.
    """

    @configurable
    def __init__(
        self,
        *,
        dataset_name: str,
        task: str,
        protocol: str = "oed",
        constraints: Sequence[str] = ("with", "no"),
        nms: str | None = None,
        iou: str | None = None,
        method: str = "model",
        baseline: FrequencyBaseline | None = None,
        output_dir: str | None = None,
    ):
        self._dataset_name = dataset_name
        self._rules = {
            "task": task,
            "protocol": protocol,
            "constraints": constraints,
            "nms": nms,
            "iou": iou,
        }
        self._method = method
        self._baseline = baseline
        self._output_dir = output_dir
        self._logger = logging.getLogger(__name__)
        self.reset()

    @classmethod
    def from_config(
        cls,
        cfg,
        *,
        dataset_name: str,
        baseline: FrequencyBaseline | None = None,
    ):
        return {
            "dataset_name": dataset_name,
            "task": cfg.MODEL.TASK,
            "protocol": cfg.MODEL.EVALUATOR.PROTOCOL,
            "constraints": cfg.MODEL.EVALUATOR.CONSTRAINTS,
            "nms": cfg.MODEL.EVALUATOR.NMS or None,
            "method": cfg.MODEL.EVALUATOR.METHOD or cfg.MODEL.META_ARCHITECTURE,
            "baseline": baseline,
            "output_dir": cfg.OUTPUT_DIR,
        }

    def reset(self) -> None:
        self._recalls, self._object_ap = self._empty()

    def update(self, ground_truth: FrameGroundTruth, prediction: FramePrediction) -> None:
        """Adds one target. Raises ValueError if its arrays are wrong."""
        self._recalls[self._method].update(ground_truth, prediction)
        if self._baseline is not None:
            self._recalls[BASELINE_NAME].update(ground_truth, self._baseline.predict(prediction))
        if self._object_ap is not None:
            objects = np.unique(torch.as_tensor(prediction.pairs).cpu().reshape(-1, 2)[:, 1])
            self._object_ap.update(ground_truth, prediction, rows=objects)

    def evaluate(self) -> OrderedDict:
        """Percentages ``{task: {"with/R@10": ..., ...}}`` over all processes; ``{}`` in all but the main one.

        Returns ``{}`` with a warning if no frame was scored.
        """
        recalls, object_ap = self._gathered()
        if recalls is None:
            return OrderedDict()
        recall = recalls[self._method]
        if not recall.frames:
            self._logger.warning(
                f"{self._dataset_name}: no frame with annotated pairs was scored "
                f"({recall.frames_without_pairs} frames without pairs); there is no recall to report"
            )
            return OrderedDict()
        by_class = {} if object_ap is None else object_ap.compute()
        precision = mean_over_objects(by_class)
        self._report(recalls, by_class)
        percentages = {
            f"{constraint}/{metric}": 100 * value
            for constraint, values in recall.compute().items()
            for metric, value in values.items()
        }
        percentages |= {f"object/{metric}": 100 * value for metric, value in precision.items()}
        return OrderedDict({recall.protocol.task: percentages})

    def _empty(self) -> tuple[dict[str, SceneGraphRecall], ObjectAP | None]:
        names = [self._method] if self._baseline is None else [self._method, BASELINE_NAME]
        object_ap = ObjectAP(person=False) if self._rules["task"] == "sgdet" else None
        return {name: SceneGraphRecall(**self._rules) for name in names}, object_ap

    def _gathered(self) -> tuple[dict[str, SceneGraphRecall] | None, ObjectAP | None]:
        """The results over all processes, in the main one; None in the others."""
        comm.synchronize()
        states = {name: recall.state() for name, recall in self._recalls.items()}
        shards = comm.gather((states, self._object_ap and self._object_ap.state()))
        if not comm.is_main_process():
            return None, None
        recalls, object_ap = self._empty()
        for states, boxes in shards:
            for name, recall in recalls.items():
                recall.merge_state(states[name])
            if object_ap is not None:
                object_ap.merge_state(boxes)
        return recalls, object_ap

    def _report(self, recalls: dict[str, SceneGraphRecall], object_ap: dict[int, dict]) -> None:
        metadata = MetadataCatalog.get(self._dataset_name)
        names, frame_rule = metadata.predicate_classes, metadata.get("frame_rule", "unknown")
        header = recall_header(recalls[self._method], self._dataset_name, names, frame_rule)
        table = recall_table({name: recall.compute() for name, recall in recalls.items()})
        boxes = f"\n{object_ap_line(object_ap)}" if object_ap else ""
        self._logger.info(f"Scene graph recall\n{header}\n{table}{boxes}")
        if self._output_dir is None:
            return
        document = results_document(
            recalls, dataset=self._dataset_name, frame_rule=frame_rule, predicate_names=names
        )
        if object_ap:
            document["object_ap"] = object_ap_document(object_ap, metadata.get("thing_classes"))
        path = os.path.join(self._output_dir, f"scene_graph_recall_{self._dataset_name}.json")
        write_results(document, path)
        self._logger.info(f"Scene graph recall written to {path}")
