"""The detector: matching and losses against plain loops, gradients, padding, and what it returns."""

import itertools
import math

import numpy as np
import pytest
import torch

from tests.modeling.conftest import TINY
from tests.modeling.oed_losses import cxcywh, giou
from tests.random_frames import random_ground_truth
from vost_sgg.config import get_vost_cfg, stage_configs
from vost_sgg.modeling import build_model
from vost_sgg.modeling.detection_criterion import DetectionCriterion
from vost_sgg.modeling.targets import PairTargets


@pytest.fixture
def cfg():
    return stage_configs(get_vost_cfg("configs/sample/detr.yaml", TINY))["DETECTOR"]


@pytest.fixture
def detector(cfg):
    torch.manual_seed(0)
    return build_model(cfg).eval()


@pytest.fixture
def criterion(cfg):
    return DetectionCriterion(cfg)


def frames_of(counts):
    rng = np.random.default_rng(0)
    return [random_ground_truth(rng, count) for count in counts]


def random_outputs(num_layers, batch, num_queries):
    shape = (num_layers, batch, num_queries)
    return 2 * torch.randn(*shape, 38), torch.rand(*shape, 4) * 0.5 + 0.25


def pair_cost(logits, box, frame, m):
    """DETR's: 1, 5 and 2 of class, L1 and GIoU."""
    annotated = cxcywh(frame.boxes[m], frame.size)
    p = logits.softmax(-1)[int(frame.classes[m]) + 1].item()
    l1 = sum(abs(a - b) for a, b in zip(box.tolist(), annotated, strict=True))
    return -p + 5 * l1 - 2 * giou(box.tolist(), annotated)


def best_assignment(logits, boxes, frame):
    """The queries of the frame's boxes, out of all ways to choose them."""
    queries = range(len(logits))
    cost = [
        [pair_cost(logits[q], boxes[q], frame, m) for m in range(len(frame.boxes))] for q in queries
    ]
    ways = itertools.permutations(queries, len(frame.boxes))
    return min(ways, key=lambda way: sum(cost[q][m] for m, q in enumerate(way)))


def expected_losses(logits, boxes, frames):
    """DETR's losses of one layer, box by box and query by query."""
    nll, weights, l1, overlap, count = 0.0, 0.0, 0.0, 0.0, 0
    for b, frame in enumerate(frames):
        way = best_assignment(logits[b], boxes[b], frame)
        for q, row in enumerate(logits[b].log_softmax(-1)):
            label = int(frame.classes[way.index(q)]) + 1 if q in way else 37
            weight = 0.1 if label == 37 else 1.0
            nll, weights = nll - weight * row[label].item(), weights + weight
        for m, q in enumerate(way):
            annotated, box = cxcywh(frame.boxes[m], frame.size), boxes[b, q].tolist()
            l1 += sum(abs(x - y) for x, y in zip(box, annotated, strict=True))
            overlap += 1 - giou(box, annotated)
            count += 1
    return {
        "loss_class": nll / weights,
        "loss_l1": 5 * l1 / count,
        "loss_giou": 2 * overlap / count,
    }


def test_losses_equal_detrs_written_as_loops_on_every_layer(criterion):
    frames = frames_of((2, 0, 3))
    logits, boxes = random_outputs(2, 3, 5)
    losses = criterion(logits, boxes, PairTargets.stack(frames, "cpu"))
    for layer, suffix in enumerate(("_0", "")):
        for name, value in expected_losses(logits[layer], boxes[layer], frames).items():
            assert losses.pop(name + suffix).item() == pytest.approx(value, rel=1e-4), name + suffix
    assert not losses


def test_perfect_outputs_in_any_order_cost_nothing(criterion):
    frames = frames_of((3, 1))
    targets = PairTargets.stack(frames, "cpu")
    logits, boxes = torch.zeros(1, 2, 7, 38), torch.rand(1, 2, 7, 4)
    logits[..., 37] = 40.0
    for b, frame in enumerate(frames):
        for m, query in enumerate(torch.randperm(7)[: len(frame.boxes)].tolist()):
            logits[0, b, query, 37] = 0.0
            logits[0, b, query, int(frame.classes[m]) + 1] = 40.0
            boxes[0, b, query] = targets.boxes[b, m]
    assert sum(criterion(logits, boxes, targets).values()).item() < 1e-4


def test_a_batch_without_any_box_has_only_background(criterion):
    (frame,) = frames_of((0,))
    frame.boxes, frame.classes = frame.boxes[:0], frame.classes[:0]
    logits, boxes = random_outputs(1, 1, 4)
    losses = criterion(logits, boxes, PairTargets.stack([frame], "cpu"))
    assert losses["loss_l1"] == losses["loss_giou"] == 0
    expected = -logits.log_softmax(-1)[0, 0, :, 37].mean()
    assert losses["loss_class"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_more_boxes_than_queries_and_numbers_that_are_none_are_one_clear_error(criterion):
    targets = PairTargets.stack(frames_of((4,)), "cpu")
    with pytest.raises(ValueError, match="5 annotated boxes and the model 4 slots.*NUM_QUERIES"):
        criterion(*random_outputs(1, 1, 4), targets)
    logits, boxes = random_outputs(1, 1, 6)
    boxes[0, 0, 2] = math.nan
    with pytest.raises(FloatingPointError, match="the model's outputs are not"):
        criterion(logits, boxes, targets)


def test_every_parameter_gets_a_gradient(detector, make_clip):
    losses = detector.train()([make_clip(3), make_clip(2)])
    assert set(losses) == {
        f"loss_{kind}{suffix}" for kind in ("class", "l1", "giou") for suffix in ("_0", "_1", "")
    }
    sum(losses.values()).backward()
    silent = [n for n, p in detector.named_parameters() if p.grad is None or not p.grad.any()]
    # The content starts from zeros, so that before the first step nothing flows through these (as in OED).
    first = "decoder.layers.0"
    assert silent == [
        f"{first}.self_attn.in_proj_weight",
        f"{first}.self_attn.out_proj.weight",
        f"{first}.norm1.weight",
    ]


def test_only_the_targets_of_a_clip_are_trained_on(detector, make_clip):
    frames = [make_clip(n)["frames"][0] for n in (2, 3)]
    detector.train()
    for module in detector.modules():
        if isinstance(
            module, torch.nn.Dropout | torch.nn.MultiheadAttention | torch.nn.BatchNorm2d
        ):
            module.eval()
    with_reference = detector([{"frames": frames, "references": {1: [0]}}])
    alone = detector([{"frames": frames[1:], "references": {0: []}}])
    for name, value in alone.items():
        torch.testing.assert_close(with_reference[name], value)


@torch.no_grad()
def test_a_padded_image_gives_the_same_in_any_batch(detector, make_clip):
    small, large = make_clip(2, (48, 80)), make_clip(4, (64, 96))
    images, mask = detector.preprocess([small["frames"][0], large["frames"][0]])
    together = detector.predict_logits(images, mask)
    alone = detector.predict_logits(images[:1], mask[:1])
    for a, b in zip(together, alone, strict=True):
        torch.testing.assert_close(a[:, :1], b, atol=2e-5, rtol=1e-5)


@torch.no_grad()
def test_videos_of_several_sizes_equal_single_frames_in_their_pixels(detector, make_clip):
    shapes = ((64, 96), (96, 64), (64, 96), (64, 96), (96, 64))
    frames = [make_clip(1, shape)["frames"][0] for shape in shapes]
    for frame in frames:
        del frame["ground_truth"]  # nothing is given when testing
        frame["width"] *= 2
    detector.frames_per_batch = 2
    (found,) = detector([{"frames": frames, "references": {t: [] for t in (4, 0, 1, 2)}}])
    for t, prediction in zip((4, 0, 1, 2), found, strict=True):
        ((alone,),) = detector([{"frames": [frames[t]], "references": {0: []}}])
        torch.testing.assert_close(prediction.boxes, alone.boxes, atol=1e-3, rtol=1e-5)
        torch.testing.assert_close(prediction.scores, alone.scores, atol=1e-5, rtol=1e-5)
        logits, boxes = detector.predict_logits(*detector.preprocess([frames[t]]))
        centre = boxes[-1, 0, :, 0] * frames[t]["width"]
        torch.testing.assert_close(alone.boxes[:, ::2].mean(1), centre, atol=1e-3, rtol=1e-5)
        probability = logits[-1, 0].softmax(-1).gather(1, alone.classes[:, None] + 1)[:, 0]
        torch.testing.assert_close(alone.scores, probability)
        assert len(prediction.scores) == 20 and len(prediction) == 0
        assert prediction.classes.min() >= 0 and prediction.classes.max() <= 35


def test_the_full_size_detector_has_detrs_parameters():
    """DETR-R50 has 41,524,768 with its frozen stem and norms' shifts left out, and 92 classes in place of 38."""
    cfg = get_vost_cfg("configs/detr_action_genome.yaml", ["MODEL.DEVICE", "cpu"])
    model = build_model(stage_configs(cfg)["DETECTOR"])
    assert sum(p.numel() for p in model.parameters()) == 41_524_768 - (92 - 38) * 257
