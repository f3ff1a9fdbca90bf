"""Evaluation of scene graphs: recall under named protocols, boxes' AP, frequency baseline, detectron2's evaluators."""

from vost_sgg.evaluation.build import EVALUATOR
from vost_sgg.evaluation.ceiling import recall_ceiling
from vost_sgg.evaluation.detection_evaluator import DetectionEvaluator
from vost_sgg.evaluation.evaluator import SceneGraphEvaluator
from vost_sgg.evaluation.frequency import FrequencyBaseline
from vost_sgg.evaluation.object_ap import ObjectAP
from vost_sgg.evaluation.prediction_file import PredictionFile
from vost_sgg.evaluation.recall import SceneGraphRecall
from vost_sgg.evaluation.tables import recall_header, recall_table
from vost_sgg.evaluation.triplet_counts import TripletCounts

__all__ = [
    "EVALUATOR",
    "DetectionEvaluator",
    "FrequencyBaseline",
    "ObjectAP",
    "PredictionFile",
    "SceneGraphEvaluator",
    "SceneGraphRecall",
    "TripletCounts",
    "recall_ceiling",
    "recall_header",
    "recall_table",
]
