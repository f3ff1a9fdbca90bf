"""Hooks of the training loop that detectron2 has not, and what goes with them."""

import logging
import os

from detectron2.engine import HookBase, hooks

from vost_sgg.engine.checkpointer import FINAL_NAME, SGGCheckpointer

logger = logging.getLogger(__name__)


def cut_unfinished_line(path: str) -> None:
    """Cuts off what is behind the last line break of a local file, if there is one: a process was killed, or its disk
    full, while it wrote there, and what is appended next would be lost in the same line."""
    if not os.path.isfile(path):
        return
    with open(path, "rb+") as file:
        content = file.read()
        end = content.rfind(b"\n") + 1
        if end < len(content):
            logger.warning(f"{path}: its last line is unfinished and cut off")
            file.truncate(end)


class FinishedEvalHook(hooks.EvalHook):
    """detectron2's, but without an evaluation behind an error in the last iteration."""

    def after_train(self) -> None:
        # Called behind an error too; the iteration counts on only where there was none.
        self._eval_after_train = self.trainer.iter >= self.trainer.max_iter
        super().after_train()


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
        self.trainer.check_step()
        self.checkpointer.save(FINAL_NAME if last else f"model_{self.trainer.iter:07d}")
