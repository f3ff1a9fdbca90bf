"""Answers made worse on purpose: how often, by what, and what a model is given then."""

import numpy as np

from tests.random_priors import random_priors
from vost_sgg.priors.degradation import degraded, with_predicates


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


def test_the_text_is_the_mean_of_what_is_named():
    rng = np.random.default_rng(0)
    priors, texts = random_priors(rng, 2), rng.standard_normal((26, 16)).astype(np.float32)
    named = np.zeros((2, 26), bool)
    named[0, [1, 20]] = True
    found = with_predicates(priors, named, texts)
    np.testing.assert_allclose(found.text[0, 2], (texts[1] + texts[20]) / 2, atol=1e-3)
    assert found.text_mask.tolist() == [[True, True, True], [True, True, False]]
    assert np.array_equal(found.text[:, :2], priors.text[:, :2])
    assert found.regions is priors.regions and found.boxes is priors.boxes
    assert priors.text_mask.all()
