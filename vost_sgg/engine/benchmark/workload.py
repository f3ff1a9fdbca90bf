"""What of a model is measured, where and how often."""

from dataclasses import dataclass

import torch
from torch import nn

from vost_sgg.structures import FramePrediction

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Workload:
    """What is measured, and how often.

    Args:
        device: of the model.
        precision: a key of ``PRECISIONS``; bfloat16 is autocast's.
        frames: of the video.
        size: (width, height) of its frames in pixels, before they are resized as at test time.
        repeats: timings of which the median is taken.
    """

    device: torch.device
    precision: str
    frames: int
    size: tuple[int, int]
    repeats: int

    def run(self, model: nn.Module, clip: dict) -> list[FramePrediction]:
        """The model's predictions for the targets of ``clip``."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            return model([clip])[0]
