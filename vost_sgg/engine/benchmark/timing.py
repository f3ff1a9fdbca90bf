"""Honest clocks: synchronised, warmed up, medians; and the device's own limit to compare with."""

import resource
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Mapping

import torch
from torch import nn

# Side of the square matrices whose product is timed: large enough to reach the device's peak.
_MATMUL_SIDE = {"cuda": 8192, "cpu": 1024}


def synchronise(device: torch.device) -> None:
    """Waits for the work queued on ``device``; without this a GPU's clock stops before its work does."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(call: Callable[[], object], device: torch.device) -> float:
    """Wall-clock seconds of one ``call``, from an idle device to an idle device."""
    synchronise(device)
    start = time.perf_counter()
    call()
    synchronise(device)
    return time.perf_counter() - start


def median_seconds(
    calls: Mapping[str, Callable[[], object]], *, device: torch.device, repeats: int
) -> dict[str, float]:
    """The median of ``repeats`` timings of each call, by name; the caller has warmed them up.

    The calls take turns, so that a machine that is busy for a while slows all of them alike.
    """
    timings = defaultdict(list)
    for _ in range(repeats):
        for name, call in calls.items():
            timings[name].append(seconds(call, device))
    return {name: statistics.median(values) for name, values in timings.items()}


def matmul_peak(device: torch.device, dtype: torch.dtype) -> float:
    """Floating-point operations a second (a multiply-add counts two) of the best of ten large matrix products."""
    side = _MATMUL_SIDE[device.type]
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    torch.mm(a, b)
    return 2 * side**3 / min(seconds(lambda: torch.mm(a, b), device) for _ in range(10))


def reset_peak_memory(device: torch.device) -> None:
    """Forgets the CUDA allocator's peak. The host's cannot be reset."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory(device: torch.device) -> int:
    """Bytes: on CUDA, of tensors since :func:`reset_peak_memory`; on the CPU, of the whole process since it began."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts KiB


class PhaseTimer:
    """Adds up the seconds of each phase of a model while it is entered; see :func:`phase_of`.

    Every phase begins and ends on an idle device, which costs a GPU some overlap: the sum of the phases is not the time
    of an undisturbed pass.
    """

    def __init__(self, model: nn.Module, device: torch.device):
        self.model, self.device = model, device
        self.seconds: dict[str, float] = defaultdict(float)

    def __enter__(self) -> "PhaseTimer":
        self.seconds.clear()
        self._handles = []
        for name, part in self.model.named_children():
            self._handles.append(part.register_forward_pre_hook(self._begin))
            self._handles.append(part.register_forward_hook(self._end(phase_of(name))))
        return self

    def __exit__(self, *error) -> None:
        for handle in self._handles:
            handle.remove()

    def _begin(self, *_) -> None:
        synchronise(self.device)
        self._start = time.perf_counter()

    def _end(self, phase: str) -> Callable:
        def hook(*_) -> None:
            synchronise(self.device)
            self.seconds[phase] += time.perf_counter() - self._start

        return hook


def phase_of(part: str) -> str:
    """The phase that a top-level module of the model belongs to; one that is not listed is a phase by itself."""
    if part.endswith("_heads"):
        return "heads"
    return {
        "image_encoder": "encoder",
        "query_initializer": "queries",
        "decoder": "decoders",
        "temporal_aggregator": "temporal",
    }.get(part, part)
