"""References against the examples that OED's own loader gives, and the properties every sampler must have."""

import random
from collections import Counter

import pytest

from vost_sgg.config import get_vost_cfg
from vost_sgg.data.reference_samplers import REFERENCE_SAMPLER, NoReferences, WindowReferences

OED = WindowReferences(num_references=2, interval=4)


@pytest.mark.parametrize(
    "num_frames, target, expected",
    # Frames are counted from 1 here, as in OED.
    [
        *[
            (10, 1, (2, 5)),
            (10, 2, (1, 6)),
            (10, 5, (1, 9)),
            (10, 6, (2, 10)),
            (10, 9, (5, 10)),
            (10, 10, (6, 9)),
        ],
        *[(3, 1, (2, 3)), (3, 2, (1, 3)), (3, 3, (1, 2)), (2, 1, (2, 2)), (2, 2, (1, 1))],
    ],
)
def test_selected_references_are_oeds(num_frames, target, expected):
    assert OED.select(target - 1, num_frames) == [frame - 1 for frame in expected]


def test_selected_references_spread_over_the_window():
    assert WindowReferences(num_references=3, interval=4).select(5, 20) == [1, 4, 8]
    assert WindowReferences(num_references=8, interval=4).select(5, 20) == [1, 2, 3, 4, 6, 7, 8, 9]
    assert WindowReferences(num_references=1, interval=4).select(5, 20) == [1]


def test_drawn_references_are_uniform_without_replacement():
    generator = random.Random(0)
    draws = [OED.draw(2, 10, generator) for _ in range(3000)]
    assert all(a != b for a, b in draws)
    counts = Counter(frame for draw in draws for frame in draw)
    assert set(counts) == {0, 1, 3, 4, 5, 6}
    assert all(abs(count - 1000) < 120 for count in counts.values())


def test_a_short_window_gives_its_frames_again():
    assert OED.draw(0, 2, random.Random(0)) == [1, 1]
    four = WindowReferences(num_references=4, interval=4)
    assert sorted(four.draw(1, 3, random.Random(0))) == [0, 0, 2, 2]
    assert four.select(1, 3) == [0, 2, 0, 2]


@pytest.mark.parametrize("name", ["NoReferences", "WindowReferences"])
def test_contract(name):
    cfg = get_vost_cfg(opts=["MODEL.REFERENCE_SAMPLER.NAME", name])
    sampler = REFERENCE_SAMPLER.build(cfg)
    for num_frames in range(1, 12):
        for target in range(num_frames):
            selected = sampler.select(target, num_frames)
            drawn = sampler.draw(target, num_frames, random.Random(3))
            assert drawn == sampler.draw(target, num_frames, random.Random(3))
            for references in (selected, drawn):
                assert all(0 <= r < num_frames and r != target for r in references)
                assert len(references) == (0 if name == "NoReferences" or num_frames == 1 else 2)


def test_the_choice_and_its_numbers_come_from_the_config():
    cfg = get_vost_cfg()
    assert isinstance(REFERENCE_SAMPLER.build(cfg), NoReferences)
    cfg.MODEL.REFERENCE_SAMPLER.NAME = "WindowReferences"
    sampler = REFERENCE_SAMPLER.build(cfg)
    assert (sampler.num_references, sampler.interval) == (2, 4)
    cfg.MODEL.REFERENCE_SAMPLER.NAME = "WindowReference"
    with pytest.raises(KeyError, match="did you mean WindowReferences"):
        REFERENCE_SAMPLER.build(cfg)
    with pytest.raises(ValueError, match="NUM_REFERENCES and INTERVAL must be at least 1"):
        WindowReferences(num_references=0, interval=4)
