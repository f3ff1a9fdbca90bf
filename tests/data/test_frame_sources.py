import numpy as np
import pytest
from PIL import Image

from tests.numbered_videos import blank_frames, picture, read_index, write_video
from vost_sgg.data.frame_sources import (
    ImageFrames,
    VideoFrames,
    of_one_size,
    open_camera,
    open_source,
)


@pytest.mark.parametrize("every", [1, 3])
def test_frames_of_a_variable_rate_keep_their_times_and_fill_the_duration(tmp_path, every):
    times = [0.0, 0.1, 0.5, 0.6, 0.7, 1.5, 1.6, 1.7]
    write_video(tmp_path / "v.mp4", times, rate=10, options={"bf": "0"})
    frames = list(VideoFrames(str(tmp_path / "v.mp4"), every=every))
    assert [read_index(f.image) for f in frames] == list(range(8))[::every]
    assert [f.index for f in frames] == list(range(8))[::every]
    np.testing.assert_allclose([f.time for f in frames], times[::every], atol=2e-3)
    ends = [f.time + f.duration for f in frames]
    np.testing.assert_allclose(ends[:-1], [f.time for f in frames[1:]])
    assert ends[-1] == pytest.approx(1.8, abs=2e-3)


def test_a_rotated_video_comes_upright(tmp_path):
    write_video(tmp_path / "v.mp4", [0, 0.1], rotation=90)
    frame = next(iter(VideoFrames(str(tmp_path / "v.mp4"))))
    assert frame.image.shape == (192, 96, 3)


def test_a_cut_off_end_is_left_out_and_counted(tmp_path):
    write_video(tmp_path / "v.mkv", [i / 10 for i in range(40)], options={"g": "1"})
    whole = (tmp_path / "v.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) * 6 // 10])
    source = VideoFrames(str(tmp_path / "cut.mkv"))
    shown = [read_index(frame.image) for frame in source]
    assert shown == list(range(len(shown))) and 10 < len(shown) < 40


def test_garbage_in_the_middle_is_counted(tmp_path):
    write_video(tmp_path / "v.mkv", [i / 10 for i in range(40)], options={"g": "1", "bf": "0"})
    content = bytearray((tmp_path / "v.mkv").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = b"\xa5" * 400
    (tmp_path / "broken.mkv").write_bytes(content)
    source = VideoFrames(str(tmp_path / "broken.mkv"))
    assert len(list(source)) > 30
    assert source.damaged > 0


def unknown_codec(path):
    write_video(path, [0, 0.1])
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzz1").replace(b"avcC", b"zzzC"))


def no_frames(path):
    write_video(path, [i / 10 for i in range(3)])
    blank_frames(path)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.write_text("no video"), "is not a readable video"),
        (lambda path: path.write_bytes(b""), "is not a readable video"),
        (unknown_codec, "has no decoder"),
        (no_frames, "no frame of .* decodes"),
    ],
)
def test_what_is_no_video_is_said_in_one_line(tmp_path, make, said):
    make(tmp_path / "v.mp4")
    with pytest.raises(ValueError, match=said) as error:
        list(open_source(tmp_path / "v.mp4"))
    assert "v.mp4" in str(error.value)


def test_a_missing_file_or_camera_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.mp4"):
        open_source(tmp_path / "none.mp4")
    with pytest.raises((FileNotFoundError, ValueError), match="camera"):
        open_camera()


def test_a_folder_gives_its_images_in_the_order_of_their_numbers(tmp_path):
    for index in (1, 2, 10):
        Image.fromarray(picture(index, 64, 32)).save(tmp_path / f"frame_{index}.png")
    (tmp_path / "notes.txt").write_text("no image")
    frames = list(open_source(str(tmp_path), fps=2))
    assert [read_index(f.image) for f in frames] == [1, 2, 10]
    assert [(f.index, f.time, f.duration) for f in frames] == [
        (0, 0, 0.5),
        (1, 0.5, 0.5),
        (2, 1, 0.5),
    ]
    every = open_source(str(tmp_path), every=2)
    assert [read_index(f.image) for f in every] == [1, 10]
    assert every.total == 2


def test_a_folder_without_images_and_a_broken_image_are_named(tmp_path):
    with pytest.raises(ValueError, match="has no images"):
        open_source(str(tmp_path))
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff no")
    with pytest.raises(ValueError, match=r"broken\.jpg is not a readable image"):
        list(ImageFrames([str(tmp_path / "broken.jpg")]))


def test_arrays_are_taken_as_they_are_and_checked():
    arrays = [picture(i, 64, 32) for i in range(5)]
    frames = list(open_source(iter(arrays), every=2, fps=10))
    assert [(read_index(f.image), f.time) for f in frames] == [(0, 0.0), (2, 0.2), (4, 0.4)]
    with pytest.raises(ValueError, match=r"frame 1 is float64 of shape \(4, 4\)"):
        list(open_source([arrays[0], np.zeros((4, 4))]))
    with pytest.raises(ValueError, match="at least 1"):
        open_source(arrays, every=0)


def test_images_of_other_sizes_are_fitted_into_the_first_ones():
    white = [np.full(shape, 255, np.uint8) for shape in ((40, 60, 3), (80, 40, 3))]
    first, second = of_one_size(open_source(white))
    assert second.image.shape == first.image.shape
    columns = (second.image[20] > 200).all(-1)
    assert columns.sum() == 20 and columns[20:40].all()
