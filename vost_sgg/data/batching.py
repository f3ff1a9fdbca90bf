"""The order in which clips are trained on: a pure function of the seed, so that a run can start anywhere in it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import Sampler

from vost_sgg.data.augmentation import derived_seed


class EpochBatchSampler(Sampler[list[tuple[int, int]]]):
    """Yields, for ever, the micro-batches of this process as lists of (epoch, index).

    Each epoch is a permutation of all clips that depends on the seed and the epoch alone, cut into batches of
    ``batch_size``; its last incomplete batch is dropped (as OED). Batches are split evenly over processes and
    accumulation steps. Nothing is decoded to start at a later iteration.

    Args:
        size: clips of the data set.
        batch_size: clips of one optimizer step, over all processes.
        seed: seed of the permutations.
        groups: (size,) the group of each clip; clips of one group are batched together. The rests of all groups are
            batched with each other, so that an epoch has the same number of iterations with and without groups.
        accumulation_steps: micro-batches of one optimizer step.
        rank: this process.
        world_size: number of processes.

    Attributes:
        iterations_per_epoch: optimizer steps of one epoch.
        start_iteration: optimizer steps to pass over; set it before iterating.

    Raises:
        ValueError: the batch cannot be split evenly or is larger than the data set.
    """

    def __init__(
        self,
        *,
        size: int,
        batch_size: int,
        seed: int,
        groups: Sequence[int] | None = None,
        accumulation_steps: int = 1,
        rank: int = 0,
        world_size: int = 1,
    ):
        shares = accumulation_steps * world_size
        if accumulation_steps < 1 or batch_size < 1 or batch_size % shares:
            raise ValueError(
                f"SOLVER.IMS_PER_BATCH: a batch of {batch_size} cannot be split evenly over {world_size} process(es) "
                f"times {accumulation_steps} micro-batch(es) (SOLVER.ACCUMULATION_STEPS); make it a multiple "
                f"of {shares}"
            )
        if size < batch_size:
            raise ValueError(
                f"SOLVER.IMS_PER_BATCH: a batch of {batch_size} is larger than the training set of {size} clip(s)"
            )
        self.size, self.batch_size, self.seed, self.groups = size, batch_size, seed, groups
        self.accumulation_steps, self.rank, self.world_size = accumulation_steps, rank, world_size
        self.iterations_per_epoch = size // batch_size
        self.start_iteration = 0

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        epoch, skipped = divmod(self.start_iteration, self.iterations_per_epoch)
        while True:
            for batch in self.epoch_batches(epoch)[skipped:]:
                for indices in self._micro_batches(batch):
                    yield [(epoch, index) for index in indices]
            epoch, skipped = epoch + 1, 0

    def epoch_batches(self, epoch: int) -> list[list[int]]:
        """All batches of one epoch, over all processes."""
        generator = torch.Generator().manual_seed(derived_seed("order", self.seed, epoch) % 2**63)
        order = torch.randperm(self.size, generator=generator).tolist()
        if self.groups is None:
            return self._cut(order)
        batches, open_batches = [], defaultdict(list)
        for index in order:
            group = open_batches[self.groups[index]]
            group.append(index)
            if len(group) == self.batch_size:
                batches.append(group.copy())
                group.clear()
        return batches + self._cut(sum(open_batches.values(), []))

    def _cut(self, order: list[int]) -> list[list[int]]:
        stops = range(self.batch_size, len(order) + 1, self.batch_size)
        return [order[stop - self.batch_size : stop] for stop in stops]

    def _micro_batches(self, batch: list[int]) -> Iterator[list[int]]:
        step = self.batch_size // (self.accumulation_steps * self.world_size)
        for share in range(self.rank, self.accumulation_steps * self.world_size, self.world_size):
            yield batch[share * step : (share + 1) * step]
