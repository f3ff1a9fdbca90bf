"""Hooks of the training loop that detectron2 has not."""

from detectron2.engine import HookBase

from vost_sgg.engine.checkpointer import FINAL_NAME, SGGCheckpointer


class EpochCheckpointer(HookBase):
    """Writes a checkpoint every ``period`` iterations and, as ``model_final``, after the last one.

    All of them are kept: OED's published rows evaluate an epoch before the last. Every process must have this hook,
    since each gives its random state.

    Args:
        checkpointer: what writes.
        period: iterations between two checkpoints; 0 for the last one only.
    """

    def __init__(self, checkpointer: SGGCheckpointer, period: int):
        self.checkpointer = checkpointer
        self.period = period

    def after_step(self) -> None:
        done = self.trainer.iter + 1
        last = done == self.trainer.max_iter
        if not last and (self.period == 0 or done % self.period):
            return
        self.trainer.check_finite()
        self.checkpointer.save(FINAL_NAME if last else f"model_{self.trainer.iter:07d}")
