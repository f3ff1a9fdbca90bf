import os

import numpy as np
import pytest

from tests.data.ag_fixture import records, write_action_genome
from vost_sgg.data import action_genome
from vost_sgg.data.action_genome import load_annotation_index

CACHE = "vost_sgg_index.safetensors"


@pytest.fixture
def root(tmp_path):
    write_action_genome(tmp_path, *records())
    return tmp_path


@pytest.fixture
def reads(monkeypatch):
    """Counts how often the pickles are parsed."""
    calls = []
    parse = action_genome.read_official
    monkeypatch.setattr(
        action_genome, "read_official", lambda folder: calls.append(folder) or parse(folder)
    )
    return calls


def same(a, b):
    np.testing.assert_equal(a.to_arrays(), b.to_arrays())
    assert a.keys == b.keys


def test_the_second_start_reads_the_cache_alone(root, reads):
    first, second = load_annotation_index(str(root)), load_annotation_index(str(root))
    same(first, second)
    assert len(reads) == 1
    assert not list(root.glob("**/*.tmp"))


def test_a_changed_source_is_read_again(root, reads):
    load_annotation_index(str(root))
    persons, objects = records()
    for content in (persons, objects):
        del content["CCCCC.mp4/000007.png"]
    for path in (root / "annotations").iterdir():
        path.unlink()
    (root / "annotations").rmdir()
    (root / "frames").rmdir()
    write_action_genome(root, persons, objects)
    assert len(load_annotation_index(str(root))) == len(persons)
    assert len(reads) == 2


def test_a_changed_source_of_the_same_size_and_time_is_noticed(root, reads):
    load_annotation_index(str(root))
    path = root / "annotations" / "object_bbox_and_relationship.pkl"
    stat = path.stat()
    path.write_bytes(path.read_bytes().replace(b"vacuum", b"window"))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert load_annotation_index(str(root)).categories[-1] == 35
    assert len(reads) == 2


def flip_last_byte(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    "damage",
    [
        flip_last_byte,
        lambda path: path.write_bytes(path.read_bytes()[:-10]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"not safetensors at all" * 100),
    ],
    ids=["a byte", "the end", "empty", "another file"],
)
def test_a_damaged_cache_is_made_anew_with_a_warning(root, reads, caplog, damage):
    first = load_annotation_index(str(root))
    damage(root / "annotations" / CACHE)
    same(first, load_annotation_index(str(root)))
    assert "is damaged" in caplog.text
    load_annotation_index(str(root))
    assert len(reads) == 2


def test_a_folder_that_cannot_be_written_is_read_all_the_same(root, reads, caplog, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    # A folder's mode does not stop root, as whom containers run tests.
    monkeypatch.setattr("vost_sgg.data.annotation_cache.tempfile.mkstemp", refuse)
    same(load_annotation_index(str(root)), load_annotation_index(str(root)))
    assert "cannot be written" in caplog.text
    assert len(reads) == 2 and not (root / "annotations" / CACHE).exists()


def test_a_disk_that_fills_up_leaves_no_half_file(root, monkeypatch, caplog):
    def fill(arrays, path, metadata):
        with open(path, "wb") as file:
            file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vost_sgg.data.annotation_cache.save_file", fill)
    load_annotation_index(str(root))
    assert "No space left" in caplog.text
    assert sorted(p.suffix for p in (root / "annotations").iterdir()) == [
        ".pkl",
        ".pkl",
        ".txt",
        ".txt",
        ".txt",
    ]


def test_the_second_start_maps_the_file_into_memory(root):
    load_annotation_index(str(root))
    index = load_annotation_index(str(root))
    with open("/proc/self/maps") as file:
        assert str(root / "annotations" / CACHE) in file.read()
    assert len(index) == len(records()[0])
