"""``SceneGraphEvaluator``: scene graph recall behind detectron2's evaluator interface."""

import logging
import os
from collections import OrderedDict
from collections.abc import Sequence

from detectron2.config import configurable
from detectron2.data import MetadataCatalog
from detectron2.evaluation import DatasetEvaluator
from detectron2.utils import comm
from detectron2.utils.file_io import PathManager

from vost_sgg.evaluation.build import EVALUATOR
from vost_sgg.evaluation.frequency import FrequencyBaseline
from vost_sgg.evaluation.recall import SceneGraphRecall
from vost_sgg.evaluation.results import results_document, write_results
from vost_sgg.evaluation.tables import recall_header, recall_table

BASELINE_NAME = "frequency baseline"


@EVALUATOR.register()
class SceneGraphEvaluator(DatasetEvaluator):
    """R@K and mR@K over a data set: a table in the log, the numbers for detectron2, a JSON file.

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
        self._recalls = self._empty()

    def process(self, inputs: list[dict], outputs: list[list]) -> None:
        """Adds the targets of ``inputs``. Raises ValueError that names the frame if its arrays are wrong."""
        for clip, predictions in zip(inputs, outputs, strict=True):
            targets = [clip["frames"][target] for target in clip["references"]]
            if len(targets) != len(predictions):
                raise ValueError(
                    f"{len(predictions)} predictions for the {len(targets)} targets of a clip"
                )
            for frame, prediction in zip(targets, predictions, strict=True):
                try:
                    self._update(frame["ground_truth"], prediction)
                except ValueError as error:
                    raise ValueError(
                        f"frame {frame.get('image_id', '(no image_id)')}: {error}"
                    ) from error

    def evaluate(self) -> OrderedDict:
        """Percentages ``{task: {"with/R@10": ..., ...}}`` over all processes; ``{}`` in all but the main one.

        Returns ``{}`` with a warning if no frame was scored.
        """
        recalls = self._gathered()
        if recalls is None:
            return OrderedDict()
        recall = recalls[self._method]
        if not recall.frames:
            self._logger.warning(
                f"{self._dataset_name}: no frame with annotated pairs was scored "
                f"({recall.frames_without_pairs} frames without pairs); there is no recall to report"
            )
            return OrderedDict()
        self._report(recalls)
        percentages = {
            f"{constraint}/{metric}": 100 * value
            for constraint, values in recall.compute().items()
            for metric, value in values.items()
        }
        return OrderedDict({recall.protocol.task: percentages})

    def _empty(self) -> dict[str, SceneGraphRecall]:
        names = [self._method] if self._baseline is None else [self._method, BASELINE_NAME]
        return {name: SceneGraphRecall(**self._rules) for name in names}

    def _update(self, ground_truth, prediction) -> None:
        self._recalls[self._method].update(ground_truth, prediction)
        if self._baseline is not None:
            self._recalls[BASELINE_NAME].update(ground_truth, self._baseline.predict(prediction))

    def _gathered(self) -> dict[str, SceneGraphRecall] | None:
        """The recalls over all processes, in the main one; None in the others."""
        comm.synchronize()
        shards = comm.gather({name: recall.state() for name, recall in self._recalls.items()})
        if not comm.is_main_process():
            return None
        total = self._empty()
        for shard in shards:
            for name, recall in total.items():
                recall.merge_state(shard[name])
        return total

    def _report(self, recalls: dict[str, SceneGraphRecall]) -> None:
        metadata = MetadataCatalog.get(self._dataset_name)
        names, frame_rule = metadata.predicate_classes, metadata.get("frame_rule", "unknown")
        header = recall_header(recalls[self._method], self._dataset_name, names, frame_rule)
        table = recall_table({name: recall.compute() for name, recall in recalls.items()})
        self._logger.info(f"Scene graph recall\n{header}\n{table}")
        if self._output_dir is None:
            return
        PathManager.mkdirs(self._output_dir)
        path = os.path.join(self._output_dir, f"scene_graph_recall_{self._dataset_name}.json")
        document = results_document(
            recalls, dataset=self._dataset_name, frame_rule=frame_rule, predicate_names=names
        )
        write_results(document, path)
        self._logger.info(f"Scene graph recall written to {path}")
