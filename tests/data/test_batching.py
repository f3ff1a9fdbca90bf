"""The order of training: complete, repeatable, split without overlap, startable anywhere."""

from itertools import islice

import pytest

from vost_sgg.data.batching import EpochBatchSampler


def take(sampler, count):
    return list(islice(sampler, count))


def test_an_epoch_is_a_permutation_without_its_last_incomplete_batch():
    sampler = EpochBatchSampler(size=11, batch_size=3, seed=1)
    assert sampler.iterations_per_epoch == 3
    epochs = [take(sampler, 6)[:3], take(sampler, 6)[3:]]
    for epoch, batches in enumerate(epochs):
        assert [len(batch) for batch in batches] == [3, 3, 3]
        assert {e for batch in batches for e, _ in batch} == {epoch}
        assert len({index for batch in batches for _, index in batch}) == 9
    assert [i for b in epochs[0] for _, i in b] != [i for b in epochs[1] for _, i in b]


def test_order_depends_on_the_seed_alone():
    first = EpochBatchSampler(size=50, batch_size=5, seed=1)
    assert take(first, 30) == take(EpochBatchSampler(size=50, batch_size=5, seed=1), 30)
    assert take(first, 30) != take(EpochBatchSampler(size=50, batch_size=5, seed=2), 30)


@pytest.mark.parametrize("accumulation_steps", [1, 2])
@pytest.mark.parametrize("start", [0, 1, 9, 10, 23])
def test_it_starts_at_any_iteration(start, accumulation_steps):
    def make():
        return EpochBatchSampler(
            size=43, batch_size=4, seed=7, accumulation_steps=accumulation_steps
        )

    full = take(make(), 40 * accumulation_steps)
    resumed = make()
    resumed.start_iteration = start
    assert (
        take(resumed, 10 * accumulation_steps)
        == full[start * accumulation_steps :][: 10 * accumulation_steps]
    )


def test_shares_of_all_processes_and_steps_make_up_the_batch():
    whole = take(EpochBatchSampler(size=100, batch_size=12, seed=3), 8)
    ranks = [
        take(
            EpochBatchSampler(
                size=100, batch_size=12, seed=3, accumulation_steps=2, rank=rank, world_size=3
            ),
            16,
        )
        for rank in range(3)
    ]
    for step, batch in enumerate(whole):
        shares = [ranks[rank][2 * step + k] for k in range(2) for rank in range(3)]
        assert all(len(share) == 2 for share in shares)
        assert sum(shares, []) == batch


def test_groups_are_not_mixed_and_cost_no_iteration():
    groups = [0] * 30 + [1] * 13
    sampler = EpochBatchSampler(size=43, batch_size=4, seed=0, groups=groups)
    batches = sampler.epoch_batches(0)
    assert len(batches) == sampler.iterations_per_epoch == 10
    assert len({index for batch in batches for index in batch}) == 40
    mixed = [batch for batch in batches if len({groups[index] for index in batch}) > 1]
    assert len(mixed) <= 1  # 30 and 13 leave 2 and 1: no further batch


def test_rests_of_the_groups_are_batched_together():
    batches = EpochBatchSampler(
        size=8, batch_size=4, seed=0, groups=[0] * 2 + [1] * 6
    ).epoch_batches(0)
    assert sorted(sum(batches, [])) == list(range(8))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"batch_size": 6, "accumulation_steps": 4}, "make it a multiple of 4"),
        ({"batch_size": 6, "world_size": 4}, "over 4 process"),
        ({"batch_size": 40}, "a batch of 40 is larger than the training set of 20 clip"),
        ({"batch_size": 0}, "cannot be split"),
    ],
)
def test_an_impossible_batch_is_refused(options, message):
    with pytest.raises(ValueError, match=f"SOLVER.IMS_PER_BATCH.*{message}"):
        EpochBatchSampler(size=20, seed=0, **options)
