"""One optimizer step: accumulated, clipped, in bfloat16, and stopped when it diverges."""

import pytest
import torch
from detectron2.utils.events import EventStorage
from torch import nn

from vost_sgg.engine.accumulation import AccumulationTrainer, DivergedError
from vost_sgg.engine.optimizer import FusedAdamW


class MeanError(nn.Module):
    """Clips are (input, target) pairs of numbers; the loss is their mean squared error."""

    def __init__(self, weight=2.0):
        super().__init__()
        self.layer = nn.Linear(1, 1)
        nn.init.constant_(self.layer.weight, weight)
        nn.init.zeros_(self.layer.bias)
        self.seen = []

    def forward(self, clips):
        inputs, targets = torch.tensor(clips).unbind(1)
        output = self.layer(inputs[:, None])[:, 0]
        self.seen.append(output.dtype)
        error = (output - targets).float().square().mean()
        return {"loss_a": 0.75 * error, "loss_b": 0.25 * error}


def stepped(batches, *, steps=1, lr=0.1, period=20, **options):
    """The model after one step over ``batches``, and what was logged."""
    model = MeanError()
    options = {"max_norm": float("inf"), "amp": False} | options
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, fused=True)
    trainer = AccumulationTrainer(
        model, batches, optimizer, accumulation_steps=steps, gather_metric_period=period, **options
    )
    with EventStorage() as storage:
        trainer.run_step()
    return model, trainer, {name: value for name, (value, _) in storage.latest().items()}


BATCH = [(1.0, 3.0), (2.0, -1.0), (0.5, 0.0), (-1.0, 4.0)]


def test_micro_batches_add_up_to_the_batch():
    whole, _, metrics = stepped([BATCH], period=1)
    parts, _, accumulated = stepped([BATCH[:2], BATCH[2:]], steps=2, period=1)
    assert torch.allclose(whole.layer.weight, parts.layer.weight)
    assert torch.allclose(whole.layer.bias, parts.layer.bias)
    for name in ("loss_a", "loss_b", "total_loss", "gradient_norm"):
        assert metrics[name] == pytest.approx(accumulated[name])
    # Closed form: residuals -1, 5, 1, -6 and inputs 1, 2, 0.5, -1.
    assert metrics["total_loss"] == pytest.approx((1 + 25 + 1 + 36) / 4)
    slope = 2 * (-1 + 10 + 0.5 + 6) / 4
    assert parts.layer.weight.item() == pytest.approx(2 - 0.1 * slope)


def test_the_whole_gradient_is_clipped():
    model, _, metrics = stepped([BATCH], lr=1.0, max_norm=0.1, period=1)
    change = torch.stack([model.layer.weight[0, 0] - 2, model.layer.bias[0]])
    assert change.norm().item() == pytest.approx(0.1, rel=1e-4)
    assert metrics["gradient_norm"] > 1  # the norm before clipping


def test_bfloat16_is_used_in_the_forward_pass_only():
    model, _, _ = stepped([BATCH], amp=True)
    assert model.seen == [torch.bfloat16]
    assert model.layer.weight.dtype == model.layer.weight.grad.dtype == torch.float32
    exact, _, _ = stepped([BATCH])
    assert torch.allclose(model.layer.weight, exact.layer.weight, rtol=0.02)


def test_losses_are_written_once_a_period():
    _, _, metrics = stepped([BATCH], period=20)
    assert "total_loss" not in metrics


def trainer_over(batches, **options):
    model = MeanError()
    optimizer = FusedAdamW(model.parameters(), lr=0.1, weight_decay=0.1)
    options = {"accumulation_steps": 1, "max_norm": 1.0, "amp": False} | options
    return model, AccumulationTrainer(model, batches, optimizer, **options)


@pytest.mark.parametrize("bad", ["the input", "the gradient"])
def test_a_diverged_step_leaves_the_weights_and_says_its_batch(bad):
    batch = [(float("nan"), 1.0)] if bad == "the input" else [(1e30, 1.0)]
    model, trainer = trainer_over([BATCH, batch], accumulation_steps=2)
    trainer.run_step()
    with pytest.raises(DivergedError, match="not finite at iteration 0.*SOLVER.BASE_LR") as error:
        trainer.check_step()
    assert error.value.micro_batches == [BATCH, batch]
    assert (model.layer.weight.item(), model.layer.bias.item()) == (2, 0)
    trainer.check_step()  # it has been said


def test_a_diverged_step_is_noticed_in_the_next_one_and_has_changed_nothing():
    """Neither the weights nor the optimizer's state, though the step before it had filled that."""
    good, expected = trainer_over([BATCH])
    expected.run_step()
    model, trainer = trainer_over([BATCH, [(float("nan"), 1.0)], BATCH])
    for trainer.iter in (0, 1):
        trainer.run_step()
    trainer.iter = 2
    with pytest.raises(DivergedError, match="not finite at iteration 1"):
        trainer.run_step()
    assert torch.equal(model.layer.weight, good.layer.weight)
    for mine, theirs in zip(
        trainer.optimizer.state.values(), expected.optimizer.state.values(), strict=True
    ):
        assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


def test_where_losses_are_written_a_step_is_checked_at_once():
    _, trainer = trainer_over([[(float("nan"), 1.0)]], gather_metric_period=1)
    with EventStorage(), pytest.raises(DivergedError, match="not finite at iteration 0"):
        trainer.run_step()
