"""The matchers against brute force: costs pair by pair, scipy on each frame alone, itertools for pair indices."""

import itertools

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment

from tests.modeling.oed_losses import cxcywh, giou
from tests.random_frames import random_ground_truth
from vost_sgg.config import get_vost_cfg
from vost_sgg.modeling.matcher import HungarianMatcher, PairIndexMatcher
from vost_sgg.modeling.targets import PairTargets

WIDTHS = {"object_logits": 38, "attention_logits": 4, "spatial_logits": 6, "contacting_logits": 17}


@pytest.fixture
def matcher():
    return HungarianMatcher(get_vost_cfg())


def frames_of(counts, seed=0):
    rng = np.random.default_rng(seed)
    return [random_ground_truth(rng, count) for count in counts]


def random_outputs(num_layers, batch, num_slots, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape = (num_layers, batch, num_slots)
    outputs = {k: 2 * torch.randn(*shape, w, generator=generator) for k, w in WIDTHS.items()}
    for side in ("subject", "object"):
        outputs[f"{side}_boxes"] = torch.rand(*shape, 4, generator=generator) * 0.5 + 0.25
    return outputs


def multi_hot_cost(p, target):
    there = sum(a for a, t in zip(p, target, strict=True) if t) / (sum(target) + 1e-4)
    absent = sum(1 - a for a, t in zip(p, target, strict=True) if not t)
    return -(there + absent / (len(target) - sum(target) + 1e-4)) / 2


def pair_cost(outputs, n, gt, k):
    """What slot ``n`` of one frame costs as pair ``k``, written plainly."""
    s, o = gt.pairs[k]
    cost = -outputs["object_logits"][n].softmax(0)[gt.classes[o] + 1].item()
    attention = outputs["attention_logits"][n].softmax(0)[:3].tolist()
    cost += multi_hot_cost(attention, gt.attention[k].tolist())
    for group in ("spatial", "contacting"):
        p = outputs[f"{group}_logits"][n].sigmoid().tolist()
        cost += multi_hot_cost(p, getattr(gt, group)[k].tolist())
    l1, overlap = [], []
    for side, box in (("subject", s), ("object", o)):
        predicted, target = outputs[f"{side}_boxes"][n].tolist(), cxcywh(gt.boxes[box], gt.size)
        l1.append(sum(abs(a - b) for a, b in zip(predicted, target, strict=True)))
        overlap.append(giou(predicted, target))
    return cost + 2.5 * max(l1) - min(overlap)


def test_hungarian_matching_equals_brute_force_frame_by_frame(matcher):
    frames = frames_of((4, 1, 6))
    outputs, targets = random_outputs(2, 3, 9), PairTargets.stack(frames, "cpu")
    valid = torch.arange(9) < torch.tensor([[9], [2], [7]])
    slots = matcher(outputs, valid, targets)
    assert slots.shape == (2, 3, 6)
    for layer, b in itertools.product(range(2), range(3)):
        one = {key: value[layer, b] for key, value in outputs.items()}
        num_slots, num_pairs = int(valid[b].sum()), len(frames[b])
        cost = [
            [pair_cost(one, n, frames[b], k) for k in range(num_pairs)] for n in range(num_slots)
        ]
        mine = matcher.cost(outputs, targets)[layer, b, :num_slots, :num_pairs]
        torch.testing.assert_close(mine, torch.tensor(cost), atol=1e-5, rtol=1e-5)
        rows, columns = linear_sum_assignment(np.array(cost))
        assert slots[layer, b, columns].tolist() == rows.tolist()


def test_a_padded_slot_is_never_assigned_however_good(matcher):
    (frame,) = frames_of((3,))
    targets, outputs = PairTargets.stack([frame], "cpu"), random_outputs(1, 1, 6)
    perfect = slice(3, 6)
    outputs["subject_boxes"][0, 0, perfect] = targets.subject_boxes[0]
    outputs["object_boxes"][0, 0, perfect] = targets.object_boxes[0]
    for k in range(3):
        outputs["object_logits"][0, 0, 3 + k, targets.object_classes[0, k] + 1] = 20.0
    everything = torch.ones(1, 6, dtype=torch.bool)
    assert matcher(outputs, everything, targets)[0, 0].tolist() == [3, 4, 5]
    assert sorted(matcher(outputs, torch.arange(6)[None] < 3, targets)[0, 0].tolist()) == [0, 1, 2]


def test_neighbours_with_more_pairs_change_no_assignment(matcher):
    frames, outputs = frames_of((2, 5)), random_outputs(1, 2, 8)
    valid = torch.ones(2, 8, dtype=torch.bool)
    together = matcher(outputs, valid, PairTargets.stack(frames, "cpu"))
    alone = matcher(
        {key: value[:, :1] for key, value in outputs.items()},
        valid[:1],
        PairTargets.stack(frames[:1], "cpu"),
    )
    assert torch.equal(together[0, 0, :2], alone[0, 0])


def test_more_pairs_than_slots_is_one_clear_error(matcher):
    targets = PairTargets.stack(frames_of((5,)), "cpu")
    with pytest.raises(ValueError, match="5 annotated pairs and the model 4 slots.*NUM_QUERIES"):
        matcher(random_outputs(1, 1, 4), torch.ones(1, 4, dtype=torch.bool), targets)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_outputs_that_are_not_finite_are_one_clear_error(matcher, value):
    outputs, targets = random_outputs(1, 2, 4), PairTargets.stack(frames_of((2, 3)), "cpu")
    outputs["object_boxes"][0, 1, 2] = value
    with pytest.raises(FloatingPointError, match="the model's outputs are not"):
        matcher(outputs, torch.ones(2, 4, dtype=torch.bool), targets)


def test_pair_indices_are_those_of_itertools():
    frames = frames_of((4, 1, 6))
    # One frame whose person is not its first box.
    frames[0].pairs = np.array([[2, 0], [2, 1], [2, 3], [2, 4]])
    targets = PairTargets.stack(frames, "cpu")
    slots = PairIndexMatcher()(random_outputs(2, 3, 42), torch.ones(3, 42), targets)
    pairs, valid = targets.ordered_pairs()
    for b, frame in enumerate(frames):
        order = list(itertools.permutations(range(len(frame.boxes)), 2))
        assert pairs[b, valid[b]].tolist() == [list(pair) for pair in order]
        expected = [order.index(tuple(pair)) for pair in frame.pairs.tolist()]
        assert slots[:, b, : len(frame)].tolist() == [expected, expected]
