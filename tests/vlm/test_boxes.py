"""Boxes survive the way into a model's coordinates and back."""

import numpy as np
import pytest

from vost_sgg.vlm.boxes import BOX_FRAMES, BoxFrame

SIZES = [((480, 270), (476, 280)), ((270, 480), (280, 476)), ((640, 480), (644, 476))]


@pytest.mark.parametrize("kind", BOX_FRAMES)
@pytest.mark.parametrize("size, processed", SIZES)
def test_round_trip_is_off_by_half_a_unit_at_most(kind, size, processed):
    frame = BoxFrame(kind, size, processed)
    corners = np.random.default_rng(0).uniform(0, 1, (500, 2, 2)) * size
    boxes = np.concatenate([corners.min(1), corners.max(1)], axis=1)
    back = frame.to_frame(frame.to_model(boxes))
    half = np.tile(np.array(size) / (processed if kind == "resized_pixels" else 1000) / 2, 2)
    assert (np.abs(back - boxes) <= half + 1e-9).all()
    assert (frame.to_model(back) == frame.to_model(boxes)).all()


def test_the_coordinates_are_those_of_the_models():
    # Qwen2.5-VL sees 480 x 360 as 476 x 364; InternVL counts thousandths.
    box = [[120, 90, 480, 360]]
    assert BoxFrame("resized_pixels", (480, 360), (476, 364)).to_model(box).tolist() == [
        [119, 91, 476, 364]
    ]
    assert BoxFrame("norm1000", (480, 360), (448, 448)).to_model(box).tolist() == [
        [250, 250, 1000, 1000]
    ]


def test_boxes_are_clipped_to_the_image():
    frame = BoxFrame("norm1000", (480, 270), (448, 448))
    assert frame.to_model([[-5, -5, 500, 300]]).tolist() == [[0, 0, 1000, 1000]]
    assert frame.to_frame([[-5, 0, 2000, 1000]]).tolist() == [[0, 0, 480, 270]]


def test_an_unknown_frame_is_refused():
    with pytest.raises(ValueError, match="'pixels' is none of resized_pixels, norm1000"):
        BoxFrame("pixels", (1, 1), (1, 1))
