"""Answers made worse on purpose: how often, by what, and what a model is given then."""

from dataclasses import fields

import numpy as np

from vost_sgg.priors import FramePairs
from vost_sgg.priors.assembly import frame_priors
from vost_sgg.priors.degradation import degraded, with_predicates
from vost_sgg.structures import FramePriors


def test_as_many_are_replaced_as_asked_by_others_of_the_group():
    named = np.zeros((3000, 26), bool)
    named[:, 14] = True  # of the 17 contacting predicates
    worse = degraded(named, 0.5, "A.mp4/000001.png")
    assert (worse.sum(1) == 1).all() and not worse[:, :9].any()
    # A uniform draw may draw the same again.
    assert abs(1 - worse[:, 14].mean() - 0.5 * 16 / 17) < 0.03
    replaced = worse[:, 9:].sum(0)[np.arange(17) != 5]
    assert replaced.min() > 0.6 * replaced.mean() and replaced.max() < 1.4 * replaced.mean()


def test_a_replacement_stays_at_every_higher_probability():
    named = np.random.default_rng(0).random((400, 26)) < 0.1
    steps = [degraded(named, p, "A.mp4/000001.png") for p in (0, 0.3, 0.6, 1)]
    assert np.array_equal(steps[0], named)
    rows = [(step != named).any(1) for step in steps]
    assert all((high >= low).all() for low, high in zip(rows, rows[1:], strict=False))
    assert np.array_equal(degraded(named, 0.6, "A.mp4/000001.png"), steps[2])
    assert not np.array_equal(degraded(named, 0.6, "B.mp4/000001.png"), steps[2])


def test_priors_are_those_of_a_vlm_that_named_these_predicates():
    rng = np.random.default_rng(0)
    texts = rng.standard_normal((36, 16)), rng.standard_normal((26, 16))
    texts = tuple(t.astype(np.float32) for t in texts)
    regions = rng.standard_normal((5, 16)).astype(np.float32)
    said, other = rng.random((2, 4, 26)) < 0.1
    other[3] = False

    def assembled(named):
        pairs = FramePairs(
            classes=np.array([[0, k + 1] for k in range(4)]),
            predicates=named,
            boxes=np.full((4, 2, 4), 0.5, np.float32),
            pairs=np.array([[0, k + 1] for k in range(4)]),
        )
        return frame_priors(pairs, np.arange(12).reshape(4, 3) % 5, regions, texts)

    priors, wanted = assembled(said), assembled(other)
    found = with_predicates(priors, other, texts[1])
    for field in fields(FramePriors):
        np.testing.assert_array_equal(getattr(found, field.name), getattr(wanted, field.name))
    # What was read stays as it was.
    np.testing.assert_array_equal(priors.text, assembled(said).text)
    assert not np.array_equal(priors.text, found.text)
