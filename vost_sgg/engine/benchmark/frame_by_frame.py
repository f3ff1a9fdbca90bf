"""The baseline of the video-level speed: a test loop as OED's, target by target."""

import copy

import torch
from torch import Tensor, nn

from vost_sgg.modeling.postprocessing import scene_graphs
from vost_sgg.modeling.targets import PairTargets
from vost_sgg.structures import FramePrediction, SlotStates


class FrameByFrame:
    """Runs a target and its references through everything anew for every target, as OED's test loop does.

    Plain float32 modules in channels-first order, padding masks passed though nothing is padded, and attention that
    computes its weights, which is how OED (and DETR) call ``nn.MultiheadAttention``. The parts are called one by one,
    so that what makes ``model.inference`` fast does not make this fast.

    Args:
        model: an ``OneStageSGG`` with a temporal aggregator; it is copied before anything in it is rearranged.
    """

    def __init__(self, model: nn.Module):
        self.model = copy.deepcopy(model).float().to(memory_format=torch.contiguous_format).eval()
        for part in self.model.modules():
            if isinstance(part, nn.MultiheadAttention):
                part.register_forward_pre_hook(_with_weights, with_kwargs=True)

    @torch.no_grad()
    def __call__(self, clip: dict) -> list[FramePrediction]:
        """As ``model.inference``: one prediction for each target of the clip, in its order."""
        return [
            self._refined([clip["frames"][t] for t in (target, *references)])
            for target, references in clip["references"].items()
        ]

    def _refined(self, frames: list[dict]) -> FramePrediction:
        """The prediction for the first of ``frames``; the others are its references."""
        model = self.model
        given = [frame["ground_truth"] for frame in frames if "ground_truth" in frame]
        known = PairTargets.stack(given, model.device) if given else None
        queries, priors = model.pair_queries(known, [frame.get("priors") for frame in frames])
        features, mask = self._features(frames)
        memory = model.image_encoder(features, mask)
        encode = model.multimodal_encoder
        state = model.decoder(queries, memory, memory if encode is None else encode(priors))
        states: SlotStates = model.slot_states(state, queries)
        outputs = model.temporal_outputs(states, [0], [list(range(1, len(frames)))])
        return scene_graphs(outputs, queries[[0]], [(frames[0]["width"], frames[0]["height"])])[0]

    def _features(self, frames: list[dict]) -> tuple[Tensor, Tensor]:
        model = self.model
        images = torch.stack([frame["image"].to(model.device).float() for frame in frames])
        images = (images - model.pixel_mean) / model.pixel_std
        mask = torch.zeros(len(images), *images.shape[2:], dtype=torch.bool, device=model.device)
        return model.backbone(images)[model.in_feature], mask


def _with_weights(_, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    return args, {**kwargs, "need_weights": True}


def largest_difference(
    ours: list[FramePrediction], theirs: list[FramePrediction], sizes: list[tuple[int, int]]
) -> float:
    """Over all scores, probabilities and boxes (as fractions of the frame's ``sizes``) of the same frames.

    Infinity where the slots or the classes differ.
    """
    largest = 0.0
    for a, b, size in zip(ours, theirs, sizes, strict=True):
        if not (torch.equal(a.pairs, b.pairs) and torch.equal(a.classes, b.classes)):
            return float("inf")
        differences = [(a.boxes - b.boxes) / torch.tensor([*size, *size])]
        for field in ("scores", "attention", "spatial", "contacting"):
            differences.append(getattr(a, field) - getattr(b, field))
        largest = max([largest, *(d.abs().max().item() for d in differences if d.numel())])
    return largest
