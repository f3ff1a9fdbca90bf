"""One optimizer step: micro-batches forward and backward, clipping, update."""

import math
import time
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from detectron2.engine import SimpleTrainer
from detectron2.utils.events import get_event_storage
from torch import Tensor, nn

from vost_sgg.engine.random_state import random_state


class DivergedError(FloatingPointError):
    """A loss or gradient is not finite; the weights are still those from before the step.

    Args:
        reason: what was not finite.
        iteration: of the step.
        micro_batches: the step's, up to the one that failed.
        random_state: of this process, from before the first of them.
    """

    def __init__(
        self, reason: str, iteration: int, micro_batches: list[list[dict]], random_state: dict
    ):
        super().__init__(
            f"a loss or gradient is not finite at iteration {iteration}: training diverged ({reason}). Lower "
            "SOLVER.BASE_LR, or look at the losses in metrics.json"
        )
        self.iteration, self.micro_batches = iteration, micro_batches
        self.random_state = random_state


@dataclass
class _Step:
    """A step whose gradient's norm is on its way to the host: ``copied`` says when it is there (None: at once)."""

    iteration: int
    micro_batches: list[list[dict]]
    random_state: dict
    losses: dict[str, Tensor]
    norm: Tensor
    copied: torch.cuda.Event | None

    def check(self) -> None:
        if self.copied is not None:
            self.copied.synchronize()
        norm = self.norm.item()
        if not math.isfinite(norm):
            values = ", ".join(f"{name} {value.item():.4g}" for name, value in self.losses.items())
            reason = f"the gradient's norm is {norm} ({values})"
            raise DivergedError(reason, self.iteration, self.micro_batches, self.random_state)


class AccumulationTrainer(SimpleTrainer):
    """detectron2's SimpleTrainer with gradient accumulation, bfloat16 autocast and clipping of the whole gradient.

    The gradient is the mean over the micro-batches' gradients, as it is over processes: a loss that is normalised by
    the pairs of its micro-batch weighs each micro-batch the same.

    No step waits for the device: losses reach the host every ``gather_metric_period`` steps only, and the gradient's
    norm while the next step is computed. A step whose norm is not finite is called off on the device itself, so that
    the weights are still those from before it when it is noticed, one step late (:meth:`check_step`).

    Args:
        model, data_loader: as SimpleTrainer; the loader yields micro-batches.
        optimizer: one of torch's with ``fused=True``, whose step a tensor ``found_inf`` calls off.
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
        self._unchecked: _Step | None = None

    def run_step(self) -> None:
        """Raises DivergedError if a loss or gradient of the step before is not finite, or one of this step and it is
        known already.
        """
        self.optimizer.zero_grad()
        losses, data_time, micro_batches = {}, 0.0, []
        state = random_state()
        for micro_step in range(self.accumulation_steps):
            start = time.perf_counter()
            micro_batches.append(next(self._data_loader_iter))
            data_time += time.perf_counter() - start
            try:
                found = self._backward(micro_batches[-1], micro_step)
            except FloatingPointError as error:
                raise DivergedError(str(error), self.iter, micro_batches, state) from error
            for name, loss in found.items():
                losses[name] = losses.get(name, 0) + loss.detach() / self.accumulation_steps
        self.after_backward()
        norm = nn.utils.clip_grad_norm_(self._parameters, self.max_norm)
        self.check_step()
        copied = norm.to("cpu", non_blocking=True)
        event = torch.cuda.current_stream().record_event() if norm.is_cuda else None
        self._unchecked = _Step(self.iter, micro_batches, state, losses, copied, event)
        if (self.iter + 1) % self.gather_metric_period == 0:
            self.check_step()  # what is written waits for the device anyway
            get_event_storage().put_scalar("gradient_norm", norm.item())
        self._write_metrics(losses, data_time)
        self.optimizer.found_inf = (~norm.isfinite()).float()
        self.optimizer.step()

    def check_step(self) -> None:
        """Raises DivergedError if the last step was called off; asked once, before its outcome is kept."""
        step, self._unchecked = self._unchecked, None
        if step is not None:
            step.check()

    def _backward(self, clips: list[dict], micro_step: int) -> dict[str, Tensor]:
        last = micro_step == self.accumulation_steps - 1
        distributed = isinstance(self.model, nn.parallel.DistributedDataParallel)
        # Gradients travel between processes once a step, with the last micro-batch.
        with self.model.no_sync() if distributed and not last else nullcontext():
            with torch.autocast(self._parameters[0].device.type, torch.bfloat16, enabled=self.amp):
                losses = self.model(clips)
            (sum(losses.values()) / self.accumulation_steps).backward()
        return losses
