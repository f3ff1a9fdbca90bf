"""Eq. 6 and 7 slot by slot, and what a slot without an answer is."""

import itertools
import logging

import numpy as np
import pytest
import torch

from tests.random_frames import random_ground_truth
from tests.random_priors import priors_of, random_priors, take
from vost_sgg.modeling import DualSourceQueries
from vost_sgg.modeling.priors import PriorBatch
from vost_sgg.modeling.query_initializers import LearnedQueries, PairPriorQueries
from vost_sgg.modeling.targets import PairTargets


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def make(given, position="pair_boxes", num_queries=6, **arguments):
    part = DualSourceQueries(
        d_model=32,
        prior_dim=16,
        given=given,
        position=position,
        num_queries=num_queries,
        **arguments,
    )
    return part.eval()


def batch(*frames):
    return PriorBatch.stack(frames, 16, "cpu")


def expected_contents(part, priors, row):
    """Eq. 6 and 7 of one slot that takes ``row`` of ``priors``; None takes none."""
    content = predicate = torch.zeros(32)
    if row is not None:
        subject, object_, pred = torch.as_tensor(priors.text[row]).float()
        if priors.text_mask[row, :2].all():
            weight, bias = part.content_projection.parameters()
            content = weight @ torch.cat((subject, object_)) + bias
        if priors.text_mask[row, 2]:
            weight, bias = part.text_projection.parameters()
            predicate = weight @ pred + bias
    return content, predicate


def check(part, queries, frames, rows_of):
    """Compares every slot of ``queries`` with a plain loop; ``rows_of(frame)`` lists the row of each slot."""
    for b, priors in enumerate(frames):
        for slot, row in enumerate(rows_of(b)):
            content, predicate = expected_contents(part, priors, row)
            torch.testing.assert_close(queries.content[b, slot], content)
            torch.testing.assert_close(queries.predicate_content[b, slot], predicate)


@torch.no_grad()
def test_predcls_slot_takes_the_answer_for_its_pair(rng):
    part = make("classes")
    truths = [random_ground_truth(rng, n) for n in (4, 2, 1)]
    frames = [priors_of(rng, truth, "predcls") for truth in truths]
    frames[0] = take(frames[0], [2, 0, 3])  # of the second pair it says nothing
    frames[0].text_mask[1, 2] = frames[1].text_mask[0, 1] = False
    targets = PairTargets.stack(truths, "cpu")
    queries = part(targets, 3, batch(*frames))
    rows = [[1, None, 0, 2], [0, 1, None, None], [0, None, None, None]]
    check(part, queries, frames, lambda b: rows[b])
    assert torch.equal(queries.labels, targets.object_classes)
    assert torch.equal(queries.valid, targets.valid)


@torch.no_grad()
def test_sgcls_slots_are_all_ordered_pairs_and_read_no_annotated_class(rng):
    part = make("boxes")
    truths = [random_ground_truth(rng, n) for n in (3, 2)]
    frames = [priors_of(rng, truth, "sgcls") for truth in truths]
    queries = part(PairTargets.stack(truths, "cpu"), 2, batch(*frames))

    def rows(b):
        answers = {tuple(pair): row for row, pair in enumerate(frames[b].pairs)}
        slots = itertools.permutations(range(len(truths[b].boxes)), 2)
        return [answers.get(pair) for pair in slots]

    check(part, queries, frames, rows)
    assert queries.valid.sum(1).tolist() == [12, 6] and queries.labels is None
    for truth in truths:
        truth.classes[:] = 7
    again = part(PairTargets.stack(truths, "cpu"), 2, batch(*frames))
    assert torch.equal(queries.content, again.content)


@torch.no_grad()
def test_sgdet_pairs_take_the_first_slots(rng):
    part = make("nothing", "learned")
    frames = [random_priors(rng, 3), random_priors(rng, 0), random_priors(rng, 6)]
    queries = part(None, 3, batch(*frames))
    check(part, queries, frames, lambda b: [*range(len(frames[b])), *[None] * 6][:6])
    assert queries.valid.all() and queries.labels is None and queries.boxes is None
    assert torch.equal(queries.position[1], part.position.weight)


@torch.no_grad()
def test_more_pairs_than_slots_the_first_ones_count(rng, caplog):
    part = make("nothing", "learned")
    frames = [random_priors(rng, 9), random_priors(rng, 7)]
    with caplog.at_level(logging.WARNING):
        queries = part(None, 2, batch(*frames))
        part(None, 2, batch(*frames))
    check(part, queries, frames, lambda b: range(6))
    assert part.num_left_out == 8
    assert [r.message.count("names more than 6 pairs") for r in caplog.records] == [1]


@torch.no_grad()
def test_shuffled_training_puts_the_same_pairs_into_other_slots(rng):
    part = make("nothing", "learned", num_queries=40, shuffle=True)
    frames = [random_priors(rng, 3), random_priors(rng, 5)]
    in_order = part(None, 2, batch(*frames))
    shuffled = part.train()(None, 2, batch(*frames))
    for b, count in enumerate((3, 5)):
        slots = shuffled.content[b].any(1).nonzero().flatten()
        assert len(slots) == count and slots.max() >= count
        found = {tuple(x.tolist()) for x in shuffled.content[b, slots]}
        assert found == {tuple(x.tolist()) for x in in_order.content[b, :count]}
        # Both contents of a slot are of one pair.
        match = (shuffled.content[b, slots, None] == in_order.content[b, None, :count]).all(-1)
        order = match.int().argmax(1)
        assert torch.equal(
            shuffled.predicate_content[b, slots], in_order.predicate_content[b, order]
        )
    assert torch.equal(part.eval()(None, 2, batch(*frames)).content, in_order.content)


@torch.no_grad()
def test_without_priors_sgdet_queries_are_oeds_exactly():
    part, oed = make("nothing", "learned"), LearnedQueries(d_model=32, num_queries=6)
    oed.position = part.position
    queries, expected = part(None, 2, batch(None, None)), oed(None, 2)
    for name in ("content", "position", "predicate_content", "valid"):
        assert torch.equal(getattr(queries, name), getattr(expected, name)), name


@torch.no_grad()
def test_positions_from_boxes_are_oeds_and_sum_adds_learned_ones(rng):
    targets = PairTargets.stack([random_ground_truth(rng, n) for n in (3, 1)], "cpu")
    priors = batch(None, None)
    boxes, learned, both = (make("classes", p) for p in ("pair_boxes", "learned", "sum"))
    oed = PairPriorQueries(d_model=32, given="boxes")
    oed.query_spatial = both.query_spatial = boxes.query_spatial
    both.position = learned.position
    expected = boxes(targets, 2, priors).position
    rows = learned.position.weight[:3]
    assert torch.equal(learned(targets, 2, priors).position, rows.expand(2, -1, -1))
    torch.testing.assert_close(both(targets, 2, priors).position, expected + rows)
    # OED's SGCLS code of the pair (person, first object) is its first slot.
    torch.testing.assert_close(expected[:, 0], oed(targets, 2).position[:, 0])


def test_wrong_choices_are_one_clear_error(rng):
    with pytest.raises(ValueError, match="GIVEN is 'class'; choose classes, boxes or nothing"):
        make("class")
    with pytest.raises(ValueError, match="POSITION is 'boxes'; choose pair_boxes, learned or sum"):
        make("classes", "boxes")
    with pytest.raises(ValueError, match="no boxes are given .*; set it to learned"):
        make("nothing")
    with pytest.raises(ValueError, match="needs the given boxes of every frame"):
        make("classes")(None, 1, batch(None))
    targets = PairTargets.stack([random_ground_truth(rng, 4)], "cpu")
    with pytest.raises(ValueError, match="a frame has 20 slots and there are 6 learned positions"):
        make("boxes", "learned")(targets, 1, batch(None))


def test_a_number_of_slots_is_stated_where_it_is_fixed():
    assert make("nothing", "learned").num_slots == make("classes", "sum").num_slots == 6
    assert not hasattr(make("classes"), "num_slots")
    assert not hasattr(make("boxes", "learned"), "num_slots")
