"""The tool as a user types it, on a small data set whose pictures show their own index."""

import json
import os
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data.ag_fixture import person, thing, write_action_genome
from tests.numbered_videos import read_index, read_rgb, write_video
from tests.test_security import png, postscript

REPOSITORY = Path(__file__).parents[2]
TOOL = REPOSITORY / "tools" / "prepare_action_genome.py"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
NUMBERS = {"AAAAA.mp4": [2, 11, 40], "BBBBB.mp4": [1, 30], "CCCCC.mp4": [7]}
SIZES = {"AAAAA.mp4": (192, 96), "BBBBB.mp4": (96, 192), "CCCCC.mp4": (192, 96)}


def annotate(root: Path, numbers: dict[str, list[int]], sizes: dict) -> None:
    keys = [(f"{v}/{n:06d}.png", sizes[v]) for v, ns in numbers.items() for n in ns]
    metadata = {"set": "test"}
    write_action_genome(
        root,
        {key: person(size, (1.0, 2.0, 30.0, 40.0)) for key, size in keys},
        {key: [{**thing("dish", (5.0, 6.0, 7.0, 8.0)), "metadata": metadata}] for key, _ in keys},
    )


@pytest.fixture
def root(tmp_path) -> Path:
    """Annotations and videos, no frames. BBBBB is stored lying on its side."""
    annotate(tmp_path, NUMBERS, SIZES)
    (tmp_path / "videos").mkdir()
    for video in NUMBERS:
        rotation = 90 if video == "BBBBB.mp4" else None
        write_video(tmp_path / "videos" / video, [i / 30 for i in range(45)], rotation=rotation)
    return tmp_path


def command(root: Path, *flags: str) -> list[str]:
    return [sys.executable, str(TOOL), "--root", str(root), "--workers", "2", *flags]


@pytest.fixture
def run(monkeypatch, capsys):
    """Calls the tool's main in this process: (exit status, what it printed, what it said of errors)."""
    monkeypatch.syspath_prepend(TOOL.parent)
    import prepare_action_genome

    def run(root: Path, *flags: str) -> tuple[int, str, str]:
        status = prepare_action_genome.main(command(root, *flags)[2:])
        return status, *capsys.readouterr()

    return run


def test_dumps_verifies_and_has_nothing_to_do_the_second_time(root, run):
    first = subprocess.run(command(root), capture_output=True, text=True, env=ENVIRONMENT)
    assert first.returncode == 0, first.stderr
    assert (
        "3 annotated videos: 0 were complete, 3 dumped (6 frames), 0 with missing" in first.stdout
    )
    for video, numbers in NUMBERS.items():
        folder = root / "frames" / video
        assert sorted(os.listdir(folder)) == [f"{n:06d}.png" for n in numbers]
    assert read_index(read_rgb(root / "frames" / "AAAAA.mp4" / "000040.png")) == 39
    report = json.loads((root / "prepare_report.json").read_text())
    assert (report["dumped"], report["frames_written"], report["failed"]) == (3, 6, [])

    status, out, err = run(root, "--verify")
    assert status == 0, err
    assert "6 annotated frames: 0 missing, 0 unreadable, 0 of another size." in out

    changed = {p: p.stat().st_mtime_ns for p in (root / "frames").glob("*.mp4/*.png")}
    status, out, _ = run(root)
    assert status == 0 and "3 were complete, 0 dumped" in out
    assert changed == {p: p.stat().st_mtime_ns for p in (root / "frames").glob("*.mp4/*.png")}


def test_everything_missing_is_listed_and_the_rest_is_dumped(root, run):
    (root / "videos" / "AAAAA.mp4").unlink()
    (root / "videos" / "BBBBB.mp4").write_bytes(b"an error page, not a video")
    write_video(root / "videos" / "CCCCC.mp4", [i / 30 for i in range(5)])
    (root / "frames" / ".AAAAA.mp4.77.partial").mkdir()
    status, out, _ = run(root)
    assert status == 1
    assert "3 with missing frames" in out
    failed = json.loads((root / "prepare_report.json").read_text())["failed"]
    assert [entry["video"] for entry in failed] == list(NUMBERS)
    assert "no video" in failed[0]["reason"]
    assert "not a readable video" in failed[1]["reason"]
    assert failed[2]["missing"] == [7]
    assert not (root / "frames" / ".AAAAA.mp4.77.partial").exists()


def test_shards_dump_and_verify_their_own_videos_and_leave_the_others_alone(root, run):
    at_work = root / "frames" / ".BBBBB.mp4.77.partial"
    at_work.mkdir(parents=True)
    status, out, _ = run(root, "--shard", "0/2")
    assert status == 0 and "2 annotated videos" in out
    assert sorted(p.name for p in (root / "frames").glob("*.mp4")) == ["AAAAA.mp4", "CCCCC.mp4"]
    assert at_work.exists()
    status, out, _ = run(root, "--shard", "1/2", "--verify")
    assert status == 1 and "2 annotated frames: 2 missing" in out
    assert run(root, "--shard", "1/2")[0] == 0 and not at_work.exists()
    assert run(root, "--verify")[0] == 0
    reports = [f"prepare_report_{i}_of_2.json" for i in range(2)]
    dumped = [json.loads((root / name).read_text())["dumped"] for name in reports]
    assert dumped == [2, 1] and (root / "verify_report_1_of_2.json").exists()


def test_a_full_disk_is_one_error_and_it_goes_on(root, run):
    def no_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    options = {"capture_output": True, "text": True, "env": ENVIRONMENT}
    stopped = subprocess.run(command(root), preexec_fn=no_room, **options)
    assert stopped.returncode == 1 and "Traceback" not in stopped.stderr
    error = stopped.stderr.splitlines()[-1]
    assert error.startswith(f"error: {root / 'frames'}") and "File too large" in error
    assert os.listdir(root / "frames") == []
    assert run(root)[0] == 0 and run(root, "--verify")[0] == 0


def test_a_folder_with_missing_frames_is_completed(root, run):
    run(root)
    (root / "frames" / "AAAAA.mp4" / "000011.png").unlink()
    _, out, _ = run(root)
    assert "2 were complete, 1 dumped (3 frames)" in out
    assert read_index(read_rgb(root / "frames" / "AAAAA.mp4" / "000011.png")) == 10


def test_verify_finds_what_is_missing_broken_or_of_another_size(root, run):
    run(root)
    frames = root / "frames"
    (frames / "AAAAA.mp4" / "000002.png").unlink()
    broken = frames / "AAAAA.mp4" / "000011.png"
    broken.write_bytes(broken.read_bytes()[:-100])
    for name in ("BBBBB.mp4/000001.png", "BBBBB.mp4/000030.png"):
        Image.fromarray(np.zeros((128, 64, 3), np.uint8)).save(frames / name)
    Image.fromarray(np.zeros((192, 96, 3), np.uint8)).save(frames / "CCCCC.mp4" / "000007.png")
    status, out, _ = run(root, "--verify")
    assert status == 1
    assert "6 annotated frames: 1 missing, 1 unreadable, 3 of another size." in out
    assert "Charades_v1_rgb" in out
    assert "without the video's rotation" in out
    report = json.loads((root / "verify_report.json").read_text())
    assert report["missing"] == ["AAAAA.mp4/000002.png"]
    assert [entry["frame"] for entry in report["unreadable"]] == ["AAAAA.mp4/000011.png"]
    assert [entry["size"] for entry in report["wrong_size"]] == [[64, 128], [64, 128], [96, 192]]


def test_verify_lists_a_frame_that_declares_gigabytes_and_goes_on(root, run):
    for video, side in (("AAAAA.mp4/000002.png", 60_000), ("BBBBB.mp4/000001.png", 9_000)):
        (root / "frames" / video).parent.mkdir()
        (root / "frames" / video).write_bytes(png(side, side))
    status, out, err = run(root, "--verify")
    assert status == 1 and "4 missing, 1 unreadable, 1 of another size." in out, err
    report = json.loads((root / "verify_report.json").read_text())
    assert [entry["frame"] for entry in report["unreadable"]] == ["AAAAA.mp4/000002.png"]
    assert [entry["size"] for entry in report["wrong_size"]] == [[9_000, 9_000]]


def test_verify_does_not_run_a_frame_of_postscript(tmp_path, run, monkeypatch):
    import prepare_action_genome

    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *_: pytest.fail("was called"))
    (tmp_path / "A.mp4").mkdir()
    (tmp_path / "A.mp4" / "000001.png").write_bytes(postscript(48, 32))
    found = prepare_action_genome._verify_one(str(tmp_path), "A.mp4", {1: (48, 32)})
    assert [entry["frame"] for entry in found["unreadable"]] == ["A.mp4/000001.png"]


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_stopped_at_any_moment_it_goes_on_where_it_was(tmp_path, run, stop):
    numbers = {f"V{i:04d}.mp4": [1, 200] for i in range(90)}
    annotate(tmp_path, numbers, dict.fromkeys(numbers, (192, 96)))
    (tmp_path / "videos").mkdir()
    write_video(tmp_path / "videos" / "V0000.mp4", [i / 30 for i in range(200)])
    for video in list(numbers)[1:]:
        os.link(tmp_path / "videos" / "V0000.mp4", tmp_path / "videos" / video)
    frames = tmp_path / "frames"
    running = subprocess.Popen(
        command(tmp_path),
        env=ENVIRONMENT,
        start_new_session=True,
        stderr=subprocess.PIPE,
        # A shell's background job ignores SIGINT, and so do its children, as this test run may be one.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    progress = b""
    while not re.search(rb"[1-9]/90 ", progress):
        progress += running.stderr.read1()
        assert running.poll() is None, progress
    if stop == signal.SIGINT:
        os.killpg(running.pid, stop)  # as a terminal's Ctrl-C: to the workers, too
    else:
        running.kill()
    running.communicate()
    assert running.returncode == (130 if stop == signal.SIGINT else -signal.SIGKILL)
    assert all(len(list(folder.iterdir())) == 2 for folder in frames.glob("V*.mp4"))
    status, _, err = run(tmp_path)
    assert status == 0, err
    assert sorted(os.listdir(frames)) == sorted(numbers)
    assert all(read_index(read_rgb(frames / v / "000200.png")) == 199 for v in numbers)


def test_without_annotations_or_videos_it_says_what_to_do(tmp_path, run):
    status, _, err = run(tmp_path / "nowhere")
    assert status == 1
    assert "nowhere" in err and "datasets/README.md" in err
    annotate(tmp_path, NUMBERS, SIZES)
    status, _, err = run(tmp_path)
    assert status == 1
    assert "videos" in err and "datasets/README.md" in err


def test_help_needs_no_heavy_import():
    code = "import runpy, sys; sys.argv = ['prepare_action_genome', '--help']\n"
    code += f"try: runpy.run_path({str(TOOL)!r}, run_name='__main__')\n"
    code += "except SystemExit: pass\nassert not {'torch', 'av', 'detectron2'} & set(sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "--verify" in result.stdout
