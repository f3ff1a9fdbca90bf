import av
import numpy as np
import pytest

from tests.numbered_videos import picture, read_index
from vost_sgg.visualization import video_writer
from vost_sgg.visualization.video_writer import VideoWriter


@pytest.mark.parametrize("size", [(64, 32), (65, 33), (64, 33)])
def test_frames_keep_size_times_and_durations(tmp_path, size):
    times = [0.0, 0.1, 0.5, 0.7]
    with VideoWriter(str(tmp_path / "v.mp4"), size=size, fps=10) as writer:
        for i, (time, end) in enumerate(zip(times, [*times[1:], 2.0], strict=True)):
            writer.write(picture(i, *size), time, end - time)
    with av.open(str(tmp_path / "v.mp4")) as container:
        frames = list(container.decode(video=0))
        assert [(f.width, f.height) for f in frames] == [size] * 4
        np.testing.assert_allclose([f.time for f in frames], times, atol=1e-3)
        assert container.duration / av.time_base == pytest.approx(2.0, abs=2e-3)
    assert [read_index(f.to_ndarray(format="rgb24")) for f in frames] == [0, 1, 2, 3]


def test_a_frame_that_is_not_later_comes_a_tick_later(tmp_path):
    with VideoWriter(str(tmp_path / "v.mp4"), size=(64, 32), fps=10) as writer:
        for time in (0.5, 0.5, 0.4):
            writer.write(picture(1, 64, 32), time, 0.1)
    with av.open(str(tmp_path / "v.mp4")) as container:
        assert len(list(container.decode(video=0))) == 3


@pytest.mark.parametrize(
    ("size", "said"), [((16640, 64), "libx264.*16640x64"), ((70001, 65), "libvpx-vp9.*70001x65")]
)
def test_a_size_that_the_encoder_refuses_is_named(tmp_path, size, said):
    with (
        pytest.raises(ValueError, match=said),
        VideoWriter(str(tmp_path / "v.mp4"), size=size, fps=10) as writer,
    ):
        writer.write(np.zeros((size[1], size[0], 3), np.uint8), 0.0, 0.1)


def test_a_missing_encoder_says_what_to_install(tmp_path, monkeypatch):
    class Container:
        closed = False

        def add_stream(self, codec, **_):
            return av.Codec("an encoder that no FFmpeg has", "w")

        def close(self):
            self.closed = True

    container = Container()
    monkeypatch.setattr(video_writer.av, "open", lambda *args, **options: container)
    with pytest.raises(ValueError, match="without the encoder libx264.*pip install av"):
        VideoWriter(str(tmp_path / "v.mp4"), size=(64, 32), fps=10)
    assert container.closed
