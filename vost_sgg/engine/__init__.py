"""Training, evaluation and prediction: the trainer, its optimizer, checkpoints that resume exactly, the predictor."""

from vost_sgg.engine.checkpointer import SGGCheckpointer
from vost_sgg.engine.predictor import SceneGraphPredictor
from vost_sgg.engine.trainer import SGGTrainer

__all__ = ["SGGCheckpointer", "SGGTrainer", "SceneGraphPredictor"]
