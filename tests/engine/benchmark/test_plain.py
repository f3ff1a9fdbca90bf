"""The plain model and training step, which the benchmark compares with: they do the same, in the plain way."""

import itertools
from pathlib import Path

import pytest
import torch

from vost_sgg.config import get_vost_cfg, stage_configs
from vost_sgg.engine.accumulation import AccumulationTrainer
from vost_sgg.engine.benchmark.inputs import made_up_model, made_up_training_clips
from vost_sgg.engine.benchmark.plain import PlainTraining, make_plain
from vost_sgg.engine.optimizer import build_optimizer, max_gradient_norm

ROOT = Path(__file__).parents[3]


def stage_of(model, stage, *opts):
    opts = ["INPUT.MIN_SIZE_TRAIN", "(64,)", "SOLVER.ACCUMULATION_STEPS", "2", *opts]
    opts += ["MODEL.RESNETS.NORM", "FrozenBN"]  # as at full size
    return stage_configs(get_vost_cfg(str(ROOT / f"configs/sample/{model}.yaml"), opts))[stage]


@pytest.mark.parametrize(
    "model, stage", [("vost_predcls", "SPATIAL"), ("oed_sgdet", "TEMPORAL"), ("detr", "DETECTOR")]
)
def test_a_plain_step_does_what_the_trainers_does(model, stage):
    cfg = stage_of(model, stage)
    ours, plain = made_up_model(cfg), made_up_model(cfg)
    before = {name: weight.detach().clone() for name, weight in ours.named_parameters()}
    clips = made_up_training_clips(cfg, 2, (96, 64))
    losses = []
    ours.register_forward_hook(lambda *args: losses.append(args[2]))
    trainer = AccumulationTrainer(
        ours,
        itertools.repeat(clips),
        build_optimizer(cfg, ours),
        accumulation_steps=2,
        max_norm=max_gradient_norm(cfg),
        amp=False,
    )
    trainer.iter = 0
    trainer.run_step()
    found = PlainTraining(cfg, plain, clips).run_step()
    assert found.keys() == losses[-1].keys()
    for name, loss in losses[-1].items():
        assert found[name] == pytest.approx(loss.item(), rel=1e-4, abs=1e-6)
    close, moved = [], 0
    for (name, weight), other in zip(ours.named_parameters(), plain.parameters(), strict=True):
        same = torch.equal(weight, before[name]) and torch.equal(other, before[name])
        assert same or weight.requires_grad, name
        moved += not same
        assert (other.grad is None) == (weight.grad is None), name
        if weight.grad is not None:
            torch.testing.assert_close(other.grad, weight.grad, rtol=1e-3, atol=1e-5)
            close.append(torch.isclose(other, weight, rtol=1e-4, atol=1e-5).flatten())
    assert moved
    # AdamW's first step is a gradient's sign, which rounding decides where the gradient is zero.
    assert torch.cat(close).float().mean() > 0.9


def test_a_plain_model_is_run_in_the_plain_way():
    cfg = stage_of("oed_sgdet", "TEMPORAL", "MODEL.TRANSFORMER.DROPOUT", "0.1")
    model = made_up_model(cfg).train()
    dropouts = [m for m in model.decoder.modules() if isinstance(m, torch.nn.Dropout)]
    assert not any(m.training for m in dropouts)
    plain, seen = make_plain(model).train(), {}
    assert dropouts and all(m.training for m in dropouts)

    def backbone(_, args):
        channels_last = args[0].is_contiguous(memory_format=torch.channels_last)
        seen["backbone"] = channels_last, torch.is_grad_enabled()

    plain.backbone.register_forward_pre_hook(backbone)
    plain.image_encoder.register_forward_pre_hook(lambda _, args: seen.update(mask=args[1]))
    attention = plain.image_encoder.layers[0].self_attn
    attention.register_forward_hook(lambda _, args, out: seen.update(weights=out[1]))
    sum(plain(made_up_training_clips(cfg, 1, (96, 64))).values()).backward()
    assert seen["backbone"] == (False, True)
    assert seen["mask"].dtype == torch.bool and not seen["mask"].any()
    assert seen["weights"] is not None
    convolutions = [m for m in plain.backbone.modules() if isinstance(m, torch.nn.Conv2d)]
    assert all(m.weight.is_contiguous() for m in convolutions)
