"""Sizes and draws of the augmentations."""

import random

import numpy as np
import pytest
import torch
from detectron2.data.transforms import HFlipTransform

from vost_sgg.config import get_vost_cfg
from vost_sgg.data.augmentation import (
    ResizeWithTruncation,
    build_augmentations,
    derived_seed,
    numpy_seeded,
)

# (width, height) before and after, as OED's own transform gives them.
OED_SIZES = [
    ((480, 270), (999, 562)),
    ((270, 480), (562, 999)),
    ((640, 480), (800, 600)),
    ((320, 240), (800, 600)),
    ((480, 360), (800, 600)),
    ((1280, 720), (999, 562)),
    ((480, 272), (1000, 567)),
    ((300, 500), (600, 1000)),
    ((600, 600), (600, 600)),
    ((600, 777), (600, 777)),
]


@pytest.mark.parametrize("before, after", OED_SIZES)
def test_sizes_are_oeds(before, after):
    image = np.zeros((before[1], before[0], 3), np.uint8)
    transform = ResizeWithTruncation((600,), 1000).get_transform(image)
    assert transform.apply_image(image).shape == (after[1], after[0], 3)


def test_boxes_follow_the_image():
    transform = ResizeWithTruncation((600,), 1000).get_transform(np.zeros((270, 480, 3)))
    box = transform.apply_box(np.array([[0.0, 0.0, 480.0, 270.0], [48.0, 27.0, 240.0, 135.0]]))
    assert np.allclose(box, [[0, 0, 999, 562], [99.9, 56.2, 499.5, 281.0]])


def test_one_of_several_short_sides_is_drawn():
    augmentation = ResizeWithTruncation((100, 200), 1000)
    with numpy_seeded(0):
        sizes = {augmentation.get_transform(np.zeros((50, 60, 3))).new_h for _ in range(20)}
    assert sizes == {100, 200}


def test_flip_only_when_training_and_chosen():
    cfg = get_vost_cfg()
    assert [type(a).__name__ for a in build_augmentations(cfg, True)] == [
        "RandomFlip",
        "ResizeWithTruncation",
    ]
    assert [type(a).__name__ for a in build_augmentations(cfg, False)] == ["ResizeWithTruncation"]
    cfg.INPUT.RANDOM_FLIP = "none"
    assert len(build_augmentations(cfg, True)) == 1
    cfg.INPUT.RANDOM_FLIP = "vertical"
    with pytest.raises(ValueError, match="INPUT.RANDOM_FLIP: 'vertical'"):
        build_augmentations(cfg, True)


def test_half_of_the_images_are_flipped():
    flip = build_augmentations(get_vost_cfg(), True)[0]
    image = np.zeros((4, 6, 3), np.uint8)
    flipped = 0
    for i in range(400):
        with numpy_seeded(derived_seed("augmentation", 42, 0, f"video/{i}.png")):
            flipped += isinstance(flip.get_transform(image), HFlipTransform)
    assert 160 < flipped < 240


def test_seeded_draws_repeat_and_leave_the_global_state_alone():
    np.random.seed(5)
    expected = np.random.rand(3)
    np.random.seed(5)
    torch_state, python_state = torch.get_rng_state(), random.getstate()
    draws = []
    for _ in range(2):
        with numpy_seeded(derived_seed(1, "a")):
            draws.append(np.random.rand())
    assert draws[0] == draws[1]
    assert np.array_equal(np.random.rand(3), expected)
    assert torch.equal(torch.get_rng_state(), torch_state) and random.getstate() == python_state


def test_the_state_is_put_back_after_an_error():
    np.random.seed(5)
    expected = np.random.rand()
    np.random.seed(5)
    with pytest.raises(RuntimeError), numpy_seeded(0):
        raise RuntimeError
    assert np.random.rand() == expected


def test_derived_seeds_tell_their_parts_apart():
    seeds = {
        derived_seed(*parts) for parts in [(1, 23), (12, 3), ("1", "2", "3"), (123,), ("x", 123)]
    }
    assert len(seeds) == 5
    assert (
        derived_seed("augmentation", 42, 0, "A.mp4/000001.png") == 2770271019837275637
    )  # on any machine
