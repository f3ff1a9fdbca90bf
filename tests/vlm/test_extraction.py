"""An extraction that is killed, shared or given bad input ends with the answers of an undisturbed one."""

import json
import signal

import numpy as np
import pytest
import torch
from detectron2.data import MetadataCatalog
from detectron2.engine import launch

from tests.sudden_death import exit_code, start_process
from tests.tiny import register, tiny_records
from tests.vlm import distributed_extraction
from tests.vlm.echo_backend import CONFIG, EchoVLM, asked, options
from tests.vlm.interrupted_extraction import VIDEOS, extract
from tools import extract_vlm
from vost_sgg.vlm.cache import AnswerCache, scan
from vost_sgg.vlm.extraction import ExtractionError, Extractor, shard, videos_of

POINTS = [
    "before a batch is answered",
    "before answers are stored",
    "in the middle of a line",
    "before a finished video is renamed",
    "after a finished video is renamed",
    "before the manifest is there",
    "before the report",
]


def run(*args):
    return exit_code(start_process(extract, *args))


def answers(folder):
    """The bytes of every finished file."""
    files = (folder / "cache/tiny_test/echo/predcls").glob("*.jsonl")
    return {file.name: file.read_bytes() for file in sorted(files)}


def stored(folder):
    """The keys of all answers that are on disk, finished or not."""
    files = (folder / "cache").rglob("*.jsonl*")
    return {line.key for file in files for line in scan(str(file))[0]}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "frames"
    tiny_records(folder, VIDEOS)
    return folder


@pytest.fixture(scope="module")
def undisturbed(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    assert run(data, folder, "nowhere") == 0
    assert set(answers(folder)) == {f"{video}.jsonl" for video in VIDEOS}
    assert len(asked(folder)) == len(stored(folder)) == 2 * 10
    return answers(folder)


@pytest.fixture
def records(data):
    records = tiny_records(data, VIDEOS, write=False)
    register("tiny_test", records)
    return records


@pytest.mark.parametrize("point", POINTS)
def test_killed_anywhere_it_goes_on(data, undisturbed, tmp_path, point):
    assert run(data, tmp_path, point) == -signal.SIGKILL
    before = stored(tmp_path)
    (tmp_path / "asked").write_text("")
    assert run(data, tmp_path, "nowhere") == 0
    again = asked(tmp_path)
    assert before.isdisjoint(again) and len(before) + len(again) == 20
    assert len(again) == len(set(again))
    assert answers(tmp_path) == undisturbed
    assert not list((tmp_path / "cache").rglob("*.part"))


def test_a_full_disk_loses_no_answer(data, undisturbed, tmp_path):
    assert run(data, tmp_path, "full while answers are stored") == 2
    assert "A.mp4.jsonl.part" in (tmp_path / "output/traceback.txt").read_text()
    before = stored(tmp_path)
    (tmp_path / "asked").write_text("")
    assert before and run(data, tmp_path, "nowhere") == 0
    again = asked(tmp_path)
    assert before.isdisjoint(again) and len(before) + len(again) == 20
    assert answers(tmp_path) == undisturbed


@pytest.mark.slow
def test_two_processes_equal_one(data, undisturbed, tmp_path):
    launch(distributed_extraction.extract, 2, dist_url="auto", args=(data, tmp_path))
    assert answers(tmp_path) == undisturbed
    assert len(asked(tmp_path)) == 20


def test_shards_are_disjoint_and_whole(records, undisturbed, tmp_path, capsys):
    videos = videos_of(records)
    parts = [shard(videos, i, 2) for i in range(2)]
    assert sorted(v[0]["video_id"] for part in parts for v in part) == sorted(VIDEOS)
    for i in range(2):
        command = ["--config-file", CONFIG, "--split", "test", "--shard", f"{i}/2"]
        extract_vlm.main([*command, *options(tmp_path)])
        assert f"{len(parts[i])} of {len(parts[i])} videos are complete" in capsys.readouterr().out
    assert answers(tmp_path) == undisturbed
    assert len(asked(tmp_path)) == 20


def command(tmp_path, *flags, opts=()):
    extract_vlm.main(
        ["--config-file", CONFIG, "--split", "test", *flags, *options(tmp_path, *opts)]
    )


def refused(capfd, tmp_path, *flags, opts=(), status=2):
    with pytest.raises(SystemExit) as stop:
        command(tmp_path, *flags, opts=opts)
    assert stop.value.code == status
    return capfd.readouterr()


def test_a_corrupt_line_is_asked_again_and_nothing_else(records, undisturbed, tmp_path):
    command(tmp_path)
    file = tmp_path / "cache/tiny_test/echo/predcls/A.mp4.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    lines[3] = b'{"frame": "A.mp4/00' + b"\xff\x00" * 7 + b"\n"
    (file.parent / (file.name + ".part")).write_bytes(b"".join(lines[:-1]) + lines[-1][:50])
    file.unlink()
    (tmp_path / "asked").write_text("")
    command(tmp_path)
    assert len(asked(tmp_path)) == 2
    assert answers(tmp_path) == undisturbed


def test_another_setting_in_the_same_folder_is_refused(records, tmp_path, capfd):
    command(tmp_path)
    error = refused(capfd, tmp_path, opts=["MODEL.VLM.DTYPE", "float16"]).err.splitlines()[-1]
    assert "settings.dtype was 'bfloat16', is 'float16'" in error
    assert "MODEL.VLM.TAG" in error and "predcls" in error
    command(tmp_path, opts=["MODEL.VLM.DTYPE", "float16", "MODEL.VLM.TAG", "half"])


def test_an_answer_to_another_prompt_is_refused(records, undisturbed, tmp_path, capfd):
    command(tmp_path)
    finished = tmp_path / "cache/tiny_test/echo/predcls/C.mp4.jsonl"
    finished.rename(f"{finished}.part")
    next(r for r in records if r["video_id"] == "C.mp4")["annotations"][1]["category_id"] = 9
    error = refused(capfd, tmp_path).err.splitlines()[-1]
    assert "C.mp4.jsonl.part" in error and "another prompt" in error


def test_an_unreadable_frame_is_skipped_counted_and_listed(data, tmp_path, capfd):
    records = tiny_records(tmp_path / "frames", VIDEOS)
    register("tiny_test", records)
    (tmp_path / "frames/A.mp4/000008.png").write_bytes(b"no image")
    command(tmp_path)
    output = capfd.readouterr().out
    assert "1 unreadable frames, skipped: A.mp4/000008.png" in output
    assert "18 answers: 18 parsed" in output
    report = json.loads((tmp_path / "cache/tiny_test/echo/predcls/report.json").read_text())
    assert "cannot be read" in report["skipped"]["A.mp4/000008.png"]
    assert str(tmp_path) not in (tmp_path / "cache/tiny_test/echo/predcls/A.mp4.jsonl").read_text()
    frames = AnswerCache(str(tmp_path / "cache/tiny_test/echo/predcls")).frames("A.mp4")
    assert frames["A.mp4/000008.png"].empty == frames["A.mp4/000008.png"].asked == 2


def test_verify_finds_what_differs(records, tmp_path, capfd):
    folder = tmp_path / "cache/tiny_test/echo/predcls"
    command(tmp_path)
    command(tmp_path, "--verify")
    assert "complete, 10 frames of 3 videos, nothing wrong" in capfd.readouterr().out

    lines = (folder / "A.mp4.jsonl").read_text().splitlines(keepends=True)
    (folder / "A.mp4.jsonl").write_text("".join(lines[1:]))
    (folder / "B.mp4.jsonl").unlink()
    content = (folder / "C.mp4.jsonl").read_text()
    (folder / "C.mp4.jsonl").write_text(content.replace('"prompt": "', '"prompt": "0', 1))
    output = refused(capfd, tmp_path, "--verify", status=1).out
    assert "A.mp4/000001.png, pair (0, 1): no answer" in output
    assert "B.mp4.jsonl: the video has no answers" in output
    assert "C.mp4/000001.png, pair (0, 1): the answer is to another prompt" in output
    assert "3 problems in 10 frames" in output


class Small(EchoVLM):
    """Runs out of memory above ``capacity`` prompts."""

    def __init__(self, log, capacity):
        super().__init__(tag="echo", log=log, dtype="")
        self.capacity, self.batches = capacity, []

    def respond(self, requests):
        self.batches.append(len(requests))
        if len(requests) > self.capacity:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().respond(requests)


@pytest.mark.parametrize("capacity, batches", [(6, [6, 4]), (3, [6, 3, 3, 4, 2, 2]), (2, [6, 3])])
def test_a_batch_that_does_not_fit_is_halved_once(records, tmp_path, capacity, batches):
    backend = Small(tmp_path / "asked", capacity)
    extractor = Extractor(
        backend=backend,
        folder=str(tmp_path),
        task="predcls",
        metadata=MetadataCatalog.get("tiny_test"),
        batch_size=6,
    )
    video = videos_of(records)[0]
    if capacity == 2:
        with pytest.raises(ExtractionError, match="MODEL.VLM.BATCH_SIZE to less than 3"):
            extractor.run(video, asked=lambda n: None, stored=lambda n: None)
    else:
        extractor.run(video, asked=lambda n: None, stored=lambda n: None)
        assert [frame for frame, _ in asked(tmp_path)] == [
            r["image_id"] for r in video for _ in range(2)
        ]
    assert backend.batches == batches


def test_batches_stay_where_they_are_after_a_kill(records, tmp_path):
    backend, video = Small(tmp_path / "asked", 100), videos_of(records)[0]
    extractor = Extractor(
        backend=backend,
        folder=str(tmp_path),
        task="predcls",
        metadata=MetadataCatalog.get("tiny_test"),
        batch_size=4,
    )
    extractor.run(video, asked=lambda n: None, stored=lambda n: None)
    finished = tmp_path / "A.mp4.jsonl"
    whole = finished.read_bytes()
    finished.rename(f"{finished}.part").write_bytes(whole[: whole.index(b"\n") + 1])
    extractor.run(video, asked=lambda n: None, stored=lambda n: None)
    assert backend.batches == [4, 4, 2, 3, 4, 2]
    assert finished.read_bytes() == whole


def test_the_prompts_of_a_frame_share_one_image(records, tmp_path, monkeypatch):
    seen = []
    backend = Small(tmp_path / "asked", 100)
    monkeypatch.setattr(
        backend, "respond", lambda requests: seen.append(requests) or ["{}"] * len(requests)
    )
    extractor = Extractor(
        backend=backend,
        folder=str(tmp_path),
        task="predcls",
        metadata=MetadataCatalog.get("tiny_test"),
        batch_size=4,
    )
    extractor.run(videos_of(records)[0], asked=lambda n: None, stored=lambda n: None)
    first = seen[0]
    assert first[0][0] is first[1][0] and first[1][0] is not first[2][0]
    assert isinstance(first[0][0], np.ndarray) and first[0][0].dtype == np.uint8
