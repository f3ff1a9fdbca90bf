"""Arithmetic of a model's phases and of its training step, counted by fvcore."""

import logging
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import torch
from fvcore.nn import FlopCountAnalysis
from torch import nn

from vost_sgg.engine.benchmark.timing import phase_of
from vost_sgg.modeling.detector import DETRDetector
from vost_sgg.modeling.meta_arch import OneStageSGG
from vost_sgg.modeling.targets import PairTargets

# Each of these is a function of one tensor: what a tracer can follow.


class _SpatialPhase(nn.Module):
    """Images -> the spatial heads' outputs."""

    def __init__(self, model: OneStageSGG, frame: dict):
        super().__init__()
        self.model, self.given = model, _given([frame], model.device)

    def forward(self, images):
        queries, priors = self.model.pair_queries(*self.given)
        state = self.model.spatial_phase(images, None, queries, priors)
        return tuple(self.model.spatial_outputs(state.pair[-1], state.predicate[-1]).values())


class _TemporalPhase(nn.Module):
    """Features of the slots of a target and its references -> the temporal heads' outputs."""

    def __init__(self, model: OneStageSGG, frames: Sequence[dict]):
        super().__init__()
        self.model, self.references = model, list(range(1, len(frames)))
        queries, priors = model.pair_queries(*_given(frames, model.device))
        state = model.spatial_phase(*model.preprocess(frames), queries, priors)
        self.states = model.slot_states(state, queries)

    def forward(self, features):
        states = replace(self.states, features=features)
        return tuple(self.model.temporal_outputs(states, [0], [self.references]).values())


class _Detector(nn.Module):
    def __init__(self, model: DETRDetector):
        super().__init__()
        self.model = model

    def forward(self, images):
        return self.model.predict_logits(images, None)


def count_flops(model: nn.Module, frames: Sequence[dict]) -> dict:
    """Counts in float32; ``model`` is in eval mode.

    Args:
        model: an ``OneStageSGG``.
        frames: a target, then its references.

    Returns:
        ``per_frame`` of the spatial phase, ``per_target`` of the temporal one (0 where there is none) and ``phases`` of
        a frame that is a target too, fvcore's count: a multiply-add counts one; ``uncounted``: the operators that it
        knows no count for, with their number (elementwise arithmetic, mostly).
    """
    analyses = _analyses(model, frames)
    phases, uncounted = Counter(), Counter()
    for analysis in analyses.values():
        uncounted.update(analysis.unsupported_ops())
        for name, count in analysis.by_module().items():
            parent, _, part = name.partition(".")
            if parent == "model" and part and "." not in part and count:
                phases[phase_of(part)] += count
    return {
        "per_frame": analyses["frame"].total(),
        "per_target": analyses["target"].total() if "target" in analyses else 0,
        "phases": dict(phases),
        "uncounted": dict(uncounted),
    }


def count_step_flops(model: nn.Module, clips: list[dict]) -> float:
    """About what a training step on ``clips`` takes, by the first of them: of the forward pass, three times what is
    trained (its backward pass gives gradients of inputs and of weights) and once what is frozen. ``model`` is in eval
    mode, an ``OneStageSGG`` or a ``DETRDetector``.
    """
    times = {
        "frame": sum(len(clip["frames"]) for clip in clips),
        "target": sum(len(clip["references"]) for clip in clips),
    }
    return sum(
        times[name] * _with_backward("", analysis._model, analysis.by_module())
        for name, analysis in _analyses(model, clips[0]["frames"]).items()
    )


def _with_backward(name: str, module: nn.Module, counts: Counter) -> float:
    trained = [p.requires_grad for p in module.parameters()]
    if not any(trained) or all(trained):
        return (3 if trained and all(trained) else 1) * counts[name]
    parts = {f"{name}.{child}".strip("."): part for child, part in module.named_children()}
    own = counts[name] - sum(counts[part] for part in parts)
    return 3 * own + sum(_with_backward(part, child, counts) for part, child in parts.items())


@torch.no_grad()
def _analyses(model: nn.Module, frames: Sequence[dict]) -> dict[str, FlopCountAnalysis]:
    """Of what runs once a frame, and of what runs once a target, where there is such a thing."""
    images, _ = model.preprocess(frames[:1])
    if isinstance(model, DETRDetector):
        return {"frame": _analysis(_Detector(model), images)}
    analyses = {"frame": _analysis(_SpatialPhase(model, frames[0]), images)}
    if model.temporal_aggregator is not None:
        phase = _TemporalPhase(model, frames)
        analyses["target"] = _analysis(phase, phase.states.features)
    return analyses


def _analysis(phase: nn.Module, of: torch.Tensor) -> FlopCountAnalysis:
    logging.getLogger("fvcore").setLevel(logging.ERROR)
    analysis = FlopCountAnalysis(phase.eval(), of)
    analysis.set_op_handle("aten::scaled_dot_product_attention", _attention_flops)
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    analysis.tracer_warnings("none")
    analysis.total()  # traced now, where no gradients are
    return analysis


def _given(frames: Sequence[dict], device) -> tuple[PairTargets | None, list]:
    """What is known of ``frames``, and their priors."""
    known = [frame["ground_truth"] for frame in frames if "ground_truth" in frame]
    targets = PairTargets.stack(known, device) if known else None
    return targets, [frame.get("priors") for frame in frames]


def _attention_flops(inputs: list, _) -> int:
    """Of queries (..., Q, d), keys (..., M, d) and values (..., M, e): scores, then weighted sums."""
    query, key, value = (value.type().sizes() for value in inputs[:3])
    return math.prod(query[:-1]) * key[-2] * (query[-1] + value[-1])
