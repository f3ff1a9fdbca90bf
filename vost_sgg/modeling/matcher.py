"""Which slot answers for which annotated pair (Eq. 10)."""

import torch
from detectron2.config import configurable
from torch import Tensor

from vost_sgg.modeling.targets import PairTargets
from vost_sgg.registry import PartRegistry

MATCHER = PartRegistry("MATCHER")
MATCHER.__doc__ = """
Assigns a slot to every annotated pair, one to one within a frame, without gradients.

Built with ``(cfg)``. Called with ``(outputs, targets)``: the heads' outputs of every layer, (L, B, N, ...) each, and
the :class:`~vost_sgg.modeling.targets.PairTargets` with K pairs. Returns (L, B, K) int64, the slot of each pair; what
stands where ``targets.valid`` is False is not read.
"""


@MATCHER.register()
class IdentityMatcher:
    """Slot i is pair i: PredCLS, where the slots are made from the annotated pairs."""

    @configurable
    def __init__(self):
        pass

    @classmethod
    def from_config(cls, cfg):
        return {}

    def __call__(self, outputs: dict[str, Tensor], targets: PairTargets) -> Tensor:
        """As the contract of :data:`MATCHER`."""
        num_layers = len(outputs["object_logits"])
        slots = torch.arange(targets.valid.shape[1], device=targets.valid.device)
        return slots.expand(num_layers, *targets.valid.shape)
