"""Training and evaluation: the trainer, its optimizer, checkpoints that resume exactly."""

from vost_sgg.engine.checkpointer import SGGCheckpointer
from vost_sgg.engine.trainer import SGGTrainer

__all__ = ["SGGCheckpointer", "SGGTrainer"]
