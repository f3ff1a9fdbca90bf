"""The demo as a user types it, on a model that was never trained."""

import json
import os
import signal
import sys
import weakref
from pathlib import Path

import av
import networkx
import numpy as np
import pytest
from PIL import Image

from tests.numbered_videos import blank_frames, picture, write_video
from tests.sudden_death import then_full
from tests.untrained import untrained_cfg
from vost_sgg.data import frame_sources

ROOT = Path(__file__).parents[2]
CONFIG = str(ROOT / "configs/sample/oed_sgdet.yaml")
FILES = {
    "annotated.mp4",
    "scene_graphs.json",
    "scene_graphs.graphml",
    "segments.json",
    "report.html",
    "video.mp4",
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return untrained_cfg("oed_sgdet", tmp_path_factory.mktemp("weights")).MODEL.WEIGHTS


@pytest.fixture
def demo(weights, monkeypatch):
    """Runs the tool; returns its exit status."""
    monkeypatch.syspath_prepend(ROOT / "tools")
    import demo as tool

    def run(*arguments, config=CONFIG, opts=()):
        keys = ("INPUT.MIN_SIZE_TEST", "48", "MODEL.WEIGHTS", weights, *opts)
        try:
            tool.main(["--config-file", config, *map(str, arguments), "--opts", *keys])
        except SystemExit as end:
            return end.code
        return 0

    return run


def read(folder, name="scene_graphs.json"):
    return json.loads((folder / name).read_text())


def shown(path):
    """Size, times and duration of a video."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        sizes = {(f.width, f.height) for f in frames}
        return sizes, [f.time for f in frames], container.duration / av.time_base


@pytest.mark.parametrize(("size", "every"), [((64, 48), 1), ((65, 49), 3)])
def test_everything_is_written_for_the_frames_asked_for(demo, tmp_path, size, every):
    times = [0.0, 0.1, 0.2, 0.5, 0.6, 1.0, 1.1, 1.2]
    # Without reordering, so that the file says how long its last frame lasts.
    write_video(
        tmp_path / "v.mp4", times, size=size, rate=10, pixels="yuv444p", options={"bf": "0"}
    )
    out = tmp_path / "out"
    options = ("--every", every, "--confidence", 0.02)
    assert demo("--video-input", tmp_path / "v.mp4", "--output", out, *options) == 0
    assert {path.name for path in out.iterdir()} == FILES
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "v.mp4"]
    for video in ("annotated.mp4", "video.mp4"):
        sizes, written, duration = shown(out / video)
        assert sizes == {size}
        np.testing.assert_allclose(written, times[::every], atol=2e-3)
        assert duration == pytest.approx(1.3, abs=2e-3)
    document = read(out)
    assert document["video"] == {
        "file": "annotated.mp4",
        "width": size[0],
        "height": size[1],
        "fps": pytest.approx(8 / 1.3 / every, rel=0.1),
        "frames": len(times[::every]),
        "duration": pytest.approx(1.3, abs=2e-3),
    }
    assert [f["index"] for f in document["frames"]] == list(range(8))[::every]
    assert all(r["score"] >= 0.02 for f in document["frames"] for r in f["relations"])
    assert document["model"]["method"] == "OED"
    graph = networkx.read_graphml(out / "scene_graphs.graphml")
    assert len(graph) == sum(len(f["objects"]) for f in document["frames"]) > 0
    assert read(out, "segments.json")["segments"][0]["subject"] == "person"


def test_frames_are_let_go_while_a_video_passes(demo, tmp_path, monkeypatch):
    """So memory does not grow with the video: its pictures are by far the largest of what there is of a frame."""
    write_video(tmp_path / "v.mp4", [i / 10 for i in range(120)], size=(64, 48), rate=10)
    alive, most = set(), []

    class Counted(frame_sources.VideoFrames):
        def __iter__(self):
            for frame in super().__iter__():
                alive.add(frame.index)
                weakref.finalize(frame.image, alive.discard, frame.index)
                most.append(len(alive))
                yield frame

    monkeypatch.setattr(frame_sources, "VideoFrames", Counted)
    assert demo("--video-input", tmp_path / "v.mp4", "--output", tmp_path / "out") == 0
    assert len(most) == len(shown(tmp_path / "out" / "annotated.mp4")[1]) == 120
    # A chunk, the window to both sides of it, and the frames that reading and writing have in hand.
    assert max(most) <= 32 + 2 * 4 + 2


def test_images_of_several_sizes_become_one_video(demo, tmp_path):
    for i, size in enumerate([(64, 48), (30, 90), (64, 48)]):
        Image.fromarray(picture(i, *size)).save(tmp_path / f"{i}.jpg")
    assert demo("--input", tmp_path / "*.jpg", "--output", tmp_path / "out") == 0
    sizes, times, duration = shown(tmp_path / "out" / "annotated.mp4")
    assert (sizes, times, duration) == ({(64, 48)}, [0, 1, 2], 3)


def test_ctrl_c_ends_a_recording_and_keeps_it(demo, tmp_path, monkeypatch):
    write_video(tmp_path / "camera.mp4", [i / 10 for i in range(20)])

    class Camera(frame_sources.VideoFrames):
        def __iter__(self):
            for frame in super().__iter__():
                yield frame
                if frame.index == 6:
                    os.kill(os.getpid(), signal.SIGINT)

    camera = Camera(str(tmp_path / "camera.mp4"), every=2)
    monkeypatch.setattr(frame_sources, "open_camera", lambda every: camera)
    before = signal.getsignal(signal.SIGINT)
    assert demo("--webcam", "--every", 2, "--output", tmp_path / "out") == 0
    assert [frame["index"] for frame in read(tmp_path / "out")["frames"]] == [0, 2, 4, 6, 8]
    assert signal.getsignal(signal.SIGINT) is before


def test_an_output_folder_with_other_results_is_refused(demo, tmp_path, capsys):
    write_video(tmp_path / "v.mp4", [0, 0.1])
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("x")
    assert demo("--video-input", tmp_path / "v.mp4", "--output", tmp_path / "out") == 2
    assert "not an empty folder" in capsys.readouterr().err
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["mine.txt"]


def no_video(folder):
    (folder / "v.mp4").write_text("no video")
    return ["--video-input", folder / "v.mp4"]


def undecodable(folder):
    write_video(folder / "v.mp4", [i / 10 for i in range(3)])
    blank_frames(folder / "v.mp4")
    return ["--video-input", folder / "v.mp4"]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (no_video, "is not a readable video"),
        (undecodable, "decodes"),
        (lambda folder: ["--video-input", folder / "none.mp4"], "no video"),
        (lambda folder: ["--video-input", folder], "is a folder"),
        (lambda folder: ["--input", folder], "has no images"),
        (lambda folder: ["--input", folder / "*.png"], "there is no such image"),
        (lambda folder: ["--webcam"], "camera"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(demo, tmp_path, capsys, source, said):
    arguments = source(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert demo(*arguments, "--output", tmp_path / "out") == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if "error:" in line]
    assert len(errors) == 1 and said in errors[0]
    assert sorted(tmp_path.iterdir()) == before


def wide(folder, size):
    Image.new("RGB", size).save(folder / "wide.png")
    return "--input", folder / "wide.png", "--output", folder / "out"


def test_an_image_too_narrow_for_the_model_is_named(demo, tmp_path, capsys):
    assert demo(*wide(tmp_path, (17000, 16)), opts=("INPUT.MAX_SIZE_TEST", "64")) == 2
    assert "error: frame 0 of wide.png: 17000x16 pixels" in capsys.readouterr().err


def test_an_image_too_wide_for_the_encoder_is_one_line(demo, tmp_path, capsys):
    assert demo(*wide(tmp_path, (16640, 64))) == 2
    assert "error: the encoder libx264 refuses a video of 16640x64" in capsys.readouterr().err


@pytest.mark.parametrize("step", ["_watch", "_write"])
def test_on_a_full_disk_it_says_that_it_starts_anew(demo, tmp_path, capsys, monkeypatch, step):
    tool = sys.modules["demo"]
    monkeypatch.setattr(tool, step, then_full(getattr(tool, step)))
    write_video(tmp_path / "v.mp4", [0, 0.1])
    out = tmp_path / "out"
    assert demo("--video-input", tmp_path / "v.mp4", "--output", out) == 2
    (error,) = (line for line in capsys.readouterr().err.splitlines() if "error:" in line)
    assert error.startswith(f"error: {out} cannot be written (File too large)")
    assert error.endswith("it starts anew")
    assert [path.name for path in tmp_path.iterdir()] == ["v.mp4"]


def test_a_model_of_another_task_names_the_config_that_can(demo, tmp_path, capsys):
    write_video(tmp_path / "v.mp4", [0, 0.1])
    config = str(ROOT / "configs/sample/oed_predcls.yaml")
    arguments = ("--video-input", tmp_path / "v.mp4", "--output", tmp_path / "out")
    assert demo(*arguments, config=config) == 2
    assert "configs/oed_sgdet.yaml" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
