"""Arithmetic of the spatial phase, counted by fvcore."""

import logging
import math

import torch
from fvcore.nn import FlopCountAnalysis
from torch import nn

from vost_sgg.engine.benchmark.timing import phase_of
from vost_sgg.modeling.targets import PairTargets


class _SpatialPhase(nn.Module):
    """Images -> the spatial heads' outputs, as a function of one tensor: what a tracer can follow."""

    def __init__(self, model: nn.Module, frame: dict):
        super().__init__()
        self.model = model
        known = frame.get("ground_truth")
        self.known = None if known is None else PairTargets.stack([known], model.device)
        self.priors = [frame.get("priors")]

    def forward(self, images):
        queries, priors = self.model.pair_queries(self.known, self.priors)
        state = self.model.spatial_phase(images, None, queries, priors)
        return tuple(self.model.spatial_outputs(state.pair[-1], state.predicate[-1]).values())


@torch.no_grad()
def count_flops(model: nn.Module, frame: dict) -> dict:
    """Counts one frame's spatial phase in float32; ``model`` is in eval mode.

    Returns:
        ``per_frame`` and ``phases``, fvcore's count: a multiply-add counts one; ``uncounted``: the operators that it
        knows no count for, with their number (elementwise arithmetic, mostly).
    """
    images, _ = model.preprocess([frame])
    analysis = FlopCountAnalysis(_SpatialPhase(model, frame), images)
    analysis.set_op_handle("aten::scaled_dot_product_attention", _attention_flops)
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    analysis.tracer_warnings("none")
    logging.getLogger("fvcore").setLevel(logging.ERROR)
    phases: dict[str, float] = {}
    for name, count in analysis.by_module().items():
        parent, _, part = name.partition(".")
        if parent == "model" and part and "." not in part and count:
            phases[phase_of(part)] = phases.get(phase_of(part), 0) + count
    return {
        "per_frame": analysis.total(),
        "phases": phases,
        "uncounted": dict(analysis.unsupported_ops()),
    }


def _attention_flops(inputs: list, _) -> int:
    """Of queries (..., Q, d), keys (..., M, d) and values (..., M, e): scores, then weighted sums."""
    query, key, value = (value.type().sizes() for value in inputs[:3])
    return math.prod(query[:-1]) * key[-2] * (query[-1] + value[-1])
