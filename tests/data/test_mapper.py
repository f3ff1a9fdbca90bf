"""What the mapper makes of records, and what it says of broken files."""

import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from detectron2.data.transforms import RandomFlip
from PIL import Image

from tests.tiny import tiny_records
from vost_sgg.data.augmentation import ResizeWithTruncation
from vost_sgg.data.mapper import ClipMapper, FrameError


def make_mapper(is_train, *augmentations, seed=0):
    return ClipMapper(is_train=is_train, augmentations=augmentations, image_format="RGB", seed=seed)


@pytest.fixture
def records(tmp_path):
    return tiny_records(tmp_path, {"A.mp4": 4})


def test_frames_lose_their_annotation_fields_and_gain_tensors(records):
    clip = make_mapper(False)(records[:2], {0: [1]})
    assert clip["references"] == {0: [1]}
    for frame, record in zip(clip["frames"], records[:2], strict=True):
        assert not {"annotations", "pairs", "attention", "spatial", "contacting"} & set(frame)
        assert frame["image_id"] == record["image_id"] and frame["video_id"] == "A.mp4"
        assert frame["image"].dtype == torch.uint8
        pixels = np.asarray(Image.open(record["file_name"]))
        assert np.array_equal(frame["image"].permute(1, 2, 0).numpy(), pixels)
    assert "annotations" in records[0]


def test_testing_keeps_the_ground_truth_in_original_pixels(records):
    frame = make_mapper(False, ResizeWithTruncation((64,), 1000))(records[:1], {0: []})["frames"][0]
    assert frame["image"].shape == (3, 64, 96)
    assert frame["ground_truth"].size == (48, 32) == (frame["width"], frame["height"])
    assert np.array_equal(frame["ground_truth"].boxes[0], [2, 3, 20, 30])


def test_training_transforms_boxes_with_the_image(records):
    mapper = make_mapper(True, RandomFlip(1.0), ResizeWithTruncation((64,), 1000))
    frame = mapper(records[:1], {0: []})["frames"][0]
    truth, record = frame["ground_truth"], records[0]
    assert truth.size == (96, 64)
    assert np.allclose(truth.boxes[0], [2 * (48 - 20), 6, 2 * (48 - 2), 60])
    for group in ("pairs", "attention", "spatial", "contacting"):
        assert np.array_equal(getattr(truth, group), record[group])
    straight = np.asarray(Image.open(record["file_name"]).resize((96, 64), Image.BILINEAR))
    # The flip comes first, so the resized image is the flipped resized one.
    difference = np.abs(frame["image"].permute(1, 2, 0).numpy()[:, ::-1].astype(int) - straight)
    assert difference.max() <= 1


def test_all_frames_of_a_clip_are_flipped_or_none(records):
    mapper = make_mapper(True, RandomFlip(0.5))
    flips = []
    for epoch in range(30):
        clip = mapper(records, {0: [1, 2, 3]}, epoch=epoch)
        lefts = {float(frame["ground_truth"].boxes[0, 0]) for frame in clip["frames"]}
        assert len(lefts) == 1
        flips.append(lefts == {28.0})
    assert 5 < sum(flips) < 25
    assert flips[3] == (
        mapper(records[:1], {0: []}, epoch=3)["frames"][0]["ground_truth"].boxes[0, 0] == 28
    )


def test_another_seed_draws_another_sequence(records):
    def flips(seed):
        mapper = make_mapper(True, RandomFlip(0.5), seed=seed)
        clips = [mapper(records[:1], {0: []}, epoch=epoch) for epoch in range(20)]
        return [clip["frames"][0]["ground_truth"].boxes[0, 0] == 28 for clip in clips]

    assert flips(1) == flips(1) != flips(2)


def test_the_first_frame_decides_the_size(tmp_path):
    records = tiny_records(tmp_path, {"A.mp4": 1, "B.mp4": 1}, portrait=("B.mp4",))
    clip = make_mapper(True, ResizeWithTruncation((64,), 1000))(records, {0: [1]})
    assert [tuple(frame["image"].shape) for frame in clip["frames"]] == [(3, 64, 96)] * 2
    truth = clip["frames"][1]["ground_truth"]
    assert np.allclose(
        truth.boxes[0] / [96, 64, 96, 64], np.array([2, 3, 20, 30]) / [32, 48, 32, 48]
    )


def test_boxes_stay_inside_the_image(records):
    records[0]["annotations"][0]["bbox"] = [0.0, 0.0, 48.0, 32.0]
    frame = make_mapper(True, ResizeWithTruncation((21,), 30))(records[:1], {0: []})["frames"][0]
    height, width = frame["image"].shape[1:]
    assert (frame["ground_truth"].boxes <= [width, height, width, height]).all()


def test_a_missing_frame_is_named(records, tmp_path):
    (tmp_path / "A.mp4" / "000001.png").unlink()
    with pytest.raises(
        FrameError, match=r"000001.png is missing; tools/prepare_action_genome.py --verify"
    ):
        make_mapper(True)(records[:1], {0: []})


@pytest.mark.parametrize("kept_bytes", [0, 10, 1000])
def test_a_broken_frame_is_named(records, tmp_path, kept_bytes):
    file = tmp_path / "A.mp4" / "000001.png"
    file.write_bytes(file.read_bytes()[:kept_bytes])
    with pytest.raises(FrameError, match=r"000001.png cannot be read .*--verify"):
        make_mapper(True)(records[:1], {0: []})


def test_a_frame_without_pixels_is_named(records, monkeypatch):
    # Pillow writes no such file, other decoders read one.
    monkeypatch.setattr(
        "vost_sgg.data.mapper.read_image", lambda *_: np.zeros((0, 48, 3), np.uint8)
    )
    with pytest.raises(FrameError, match=r"000001.png has no pixels \(48x0\); .*--verify"):
        make_mapper(True)(records[:1], {0: []})


@pytest.mark.parametrize("side", [16, 20])
def test_a_file_that_declares_no_pixels_is_named(records, side):
    """The width (at byte 16 of a PNG) or the height (at byte 20) is zero, with the checksum that fits."""
    file = Path(records[0]["file_name"])
    content = bytearray(file.read_bytes())
    content[side : side + 4] = bytes(4)
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    file.write_bytes(content)
    records[0]["width" if side == 16 else "height"] = 0
    with pytest.raises(FrameError, match=r"000001.png (cannot be read|has no pixels) .*--verify"):
        make_mapper(True)(records[:1], {0: []})


def test_a_frame_of_another_size_is_named_with_both_sizes(records):
    records[0]["width"] = 480
    with pytest.raises(
        FrameError, match=r"000001.png is 48x32 pixels, its annotations are for 480x32"
    ):
        make_mapper(True)(records[:1], {0: []})
