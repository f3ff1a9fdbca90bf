"""The baseline of the video-level speed: a test loop as OED's, target by target."""

import copy

import torch
from torch import nn

from vost_sgg.engine.benchmark.plain import make_plain
from vost_sgg.modeling.postprocessing import scene_graphs
from vost_sgg.modeling.targets import PairTargets
from vost_sgg.structures import FramePrediction, SlotStates


class FrameByFrame:
    """Runs a target and its references through everything anew for every target, as OED's test loop does.

    The model is plain (:func:`make_plain`), and its phases are called one by one, so that what makes
    ``model.inference`` fast does not make this fast.

    Args:
        model: an ``OneStageSGG`` with a temporal aggregator, as it is built; it is copied.
    """

    def __init__(self, model: nn.Module):
        self.model = make_plain(copy.deepcopy(model)).eval()

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
        state = model.spatial_phase(*model.preprocess(frames), queries, priors)
        states: SlotStates = model.slot_states(state, queries)
        outputs = model.temporal_outputs(states, [0], [list(range(1, len(frames)))])
        return scene_graphs(outputs, queries[[0]], [(frames[0]["width"], frames[0]["height"])])[0]


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
