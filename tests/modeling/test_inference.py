"""What is quicker when testing gives the same: folded norms, torch.compile, bfloat16."""

from contextlib import contextmanager

import pytest
import torch
from detectron2.layers import FrozenBatchNorm2d

from tests.modeling.conftest import TINY
from vost_sgg.config import get_vost_cfg, stage_configs
from vost_sgg.engine.trainer import load_for_evaluation
from vost_sgg.modeling import build_model
from vost_sgg.modeling.inference import prepare_for_inference


def make_cfg(stage, *opts):
    opts = [*TINY, "MODEL.RESNETS.NORM", "FrozenBN", *opts]
    return stage_configs(get_vost_cfg("configs/sample/oed_predcls.yaml", opts))[stage]


def make_model(cfg):
    torch.manual_seed(0)
    model = build_model(cfg)
    for norm in model.modules():
        if isinstance(norm, FrozenBatchNorm2d):
            for values in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
                values.uniform_(0.5, 1.5)
    return model.eval()


@pytest.fixture
def video(make_clip):
    frames = [make_clip(n)["frames"][0] for n in (1, 3, 2)]
    return {"frames": frames, "references": {0: [1, 2], 1: [0, 2], 2: [0, 1]}}


@contextmanager
def autocast_in(**parts):
    """Whether each part's calls, while this is open, ran under autocast."""
    seen = {name: set() for name in parts}
    hooks = [
        part.register_forward_pre_hook(
            lambda *_, name=name: seen[name].add(torch.is_autocast_enabled("cpu"))
        )
        for name, part in parts.items()
    ]
    yield seen
    for hook in hooks:
        hook.remove()


def assert_close(found, expected, tolerance):
    for a, b in zip(found, expected, strict=True):
        for field in ("attention", "spatial", "contacting"):
            torch.testing.assert_close(getattr(a, field), getattr(b, field), **tolerance)


@torch.no_grad()
def test_an_evaluation_folds_frozen_norms_and_finds_the_same(video, tmp_path):
    model = make_model(make_cfg("TEMPORAL"))
    expected = model([video])[0]
    torch.save({"model": model.state_dict()}, tmp_path / "model.pth")
    loaded = load_for_evaluation(make_cfg("TEMPORAL", "MODEL.WEIGHTS", str(tmp_path / "model.pth")))
    assert not any(isinstance(m, FrozenBatchNorm2d) for m in loaded.modules())
    assert_close(loaded([video])[0], expected, {"atol": 1e-5, "rtol": 1e-4})


@torch.no_grad()
def test_the_heavy_parts_are_compiled_on_request(video, monkeypatch):
    compiled = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda part: compiled.append(part))
    model = make_model(make_cfg("TEMPORAL"))
    prepare_for_inference(model)
    assert not compiled
    prepare_for_inference(model, compiled=True)
    assert set(compiled) == {model.backbone, model.image_encoder, model.decoder}


@torch.no_grad()
def test_bfloat16_is_used_when_testing_on_request(video):
    model = make_model(make_cfg("TEMPORAL"))
    parts = {"spatial": model.decoder, "temporal": model.temporal_aggregator}
    with autocast_in(**parts) as seen:
        expected = model([video])[0]
        with torch.autocast("cpu", torch.bfloat16):  # somebody else's is left as it is
            model([video])
    assert seen == {"spatial": {False, True}, "temporal": {False, True}}
    model = make_model(make_cfg("TEMPORAL", "TEST.AMP.ENABLED", True))
    parts = {"spatial": model.decoder, "temporal": model.temporal_aggregator}
    with autocast_in(**parts) as seen:
        found = model([video])[0]
    assert seen == {"spatial": {True}, "temporal": {True}}
    assert_close(found, expected, {"atol": 0.05, "rtol": 0.05})


def test_heads_and_losses_of_bfloat16_states_are_in_float32(video):
    model = make_model(make_cfg("TEMPORAL")).train()
    seen = []
    for part in (model.temporal_entity_heads, model.predicate_heads):
        part.register_forward_hook(lambda *args: seen.append(args))
    with torch.autocast("cpu", torch.bfloat16), autocast_in(criterion=model.criterion) as autocast:
        model([video])
    assert len(seen) > 2 and autocast == {"criterion": {False}}
    for part, states, outputs in list(seen):  # the hooks stay
        torch.testing.assert_close(outputs, part(*states), rtol=0, atol=0)


@pytest.mark.parametrize("amp", [False, True])
def test_the_frozen_spatial_phase_is_run_as_when_testing(video, amp):
    """In a training of the temporal phase, which itself stays in float32 and learns."""
    model = make_model(make_cfg("TEMPORAL", "TEST.AMP.ENABLED", amp))
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("temporal" in name)
    grad = []
    model.backbone.register_forward_pre_hook(lambda *_: grad.append(torch.is_grad_enabled()))
    parts = {"spatial": model.decoder, "temporal": model.temporal_aggregator}
    with autocast_in(**parts) as seen:
        losses = model.train()([video])
    assert seen == {"spatial": {amp}, "temporal": {False}} and grad == [False]
    sum(losses.values()).backward()
    assert all(p.grad is not None for p in model.temporal_aggregator.parameters())
    assert {loss.dtype for loss in losses.values()} == {torch.float32}


def test_a_spatial_phase_that_learns_is_trained_as_ever(video):
    model = make_model(make_cfg("SPATIAL", "TEST.AMP.ENABLED", True)).train()
    with autocast_in(spatial=model.decoder) as seen:
        sum(model([video]).values()).backward()
    assert seen == {"spatial": {False}}
    assert model.backbone.stem.conv1.weight.grad is not None
