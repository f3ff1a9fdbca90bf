"""One optimizer step: micro-batches forward and backward, clipping, update."""

import time
from contextlib import nullcontext

import torch
from detectron2.engine import SimpleTrainer
from detectron2.utils.events import get_event_storage
from torch import Tensor, nn


class AccumulationTrainer(SimpleTrainer):
    """detectron2's SimpleTrainer with gradient accumulation, bfloat16 autocast and clipping of the whole gradient.

    The gradient is the mean over the micro-batches' gradients, as it is over processes: a loss that is normalised by
    the pairs of its micro-batch weighs each micro-batch the same. Losses reach the host every ``gather_metric_period``
    steps only, so that a GPU never waits for the logging.

    Args:
        model, data_loader, optimizer: as SimpleTrainer; the loader yields micro-batches.
        accumulation_steps: micro-batches a step.
        max_norm: the gradient's norm is clipped to this; infinity clips nothing.
        amp: whether the forward pass runs in bfloat16 where autocast allows. Its exponent is float32's, so no loss
            scaling is needed.
        gather_metric_period: steps between two written losses.
    """

    def __init__(
        self,
        model: nn.Module,
        data_loader,
        optimizer: torch.optim.Optimizer,
        *,
        accumulation_steps: int,
        max_norm: float,
        amp: bool,
        gather_metric_period: int = 20,
    ):
        super().__init__(model, data_loader, optimizer, gather_metric_period=gather_metric_period)
        self.accumulation_steps = accumulation_steps
        self.max_norm = max_norm
        self.amp = amp
        self._parameters = [p for group in optimizer.param_groups for p in group["params"]]
        # The first iteration whose gradient was not finite; on the device, so that no step waits for it.
        self._diverged_at = torch.full((), -1, device=self._parameters[0].device)

    def run_step(self) -> None:
        self.optimizer.zero_grad()
        losses, data_time = {}, 0.0
        for micro_step in range(self.accumulation_steps):
            start = time.perf_counter()
            clips = next(self._data_loader_iter)
            data_time += time.perf_counter() - start
            for name, loss in self._backward(clips, micro_step).items():
                losses[name] = losses.get(name, 0) + loss.detach() / self.accumulation_steps
        self.after_backward()
        norm = nn.utils.clip_grad_norm_(self._parameters, self.max_norm)
        first = ~norm.isfinite() & (self._diverged_at < 0)
        self._diverged_at = torch.where(first, self.iter, self._diverged_at)
        self._write_metrics(losses, data_time)
        if (self.iter + 1) % self.gather_metric_period == 0:
            get_event_storage().put_scalar("gradient_norm", norm.item())
        self.optimizer.step()

    def check_finite(self) -> None:
        """Raises FloatingPointError if a gradient was not finite: the weights are lost then."""
        iteration = int(self._diverged_at)
        if iteration >= 0:
            raise FloatingPointError(
                f"a loss or gradient is not finite at iteration {iteration}: training diverged and no checkpoint is "
                "written. Lower SOLVER.BASE_LR, or look at the losses in metrics.json"
            )

    def _backward(self, clips: list[dict], micro_step: int) -> dict[str, Tensor]:
        last = micro_step == self.accumulation_steps - 1
        distributed = isinstance(self.model, nn.parallel.DistributedDataParallel)
        # Gradients travel between processes once a step, with the last micro-batch.
        with self.model.no_sync() if distributed and not last else nullcontext():
            with torch.autocast(self._parameters[0].device.type, torch.bfloat16, enabled=self.amp):
                losses = self._losses(clips)
            (sum(losses.values()) / self.accumulation_steps).backward()
        return losses

    def _losses(self, clips: list[dict]) -> dict[str, Tensor]:
        try:
            return self.model(clips)
        except FloatingPointError as error:
            self.check_finite()  # if an earlier gradient is the cause, it is what is named
            raise FloatingPointError(f"iteration {self.iter}: {error}") from error
