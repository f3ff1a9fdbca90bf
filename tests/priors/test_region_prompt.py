"""What CLIP is shown of a region."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from vost_sgg.priors import RegionPrompt


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)


def by_pillow(image, box, colour=(255, 105, 180), alpha=128):
    """SSG's way: an overlay with a transparent rectangle, its corners floored and inclusive, composited."""
    overlay = Image.new("RGBA", image.shape[1::-1], (*colour, alpha))
    ImageDraw.Draw(overlay).rectangle([int(v) for v in box], fill=(0, 0, 0, 0))
    whole = Image.alpha_composite(Image.fromarray(image).convert("RGBA"), overlay)
    return np.asarray(whole.convert("RGB"))


@pytest.mark.parametrize("alpha", [0, 1, 77, 128, 254, 255])
def test_the_overlay_is_that_of_alpha_compositing(image, alpha):
    box = (5.9, 3.2, 17.99, 12.5)
    (picture,) = RegionPrompt(alpha=alpha, colour=(3, 105, 250))(image, [box])
    expected = by_pillow(image, box, (3, 105, 250), alpha)
    assert picture.dtype == np.uint8 and picture.shape == image.shape
    assert np.abs(picture.astype(int) - expected).max() <= 1  # Pillow's own rounding
    assert (picture[3:13, 5:18] == image[3:13, 5:18]).all()


def test_defaults_are_half_hot_pink(image):
    (picture,) = RegionPrompt()(image, [(10, 10, 20, 20)])
    assert np.abs(picture.astype(int) - by_pillow(image, (10, 10, 20, 20))).max() <= 1
    outside = np.ones(image.shape[:2], bool)
    outside[10:21, 10:21] = False
    middle = (image[outside].astype(float) + (255, 105, 180)) / 2
    assert np.abs(picture[outside] - middle).max() <= 1.5
    assert (picture[~outside] == image[~outside]).all()


@pytest.mark.parametrize(
    "box, inside",
    [
        ((-9, -9, 300, 300), (slice(0, 30), slice(0, 40))),
        ((35, 25, 60, 60), (slice(25, 30), slice(35, 40))),
        ((12, 7, 12, 7), (slice(7, 8), slice(12, 13))),
        ((50, 40, 60, 50), (slice(29, 30), slice(39, 40))),
    ],
)
def test_boxes_are_clamped_to_the_image(image, box, inside):
    (picture,) = RegionPrompt(alpha=255, colour=(0, 0, 0))(image, [box])
    expected = np.zeros_like(image)
    expected[inside] = image[inside]
    assert (picture == expected).all()
    (cut,) = RegionPrompt(mode="crop")(image, [box])
    assert (cut == image[inside]).all()


def test_blur_leaves_the_box_and_blurs_the_rest(image):
    (picture,) = RegionPrompt(mode="blur")(image, [(4, 4, 11, 9)])
    expected = np.array(Image.fromarray(image).filter(ImageFilter.GaussianBlur(10)))
    expected[4:10, 4:12] = image[4:10, 4:12]
    assert (picture == expected).all() and (picture[20:] != image[20:]).any()


def test_each_box_has_a_picture_of_its_own_and_the_image_stays(image):
    before = image.copy()
    boxes = [(0, 0, 5, 5), (20, 10, 30, 20)]
    pictures = RegionPrompt()(image, boxes)
    assert (image == before).all()
    for box, picture in zip(boxes, pictures, strict=True):
        assert (picture == RegionPrompt()(image, [box])[0]).all()


@pytest.mark.parametrize(
    "setting, key",
    [
        ({"mode": "overlai"}, "MODE is 'overlai'; did you mean overlay"),
        ({"colour": (0, 0, 256)}, "COLOUR"),
        ({"colour": (0, 0)}, "COLOUR"),
        ({"alpha": -1}, "ALPHA"),
    ],
)
def test_a_wrong_setting_names_its_key(setting, key):
    with pytest.raises(ValueError, match=f"MODEL.PRIORS.REGION.{key}"):
        RegionPrompt(**setting)
