import numpy as np
import pytest

from tests.visualization.margins import has_margins
from vost_sgg.visualization.strip import draw_strip, stacked


@pytest.mark.parametrize("width", [340, 1000])
def test_every_picture_is_shown_whole_above_its_caption(width):
    shapes = [(160, 224), (30, 8), (4, 90), (224, 160)]
    pictures = [np.full((*s, 3), (0, 60 * i, 255), np.uint8) for i, s in enumerate(shapes)]
    captions = ["person", "cup/glass/bottle", "person and cup/glass/bottle " * 2, "bed"]
    strip = draw_strip(pictures, captions, heading="regions", width=width)
    assert strip.shape[1] == width
    for i, (height, across) in enumerate(shapes):
        rows, columns = np.nonzero((strip == (0, 60 * i, 255)).all(-1))
        assert (np.ptp(columns) + 1) / (np.ptp(rows) + 1) == pytest.approx(across / height, rel=0.2)
    assert has_margins(strip)


def test_pictures_are_stacked_on_white():
    picture = stacked([np.zeros((2, 3, 3), np.uint8), np.zeros((1, 5, 3), np.uint8)])
    assert picture.shape == (3, 5, 3) and (picture[:2, 3:] == 255).all() and not picture[2].any()
