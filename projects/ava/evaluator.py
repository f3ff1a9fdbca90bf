"""``AVAEvaluator``: which actions of AVA's persons a model trained on Action Genome recovers."""

import logging
import os
from collections import OrderedDict
from collections.abc import Mapping

import numpy as np
from detectron2.config import configurable
from detectron2.evaluation import DatasetEvaluator
from detectron2.utils import comm
from tabulate import tabulate

from projects.ava.actions import ACTIONS
from projects.ava.matching import action_scores
from projects.ava.recovery import ActionRecovery
from vost_sgg.evaluation import EVALUATOR
from vost_sgg.evaluation.results import write_results
from vost_sgg.structures import FrameGroundTruth, FramePrediction

FORMAT_VERSION = 1
PRIOR_NAME = "most frequent actions"


@EVALUATOR.register()
class AVAEvaluator(DatasetEvaluator):
    """The metrics of ``ActionRecovery`` over an AVA data set: tables in the log, the numbers for detectron2, a JSON
    file. projects/ava/README.md has the protocol.

    Args:
        dataset_name: of a data set whose dicts have ``person_actions`` (``projects.ava.dataset.load_ava``).
        method: name of the model's row in the table.
        output_dir: where ``ava_actions_<dataset_name>.json`` is written; None writes none.
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

    def process(self, inputs: list[dict], outputs: list[list]) -> None:
        """Adds the targets of ``inputs``. Raises ValueError that names the frame if its arrays are wrong."""
        for clip, predictions in zip(inputs, outputs, strict=True):
            targets = [clip["frames"][target] for target in clip["references"]]
            for frame, prediction in zip(targets, predictions, strict=True):
                try:
                    self.update(frame["ground_truth"], frame["person_actions"], prediction)
                except KeyError:
                    raise ValueError(
                        f"{self._dataset_name}: its frames have no person_actions; AVAEvaluator is for AVA's data sets"
                    ) from None
                except ValueError as error:
                    raise ValueError(f"frame {frame['image_id']}: {error}") from error

    def update(
        self, ground_truth: FrameGroundTruth, actions: np.ndarray, prediction: FramePrediction
    ) -> None:
        """Adds one keyframe.

        Args:
            ground_truth: its boxes are the annotated persons'.
            actions: (M, 7) bool.
        """
        self._recovery.update(actions, *action_scores(ground_truth.boxes, prediction))

    def evaluate(self) -> OrderedDict:
        """Percentages ``{"ava": {"set@n": ..., ...}}`` over all processes; ``{}`` in all but the main one.

        Returns ``{}`` with a warning if no person was scored.
        """
        comm.synchronize()
        shards = comm.gather(self._recovery.state())
        if not comm.is_main_process():
            return OrderedDict()
        total = ActionRecovery()
        for shard in shards:
            total.merge_state(shard)
        if not len(total):
            self._logger.warning(f"{self._dataset_name}: no person does one of the seven actions")
            return OrderedDict()
        self._report(total)
        return OrderedDict({"ava": {k: 100 * v for k, v in total.compute().items()}})

    def _report(self, recovery: ActionRecovery) -> None:
        rows = {self._method: recovery.compute(), PRIOR_NAME: recovery.prior().compute()}
        self._logger.info(
            f"AVA actions, {self._method} on {self._dataset_name}: {len(recovery):,} persons in keyframes, in %\n"
            f"{recovery_table(rows)}\n{action_table(recovery.per_action())}"
        )
        if self._output_dir is None:
            return
        path = os.path.join(self._output_dir, f"ava_actions_{self._dataset_name}.json")
        document = {
            "format_version": FORMAT_VERSION,
            "dataset": self._dataset_name,
            "method": self._method,
            "samples": len(recovery),
            "actions": {action.name: action.id for action in ACTIONS},
            "metrics": rows[self._method],
            "per_action": recovery.per_action(),
            "prior": rows[PRIOR_NAME],
        }
        write_results(document, path)
        self._logger.info(f"AVA actions written to {path}")


def recovery_table(rows: Mapping[str, Mapping[str, float]]) -> str:
    """A row a method, in percent; both rows of a family of metrics share a column, its parameters apart by slashes.

    Args:
        rows: method -> what ``ActionRecovery.compute`` returns.
    """
    families: dict[str, list[str]] = {}
    for metric in next(iter(rows.values())):
        family = metric.rstrip("0123456789.")
        families.setdefault(family, []).append(metric)
    headers = [_header(family, metrics) for family, metrics in families.items()]
    body = [
        [method, *(" / ".join(f"{100 * values[m]:.1f}" for m in f) for f in families.values())]
        for method, values in rows.items()
    ]
    return tabulate(body, headers=["Method", *headers], disable_numparse=True)


def action_table(by_action: Mapping[str, Mapping]) -> str:
    """A row an action: its samples, recalls and AP in percent.

    Args:
        by_action: what ``ActionRecovery.per_action`` returns.
    """
    metrics = [m for m in next(iter(by_action.values())) if m != "samples"]
    body = [
        [
            name,
            values["samples"],
            *("-" if values[m] is None else f"{100 * values[m]:.1f}" for m in metrics),
        ]
        for name, values in by_action.items()
    ]
    return tabulate(body, headers=["Action", "samples", *metrics], disable_numparse=True)


def _header(family: str, metrics: list[str]) -> str:
    return f"{family}{' / '.join(metric.removeprefix(family) for metric in metrics)}"
