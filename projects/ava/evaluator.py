"""``AVAEvaluator``: which actions of AVA's persons a model trained on Action Genome recovers."""

import logging
import os
from collections import OrderedDict
from functools import cached_property

import numpy as np
from detectron2.config import configurable
from detectron2.data import DatasetCatalog
from detectron2.utils import comm

from projects.ava.actions import ACTIONS
from projects.ava.matching import action_scores
from projects.ava.recovery import ActionRecovery
from projects.ava.tables import PRIOR_NAME, action_table, recovery_table
from vost_sgg.evaluation import EVALUATOR
from vost_sgg.evaluation.clip_evaluator import ClipEvaluator
from vost_sgg.evaluation.prediction_writer import PredictionLog
from vost_sgg.evaluation.results import write_results
from vost_sgg.structures import FrameGroundTruth, FramePrediction

FORMAT_VERSION = 1


@EVALUATOR.register()
class AVAEvaluator(ClipEvaluator):
    """The metrics of ``ActionRecovery`` over an AVA data set: tables in the log, the numbers for detectron2, a JSON
    file; and the predictions. projects/ava/README.md has the protocol.

    A keyframe of the data set that it is given no prediction of counts: none of its persons is found.

    Args:
        dataset_name: of a data set whose dicts have ``person_actions`` (``projects.ava.dataset.load_ava``).
        method: name of the model's row in the table.
        output_dir: where ``ava_actions_<dataset_name>.json`` and ``scene_graph_predictions_<dataset_name>.safetensors``
            (docs/prediction_file.md) are written; None writes none.
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
        """``baseline`` predicts from classes of annotated objects, of which AVA has none."""
        if cfg.MODEL.TASK != "sgdet":
            raise ValueError(
                f"MODEL.TASK is {cfg.MODEL.TASK}: AVA gives no objects, so that AVAEvaluator is for sgdet"
            )
        return {
            "dataset_name": dataset_name,
            "method": cfg.MODEL.EVALUATOR.METHOD or cfg.MODEL.META_ARCHITECTURE,
            "output_dir": cfg.OUTPUT_DIR,
        }

    def reset(self) -> None:
        self._recovery = ActionRecovery()
        self._scored: set[str] = set()
        self._predictions = PredictionLog(
            self._file("scene_graph_predictions", "safetensors"),
            dataset_name=self._dataset_name,
            task="sgdet",
            method=self._method,
            rules={},
        )

    def update(
        self, ground_truth: FrameGroundTruth, prediction: FramePrediction, image_id: str
    ) -> None:
        """Adds one keyframe. Raises ValueError if its arrays are wrong or it is not the data set's.

        Args:
            ground_truth: its boxes are the annotated persons'.
        """
        if image_id not in self._actions:
            raise ValueError(f"it is no keyframe of {self._dataset_name}")
        prediction = self._predictions.add(image_id, prediction)
        boxes = np.asarray(ground_truth.boxes)
        self._recovery.update(self._actions[image_id], *action_scores(boxes, prediction))
        self._scored.add(image_id)

    def evaluate(self) -> OrderedDict:
        """Percentages ``{"ava": {"set@n": ..., ...}}`` over all processes; ``{}`` in all but the main one."""
        comm.synchronize()
        shards = comm.gather((self._recovery.state(), self._scored, self._predictions.close()))
        results = OrderedDict()
        if comm.is_main_process():
            total, scored = ActionRecovery(), set()
            for state, image_ids, _ in shards:
                total.merge_state(state)
                scored |= image_ids
            missing = self._count_missing(total, scored)
            self._report(total, missing)
            self._predictions.write([part for *_, part in shards])
            results["ava"] = {name: 100 * value for name, value in total.compute().items()}
        comm.synchronize()  # until here the others' parts are read
        return results

    @cached_property
    def _actions(self) -> dict[str, np.ndarray]:
        """(M, 7) bool of each keyframe."""
        records = DatasetCatalog.get(self._dataset_name)
        if records and "person_actions" not in records[0]:
            raise KeyError(
                f"{self._dataset_name}: its frames have no person_actions; AVAEvaluator is for AVA's data sets"
            )
        return {record["image_id"]: record["person_actions"] for record in records}

    def _count_missing(self, recovery: ActionRecovery, scored: set[str]) -> list[str]:
        missing = [image_id for image_id in self._actions if image_id not in scored]
        for image_id in missing:
            labels = self._actions[image_id]
            recovery.update(labels, np.zeros(labels.shape), np.zeros(len(labels), bool))
        if missing:
            self._logger.warning(
                f"{self._dataset_name}: {len(missing):,} keyframes have no prediction, such as {missing[0]}; their "
                "persons count as not found"
            )
        return missing

    def _report(self, recovery: ActionRecovery, missing: list[str]) -> None:
        rows = {self._method: recovery.compute(), PRIOR_NAME: recovery.prior().compute()}
        self._logger.info(
            f"AVA actions, {self._method} on {self._dataset_name}: {len(recovery):,} persons in keyframes, in %\n"
            f"{recovery_table(rows)}\n\n{action_table(recovery.per_action())}"
        )
        path = self._file("ava_actions", "json")
        if path is None:
            return
        document = {
            "format_version": FORMAT_VERSION,
            "dataset": self._dataset_name,
            "method": self._method,
            "persons": len(recovery),
            "keyframes_without_prediction": missing,
            "actions": {action.name: action.id for action in ACTIONS},
            "metrics": rows[self._method],
            "per_action": recovery.per_action(),
            "prior": rows[PRIOR_NAME],
        }
        write_results(document, path)
        self._logger.info(f"AVA actions written to {path}")

    def _file(self, content: str, ending: str) -> str | None:
        if self._output_dir is None:
            return None
        return os.path.join(self._output_dir, f"{content}_{self._dataset_name}.{ending}")
