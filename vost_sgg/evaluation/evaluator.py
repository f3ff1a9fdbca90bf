"""``SceneGraphEvaluator``: scene graph recall behind detectron2's evaluator interface."""

import logging
import os
from collections import OrderedDict
from collections.abc import Sequence

from detectron2.config import configurable
from detectron2.utils import comm

from vost_sgg.evaluation.build import EVALUATOR
from vost_sgg.evaluation.clip_evaluator import ClipEvaluator
from vost_sgg.evaluation.frequency import FrequencyBaseline
from vost_sgg.evaluation.prediction_writer import PredictionLog
from vost_sgg.evaluation.protocols import SEMI_THRESHOLD
from vost_sgg.evaluation.results import write_results
from vost_sgg.evaluation.scene_graph_scores import BASELINE_NAME, SceneGraphScores
from vost_sgg.structures import FrameGroundTruth, FramePrediction

__all__ = ["BASELINE_NAME", "SceneGraphEvaluator"]


@EVALUATOR.register()
class SceneGraphEvaluator(ClipEvaluator):
    """R@K and mR@K over a data set: a table in the log, the numbers for detectron2, a JSON file; and the predictions.

    Predictions are scored as the prediction file keeps them, in float32, so that ``tools/evaluate_predictions.py``
    finds the very same numbers.

    Args:
        dataset_name: name in detectron2's catalogs; its metadata gives ``thing_classes``, ``predicate_classes`` and,
            for the header, ``frame_rule``.
        task: ``predcls``, ``sgcls`` or ``sgdet``.
        protocol, constraints, nms, iou, semi_threshold: see ``SceneGraphRecall``.
        method: name of the model's row in the table.
        baseline: a ``FrequencyBaseline``, scored on the model's own boxes and classes in the same pass; its counts
            say which triplets are zero-shot.
        training: names of the data sets that the baseline was counted in, for the prediction file.
        output_dir: where ``scene_graph_recall_<dataset_name>.json`` and
            ``scene_graph_predictions_<dataset_name>.safetensors`` are written; None writes none.

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
        semi_threshold: float = SEMI_THRESHOLD,
        method: str = "model",
        baseline: FrequencyBaseline | None = None,
        training: Sequence[str] = (),
        output_dir: str | None = None,
    ):
        self._dataset_name = dataset_name
        self._rules = {
            "task": task,
            "protocol": protocol,
            "constraints": list(constraints),
            "nms": nms,
            "iou": iou,
            "semi_threshold": semi_threshold,
        }
        self._method = method
        self._baseline = baseline
        self._training = training
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
            "iou": cfg.MODEL.EVALUATOR.IOU or None,
            "semi_threshold": cfg.MODEL.EVALUATOR.SEMI_THRESHOLD,
            "method": cfg.MODEL.EVALUATOR.METHOD or cfg.MODEL.META_ARCHITECTURE,
            "baseline": baseline,
            "training": cfg.DATASETS.TRAIN,
            "output_dir": cfg.OUTPUT_DIR,
        }

    def reset(self) -> None:
        self._scores = self._empty()
        self._predictions = PredictionLog(
            self._file("predictions", "safetensors"),
            dataset_name=self._dataset_name,
            task=self._rules["task"],
            method=self._method,
            rules=self._rules,
            training=self._training,
        )

    def update(
        self, ground_truth: FrameGroundTruth, prediction: FramePrediction, image_id: str = ""
    ) -> None:
        """Adds one target. Raises ValueError if its arrays are wrong or a class is outside the vocabulary."""
        prediction = self._predictions.add(image_id, prediction)
        self._scores.update(ground_truth, prediction)

    def evaluate(self) -> OrderedDict:
        """Percentages ``{task: {"with/R@10": ..., ...}}`` over all processes; ``{}`` in all but the main one.

        Returns ``{}`` with a warning if no frame was scored.
        """
        comm.synchronize()
        shards = comm.gather((self._scores.state(), self._predictions.close()))
        results = OrderedDict()
        if comm.is_main_process():
            scores = self._empty()
            for state, _ in shards:
                scores.merge_state(state)
            results = self._report(scores)
            self._predictions.write([part for _, part in shards])
        comm.synchronize()  # until here the others' parts are read
        return results

    def _empty(self) -> SceneGraphScores:
        return SceneGraphScores(
            dataset_name=self._dataset_name,
            rules=self._rules,
            method=self._method,
            baseline=self._baseline,
        )

    def _file(self, content: str, ending: str) -> str | None:
        if self._output_dir is None:
            return None
        name = f"scene_graph_{content}_{self._dataset_name}.{ending}"
        return os.path.join(self._output_dir, name)

    def _report(self, scores: SceneGraphScores) -> OrderedDict:
        if not scores.recall.frames:
            self._logger.warning(
                f"{self._dataset_name}: no frame with annotated pairs was scored "
                f"({scores.recall.frames_without_pairs} frames without pairs); there is no recall to report"
            )
            return OrderedDict()
        summary = scores.summary()
        self._logger.info(f"Scene graph recall\n{summary.text()}")
        path = self._file("recall", "json")
        if path is not None:
            write_results(summary.document(), path)
            self._logger.info(f"Scene graph recall written to {path}")
        return OrderedDict({self._rules["task"]: summary.percentages()})
