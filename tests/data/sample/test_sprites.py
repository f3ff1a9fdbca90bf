import numpy as np
import pytest

from vost_sgg.data.sample.brush import MARGIN
from vost_sgg.data.sample.sprites import SPRITES, paint
from vost_sgg.data.vocabulary import OBJECT_CLASSES


def test_every_class_but_person_and_floor_has_a_sprite():
    assert set(OBJECT_CLASSES) - {"person", "floor"} <= set(SPRITES)


@pytest.mark.parametrize("name", SPRITES)
def test_a_sprite_fills_its_box_and_is_premultiplied(name):
    """The box of an object is its sprite's square: every side is touched, within a tenth."""
    image = paint(name, 80, 60, np.random.default_rng(0))
    assert image.shape == (60 + 2 * MARGIN, 80 + 2 * MARGIN, 4) and image.dtype == np.uint8
    rows, columns = np.nonzero(image[..., 3] > 200)
    assert columns.min() <= MARGIN + 8 and columns.max() >= MARGIN + 72
    assert rows.min() <= MARGIN + 6 and rows.max() >= MARGIN + 54
    assert (image[..., :3] <= image[..., 3:]).all()


def test_colours_vary_and_are_drawn_from_the_seed():
    first, again, other = (paint("bag", 40, 40, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
