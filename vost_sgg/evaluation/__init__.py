"""Evaluation of scene graphs: recall under named protocols, the frequency baseline, detectron2's evaluator."""

from vost_sgg.evaluation.build import EVALUATOR
from vost_sgg.evaluation.evaluator import SceneGraphEvaluator
from vost_sgg.evaluation.frequency import FrequencyBaseline
from vost_sgg.evaluation.recall import SceneGraphRecall
from vost_sgg.evaluation.tables import recall_header, recall_table

__all__ = [
    "EVALUATOR",
    "FrequencyBaseline",
    "SceneGraphEvaluator",
    "SceneGraphRecall",
    "recall_header",
    "recall_table",
]
