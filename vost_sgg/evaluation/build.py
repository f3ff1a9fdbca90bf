"""The registry of evaluators."""

from vost_sgg.registry import PartRegistry

EVALUATOR = PartRegistry("EVALUATOR")
EVALUATOR.__doc__ = """
Evaluators: detectron2 ``DatasetEvaluator`` s over clips, chosen by ``MODEL.EVALUATOR.NAME``.

Built by ``EVALUATOR.build(cfg, dataset_name=..., baseline=...)``: ``dataset_name`` is a name of detectron2's catalogs;
``baseline`` is None or has ``predict(FramePrediction) -> FramePrediction``, scored on the same frames
by what has a use for it.

- ``reset()`` forgets everything.
- ``process(inputs, outputs)``: ``inputs`` is a list of clips ``{"frames": [...], "references": {target: [...]}}``, each
  frame with its ``"ground_truth"`` (FrameGroundTruth in original pixels); ``outputs`` has one list a clip, with one
  FramePrediction a target in the order of ``references``. Neither is changed. Each process sees its own shard, which
  may be empty.
- ``evaluate()`` is called by every process at the same time. The main process returns ``{task: {metric: float}}`` over
  all shards, equal to the bit to what one process would find; the others return ``{}``.
"""
