"""The data set on disk: Action Genome's schema, whole or not at all, the same for everyone."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from vost_sgg.data.action_genome import load_action_genome
from vost_sgg.data.plain_pickle import load_plain_pickle
from vost_sgg.data.sample import ensure_sample, generate
from vost_sgg.data.sample.video import SampleVideo
from vost_sgg.data.vocabulary import (
    ATTENTION_CLASSES,
    CONTACTING_CLASSES,
    OBJECT_CLASSES,
    SPATIAL_CLASSES,
)

VIDEOS = 10
SMALLEST = 5


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("sample") / "ag"
    ensure_sample(str(path), VIDEOS)
    return path


@pytest.fixture(scope="module")
def pickles(root):
    """(persons, objects), read as any stranger's pickles are."""
    names = ("person_bbox.pkl", "object_bbox_and_relationship.pkl")
    return tuple(load_plain_pickle(str(root / "annotations" / name)) for name in names)


@pytest.fixture(scope="module")
def smallest(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("smallest") / "ag"
    ensure_sample(str(path), SMALLEST)
    return path


def contents(root: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()
    }


def test_the_files_are_action_genomes(root, pickles):
    assert sorted(p.name for p in root.iterdir()) == [
        "MANIFEST.json",
        "annotations",
        "frames",
        "videos",
    ]
    persons, objects = pickles
    assert persons.keys() == objects.keys()
    assert (root / "annotations/frame_list.txt").read_text() == "".join(
        f"{key}\n" for key in objects
    )
    frames = {f"{p.parent.name}/{p.name}" for p in (root / "frames").rglob("*.png")}
    assert frames == objects.keys()
    assert {p.name for p in (root / "videos").iterdir()} == {key.split("/")[0] for key in objects}
    assert all(p.read_bytes()[:2] == b"\x80\x03" for p in (root / "annotations").glob("*.pkl"))


@pytest.mark.parametrize(
    ("name", "lines", "first", "some"),
    [
        (
            "object_classes.txt",
            36,
            "person",
            {"closetcabinet", "cupglassbottle", "papernotebook", "sofacouch"},
        ),
        (
            "relationship_classes.txt",
            26,
            "lookingat",
            {"infrontof", "onthesideof", "haveitontheback", "writingon"},
        ),
    ],
)
def test_class_files_have_no_separators_and_no_last_newline(root, name, lines, first, some):
    text = (root / "annotations" / name).read_text()
    names = text.split("\n")
    assert len(names) == lines and names[0] == first and some <= set(names)
    assert not set("/_ ") & set(text) and not text.endswith("\n")


def test_person_records(root, pickles):
    for key, record in pickles[0].items():
        assert list(record) == [
            "bbox",
            "bbox_score",
            "bbox_size",
            "bbox_mode",
            "keypoints",
            "keypoints_logits",
        ]
        n = len(record["bbox_score"])
        shapes = {
            "bbox": (n, 4),
            "bbox_score": (n,),
            "keypoints": (n, 17, 3),
            "keypoints_logits": (n, 17),
        }
        for field, shape in shapes.items():
            assert record[field].shape == shape and record[field].dtype == np.float32, key
        assert record["bbox_mode"] == "xyxy"
        width, height = record["bbox_size"]
        assert type(record["bbox_size"]) is tuple and type(width) is int
        assert cv2.imread(str(root / "frames" / key)).shape == (height, width, 3)
        x0, y0, x1, y1 = record["bbox"].T
        assert (0 <= x0).all() and (x0 < x1).all() and (x1 <= width).all()
        assert (0 <= y0).all() and (y0 < y1).all() and (y1 <= height).all()
        assert (np.diff(record["bbox_score"]) <= 0).all() and (
            record["keypoints"][..., 2] == 1
        ).all()


def test_object_entries(pickles):
    persons, objects = pickles
    groups = {
        "attention_relationship": ATTENTION_CLASSES,
        "spatial_relationship": SPATIAL_CLASSES,
        "contacting_relationship": CONTACTING_CLASSES,
    }
    for key, entries in objects.items():
        video, frame = key.removesuffix(".png").split("/")
        assert entries and len({entry["class"] for entry in entries}) == len(entries)
        for entry in entries:
            assert entry.keys() == {"class", "bbox", *groups, "metadata", "visible"}
            assert type(entry["class"]) is str and entry["class"] in OBJECT_CLASSES[1:]
            tag = f"{video}/{entry['class'].replace('/', '_')}/{frame}"
            assert entry["metadata"] == {
                "tag": tag,
                "set": SampleVideo(0, list_index(objects, video)).split,
            }
            assert type(entry["visible"]) is bool
            if not entry["visible"]:
                assert all(entry[field] is None for field in ("bbox", *groups))
                continue
            x, y, w, h = entry["bbox"]
            assert type(entry["bbox"]) is tuple and all(type(v) is float for v in entry["bbox"])
            width, height = persons[key]["bbox_size"]
            assert 0 <= x and 0 <= y and w > 5 and h > 5
            assert x + w <= width + 1e-6 and y + h <= height + 1e-6
            for group, names in groups.items():
                labels = entry[group]
                assert (
                    type(labels) is list
                    and labels
                    and len(set(labels)) == len(labels)
                    and set(labels) <= set(names)
                )


def list_index(objects: dict, video: str) -> int:
    return list(dict.fromkeys(key.split("/")[0] for key in objects)).index(video)


def test_videos_are_h264(root):
    for path in (root / "videos").iterdir():
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            assert (
                stream.codec_context.name == "h264"
                and stream.average_rate == 10
                and stream.frames == 48
            )


def test_the_loader_reads_it(root):
    train, test = (load_action_genome(str(root), split) for split in ("train", "test"))
    assert len({record["video_id"] for record in train}) == 8
    assert len({record["video_id"] for record in test}) == 2
    assert all(record["annotations"][0]["category_id"] == 0 for record in train + test)


def test_the_truth_is_not_on_disk(root, pickles):
    """Nothing but Action Genome's files and a manifest of sizes: no gaze, no script, no second opinion."""
    manifest = json.loads((root / "MANIFEST.json").read_text())
    assert manifest.keys() == {"generator", "version", "seed", "videos", "sizes"}
    written = {p.name for p in (root / "annotations").iterdir() if p.suffix in (".txt", ".pkl")}
    assert written == {*generate._TEXTS, *generate._PICKLES}


def test_one_video_generated_alone_is_the_same(root, pickles, tmp_path):
    video = SampleVideo(0, 7)
    video.encode(str(tmp_path / "alone.mp4"))
    assert (tmp_path / "alone.mp4").read_bytes() == (root / "videos" / video.name).read_bytes()
    records = video.records()
    for alone, together in zip((records.persons, records.objects), pickles, strict=True):
        assert alone.keys() <= together.keys()
        for key, record in alone.items():
            np.testing.assert_equal(record, together[key])


def test_two_generations_are_equal_and_another_seed_is_not(smallest, tmp_path):
    again, other = tmp_path / "again", tmp_path / "other"
    ensure_sample(str(again), SMALLEST)
    ensure_sample(str(other), SMALLEST, seed=1)
    assert contents(again) == contents(smallest)
    frames = "annotations/frame_list.txt"
    assert (other / frames).read_text() != (smallest / frames).read_text()


def test_a_complete_data_set_is_left_alone(root):
    before = contents(root)
    inode = os.stat(root).st_ino
    (root / "annotations" / "index_cache.json").write_text("{}")
    ensure_sample(str(root), VIDEOS)
    (root / "annotations" / "index_cache.json").unlink()
    assert os.stat(root).st_ino == inode and contents(root) == before


def test_an_interrupted_generation_leaves_no_data_set_and_is_repaired(tmp_path, monkeypatch):
    path = tmp_path / "ag"

    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(generate, "_measure", interrupt)
        with pytest.raises(KeyboardInterrupt):
            ensure_sample(str(path), SMALLEST)
    assert not path.exists() and (tmp_path / "ag.partial").exists()
    ensure_sample(str(path), SMALLEST)
    assert (path / "MANIFEST.json").exists() and not (tmp_path / "ag.partial").exists()


@pytest.mark.parametrize("damage", ["frame", "annotations", "manifest version", "video count"])
def test_a_damaged_or_outdated_data_set_is_rebuilt(smallest, tmp_path, monkeypatch, damage):
    path = Path(shutil.copytree(smallest, tmp_path / "ag"))
    whole = contents(path)
    if damage == "frame":
        next((path / "frames").rglob("*.png")).unlink()
    elif damage == "annotations":
        (path / "annotations/person_bbox.pkl").unlink()
    elif damage == "manifest version":
        monkeypatch.setattr(generate, "VERSION", generate.VERSION + 1)
    ensure_sample(str(path), SMALLEST + (damage == "video count"))
    if damage in ("frame", "annotations"):
        assert contents(path) == whole
    manifest = json.loads((path / "MANIFEST.json").read_text())
    assert manifest["version"] == generate.VERSION
    assert manifest["videos"] == manifest["sizes"]["videos"] == SMALLEST + (damage == "video count")
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_dir()) == ["ag"]


def test_a_folder_with_other_files_is_refused_and_kept(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(FileExistsError, match="MANIFEST.json.*name another folder"):
        ensure_sample(str(tmp_path), SMALLEST)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("videos", [0, 4, 1297])
def test_a_wrong_number_of_videos(tmp_path, videos):
    with pytest.raises(ValueError, match=f"from 5 .* to 1296, got {videos}"):
        ensure_sample(str(tmp_path / "ag"), videos)


@pytest.mark.slow
def test_two_commands_at_once_generate_once(tmp_path):
    path = tmp_path / "made" / "ag"
    command = [
        sys.executable,
        "-m",
        "vost_sgg.data.sample",
        "--root",
        str(path),
        "--videos",
        str(SMALLEST),
    ]
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outputs = [process.communicate() for process in started]
    assert [process.returncode for process in started] == [0, 0], outputs
    assert all(
        f"{path} holds the sample data set of {SMALLEST} videos" in out for out, _ in outputs
    )
    assert sum("generating" in error for _, error in outputs) == 1


def test_a_process_with_threads_of_opencv_generates_too(tmp_path):
    """A forked process that inherits OpenCV's thread pool without its threads would hang for ever."""
    program = (
        "import sys, cv2, numpy as np\n"
        "cv2.setNumThreads(4)\n"
        "cv2.resize(np.zeros((2000, 2000, 3), np.uint8), (3000, 3000))\n"
        "cv2.cvtColor(np.zeros((2000, 2000, 3), np.uint8), cv2.COLOR_BGR2HSV)\n"
        "from vost_sgg.data.sample import ensure_sample\n"
        "ensure_sample(sys.argv[1], videos=5)\n"
        "assert cv2.getNumThreads() == 4\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "ag_sample")]
    subprocess.run(command, check=True, timeout=120)
