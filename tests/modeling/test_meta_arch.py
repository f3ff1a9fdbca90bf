"""The assembled model against OED written again, and what must not change its output: batching and padding."""

import pytest
import torch

from tests.modeling.conftest import TINY
from tests.modeling.oed_losses import oed_predcls_losses
from tests.modeling.oed_reference import oed_predcls
from vost_sgg.config import get_vost_cfg, stage_configs
from vost_sgg.engine.optimizer import build_optimizer, max_gradient_norm
from vost_sgg.modeling import build_model


def reference_outputs(model, clip):
    frame = clip["frames"][0]
    image = (frame["image"].float() - model.pixel_mean) / model.pixel_std
    features = model.backbone(image[None])[model.in_feature][0]
    return oed_predcls(
        model.state_dict(),
        features,
        frame["ground_truth"],
        model.query_initializer.class_embedding.weight,
        encoder_layers=2,
        decoder_layers=3,
        num_heads=4,
    )


def logits(model, clips):
    frames = [clip["frames"][0] for clip in clips]
    images, padding_mask = model.preprocess(frames)
    return model.predict_logits(images, padding_mask, [frame["ground_truth"] for frame in frames])


@torch.no_grad()
def test_a_padded_batch_equals_oed_frame_by_frame(tiny_model, make_clip):
    clips = [make_clip(3), make_clip(1), make_clip(5)]
    outputs = logits(tiny_model, clips)
    for b, clip in enumerate(clips):
        expected = reference_outputs(tiny_model, clip)[-1]
        for key, value in expected.items():
            torch.testing.assert_close(outputs[key][b, : len(value)], value, atol=2e-5, rtol=1e-5)


@torch.no_grad()
def test_a_padded_image_gives_the_same_in_any_batch(tiny_model, make_clip):
    small, large = make_clip(2, (48, 80)), make_clip(4, (64, 96))
    images, mask = tiny_model.preprocess([small["frames"][0], large["frames"][0]])
    ground_truth = [small["frames"][0]["ground_truth"], large["frames"][0]["ground_truth"]]
    together = tiny_model.predict_logits(images, mask, ground_truth)
    alone = tiny_model.predict_logits(images[:1], mask[:1], ground_truth[:1])
    for key, value in alone.items():
        torch.testing.assert_close(together[key][0, :2], value[0], atol=2e-5, rtol=1e-5)


@torch.no_grad()
def test_image_padding_tokens_change_nothing(tiny_model):
    features = torch.randn(1, 32, 4, 6)
    mask = torch.zeros(1, 64, 96, dtype=torch.bool)
    mask[:, :, 64:] = True
    other = features.clone()
    other[..., 4:] = 7.0
    a, b = (tiny_model.image_encoder(f, mask) for f in (features, other))
    visible = ~a.padding_mask[0]
    assert visible.sum() == 16
    torch.testing.assert_close(a.features[0, visible], b.features[0, visible])


def test_losses_equal_oeds_formulas_on_every_layer(tiny_model, make_clip):
    clips = [make_clip(3), make_clip(1), make_clip(5)]
    references = [reference_outputs(tiny_model, clip) for clip in clips]
    ground_truth = [clip["frames"][0]["ground_truth"] for clip in clips]
    tiny_model.train()
    for module in tiny_model.modules():  # the formulas have neither dropout nor batch statistics
        if isinstance(
            module, torch.nn.Dropout | torch.nn.MultiheadAttention | torch.nn.BatchNorm2d
        ):
            module.eval()
    losses = tiny_model(clips)
    for layer, suffix in enumerate(("_0", "_1", "")):
        expected = oed_predcls_losses(
            [(r[layer], gt) for r, gt in zip(references, ground_truth, strict=True)]
        )
        for name, value in expected.items():
            assert losses.pop(name + suffix).item() == pytest.approx(float(value), rel=2e-4), (
                name + suffix
            )
    assert not losses


def test_every_trained_parameter_gets_a_gradient(tiny_model, make_clip):
    tiny_model.train()
    sum(tiny_model([make_clip(3), make_clip(2)]).values()).backward()
    silent = [
        name
        for name, p in tiny_model.named_parameters()
        if p.requires_grad and (p.grad is None or not p.grad.any())
    ]
    # OED's predicate queries start from zeros, so that before the first step nothing flows through these.
    first = "decoder.predicate_decoder.layers.0"
    assert silent == [
        f"{first}.self_attn.in_proj_weight",
        f"{first}.self_attn.out_proj.weight",
        f"{first}.norm1.weight",
    ]


def test_a_batch_without_any_pair_gives_zero_losses_and_finite_gradients(tiny_model, make_clip):
    tiny_model.train()
    losses = tiny_model([make_clip(0), make_clip(0)])
    sum(losses.values()).backward()
    assert all(value.item() == 0 for value in losses.values())
    assert all(p.grad.isfinite().all() for p in tiny_model.parameters() if p.grad is not None)


@torch.no_grad()
def test_a_frame_without_pairs_leaves_its_neighbours_alone(tiny_model, make_clip):
    full, empty = make_clip(3), make_clip(0)
    together, alone = logits(tiny_model, [full, empty]), logits(tiny_model, [full])
    for key, value in alone.items():
        torch.testing.assert_close(together[key][0], value[0], atol=2e-5, rtol=1e-5)
        assert together[key].isfinite().all()


@torch.no_grad()
def test_inference_returns_the_given_boxes_and_classes_in_pixels(tiny_model, make_clip):
    video = {
        "frames": [make_clip(n)["frames"][0] for n in (2, 0, 4)],
        "references": {0: [], 1: [], 2: []},
    }
    video["frames"].append(make_clip(1, (96, 64))["frames"][0])
    video["references"][3] = []
    (predictions,) = tiny_model([video])
    assert [len(p) for p in predictions] == [2, 0, 4, 1]
    for prediction, frame in zip(predictions, video["frames"], strict=True):
        truth = frame["ground_truth"]
        boxes = torch.as_tensor(truth.boxes[truth.pairs.T.reshape(-1)])
        torch.testing.assert_close(prediction.boxes, boxes, atol=1e-3, rtol=1e-5)
        assert prediction.classes.tolist() == truth.classes[truth.pairs.T.reshape(-1)].tolist()
        assert (prediction.scores == 1).all()
        torch.testing.assert_close(prediction.attention.sum(1), torch.ones(len(prediction)))


@torch.no_grad()
def test_video_batches_equal_single_frames(tiny_model, make_clip):
    frames = [make_clip(n)["frames"][0] for n in (1, 3, 2, 4, 1)]
    video = {"frames": frames, "references": {t: [] for t in range(5)}}
    tiny_model.frames_per_batch = 2
    (together,) = tiny_model([video])
    for prediction, frame in zip(together, frames, strict=True):
        ((alone,),) = tiny_model([{"frames": [frame], "references": {0: []}}])
        torch.testing.assert_close(prediction.contacting, alone.contacting, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("task", ["predcls", "sgcls", "sgdet"])
@pytest.mark.parametrize("counts", [(0, 2, 3), (2, 0, 0), (0, 0, 0)])
def test_temporal_frames_without_pairs_give_finite_numbers(make_clip, task, counts):
    """Of a target and its two references, some have no annotated pair."""
    model = build_model(get_vost_cfg(f"configs/sample/oed_{task}.yaml", TINY))
    clip = {"frames": [make_clip(n)["frames"][0] for n in counts], "references": {0: [1, 2]}}
    losses = model.train()([clip])
    sum(losses.values()).backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)
    assert all(loss.isfinite() for loss in losses.values())
    if task == "predcls" and counts[0] == 0:
        assert all(loss.item() == 0 for loss in losses.values())
    with torch.no_grad():
        ((prediction,),) = model.eval()([clip])
    slots = {"predcls": counts[0], "sgcls": counts[0] * (counts[0] + 1), "sgdet": 20}[task]
    assert len(prediction) == slots and prediction.contacting.isfinite().all()


@torch.no_grad()
def test_sgdet_needs_no_annotations_when_testing(make_clip):
    model = build_model(get_vost_cfg("configs/sample/oed_sgdet.yaml", TINY)).eval()
    frames = [make_clip(2)["frames"][0] for _ in range(3)]
    references = {0: [1, 2], 1: [0], 2: []}
    (expected,) = model([{"frames": frames, "references": references}])
    bare = [{k: v for k, v in frame.items() if k != "ground_truth"} for frame in frames]
    (found,) = model([{"frames": bare, "references": references}])
    for a, b in zip(expected, found, strict=True):
        assert torch.equal(a.contacting, b.contacting) and torch.equal(a.boxes, b.boxes)


@torch.no_grad()
def test_predcls_without_annotations_is_one_clear_error(tiny_model, make_clip):
    clip = make_clip(2)
    del clip["frames"][0]["ground_truth"]
    with pytest.raises(ValueError, match="needs the given boxes of every frame"):
        tiny_model([clip])


# OED's temporal PredCLS and SGCLS hold 6,939 parameters of predicate heads and 25,600 of learned queries that nothing
# reads (54,731,346 and 54,615,126 with them, 6,939 of them trained); ours have neither.
@pytest.mark.parametrize(
    ("task", "spatial", "temporal", "trained"),
    [
        ("predcls", 41_811_721, 54_731_346 - 6_939 - 25_600, 12_894_025 - 6_939),
        ("sgcls", 41_694_987, 54_615_126 - 6_939 - 25_600, 12_894_539 - 6_939),
        ("sgdet", 51_123_465, 64_017_490, 12_894_025),
    ],
)
def test_full_size_oed_has_the_papers_parameters(task, spatial, temporal, trained):
    stages = stage_configs(get_vost_cfg(f"configs/oed_{task}.yaml", ["MODEL.DEVICE", "cpu"]))
    parameters = {name: dict(build_model(cfg).named_parameters()) for name, cfg in stages.items()}
    assert sum(p.numel() for p in parameters["SPATIAL"].values()) == spatial
    assert sum(p.numel() for p in parameters["TEMPORAL"].values()) == temporal
    train_only = stages["TEMPORAL"].SOLVER.TRAIN_ONLY
    assert (
        sum(p.numel() for name, p in parameters["TEMPORAL"].items() if train_only in name)
        == trained
    )


@pytest.mark.slow
def test_full_size_oed_predcls_trains_and_evaluates_one_step(make_clip):
    """Made-up weights, one real-size frame: OED's 999 x 562."""
    cfg = get_vost_cfg("configs/oed_predcls.yaml", ["MODEL.DEVICE", "cpu"])
    cfg = stage_configs(cfg)["SPATIAL"]
    model = build_model(cfg)
    model.query_initializer.class_embedding.fill(torch.randn(36, 200))
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = build_optimizer(cfg, model)
    clip = make_clip(3, (562, 999))
    losses = model.train()([clip])
    sum(losses.values()).backward()
    assert all(value.isfinite() for value in losses.values()) and len(losses) == 24
    torch.nn.utils.clip_grad_norm_(model.parameters(), max_gradient_norm(cfg))
    optimizer.step()
    moved = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    frozen = {name for name in before if name.startswith(("backbone.stem", "backbone.res2"))}
    assert not moved & frozen
    # Its content is zeros: the first predicate layer's self-attention has nothing to learn from yet.
    still = before.keys() - frozen - moved
    assert all(name.startswith("decoder.predicate_decoder.layers.0.") for name in still)
    with torch.no_grad():
        ((prediction,),) = model.eval()([clip])
    assert prediction.contacting.shape == (3, 17) and prediction.contacting.isfinite().all()
