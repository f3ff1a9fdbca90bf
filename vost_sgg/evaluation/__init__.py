"""Evaluation of scene graphs: recall under named protocols, the frequency baseline, detectron2's evaluator."""

from vost_sgg.evaluation.recall import SceneGraphRecall

__all__ = ["SceneGraphRecall"]
