"""Files from strangers are refused with one error, and nothing that they ask for is done (SECURITY.md)."""

import ast
import os
import pickle
import struct
import zlib
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.data.ag_fixture import FRAMES, records, write_action_genome, write_oed_json
from tests.tiny import tiny_records
from vost_sgg.checkpoint import read_state_dict
from vost_sgg.config import get_vost_cfg
from vost_sgg.data.action_genome import load_action_genome
from vost_sgg.data.annotation_index import split_key
from vost_sgg.data.frame_sources import open_source
from vost_sgg.data.mapper import FrameError, read_frame
from vost_sgg.data.vocabulary import OBJECT_IDS
from vost_sgg.engine import SGGCheckpointer

ROOT = Path(__file__).parents[1]
FRAME = next(iter(FRAMES))
LONG = "x" * 100_000


class Touch:
    """A pickle of it makes the folder ``path`` when it is read by pickle itself."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture
def witness(tmp_path):
    path = tmp_path / "witness"
    yield path
    assert not path.exists()


@pytest.mark.parametrize("name", ["person_bbox.pkl", "object_bbox_and_relationship.pkl"])
def test_annotations_that_call_something(tmp_path, witness, name):
    folder = write_action_genome(tmp_path / "ag", *records())
    (folder / name).write_bytes(pickle.dumps({FRAME: Touch(witness)}, 3))
    with pytest.raises(ValueError, match=rf"{name} .*asks for \w+\.mkdir, and only plain data"):
        load_action_genome(str(tmp_path / "ag"), "train")


@pytest.mark.parametrize("name", ["weights.pth", "weights.pyth", "weights.pkl"])
def test_a_checkpoint_that_calls_something(tmp_path, witness, name):
    content = {"model": {}, "__author__": "nobody", "extra": Touch(witness)}
    path = tmp_path / name
    torch.save(content, path) if not name.endswith("pkl") else path.write_bytes(
        pickle.dumps(content, 2)
    )
    with pytest.raises(ValueError, match=name):
        SGGCheckpointer(nn.Linear(1, 1), meta={}).load(str(path))
    with pytest.raises(ValueError, match=name):
        read_state_dict(str(path))


@pytest.mark.parametrize("inherited", [False, True])
def test_a_config_that_calls_something(tmp_path, witness, inherited):
    path = tmp_path / "config.yaml"
    path.write_text(f"OUTPUT_DIR: !!python/object/apply:os.mkdir ['{witness}']\n")
    if inherited:
        (tmp_path / "child.yaml").write_text("_BASE_: config.yaml\n")
    opened = tmp_path / ("child.yaml" if inherited else "config.yaml")
    with pytest.raises(
        ValueError, match="plain YAML, without Python objects .*config.yaml, line 1"
    ):
        get_vost_cfg(str(opened))


@pytest.mark.parametrize(
    "key",
    [
        *("../000001.png", "./000001.png", "../../etc/000001.png", "/etc/000001.png"),
        *(
            "A.mp4/../000001.png",
            "A.mp4/000001.png/../../x",
            "A.mp4/000001.p/ng",
            "A\\..\\/000001.png",
        ),
        *("A.mp4\0/000001.png", "A.mp4\n/000001.png", "A.mp4/\u0661.png", f"{LONG}/000001.png"),
    ],
    ids=range(12),
)
@pytest.mark.parametrize("source", ["official", "oed"])
def test_frame_names_stay_in_their_folder(tmp_path, key, source):
    with pytest.raises(ValueError, match="is not named like 'VIDEO.mp4/000089.png'") as error:
        split_key(key)
    assert len(str(error.value)) < 300
    contents = records()
    for content in contents:
        content[key] = content.pop(FRAME)
    if source == "official":
        write_action_genome(tmp_path, *contents)
    else:
        for content in contents:  # the fixture's writer reads the number
            content["A.mp4/000001.png"] = content.pop(key)
        path = write_oed_json(tmp_path, "train", *contents)
        escaped = "".join(f"\\u{ord(letter):04x}" for letter in key)
        path.write_text(path.read_text().replace("A.mp4/000001.png", escaped))
    with pytest.raises(ValueError, match="is not named like|frame_list.txt"):
        load_action_genome(str(tmp_path), "train", source=source)


def png(width: int, height: int) -> bytes:
    """A file of some 100 bytes that declares so many pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (
        chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )
    return b"\x89PNG\r\n\x1a\n" + parts


@pytest.mark.parametrize("side", [9_000, 12_000, 60_000, 2**31 - 1])
def test_a_frame_that_declares_gigabytes_is_not_decoded(tmp_path, side, monkeypatch):
    record = tiny_records(tmp_path, {"A.mp4": 1})[0]
    Path(record["file_name"]).write_bytes(png(side, side))
    monkeypatch.setattr("vost_sgg.data.mapper.read_image", lambda *_: pytest.fail("was decoded"))
    with pytest.raises(
        FrameError, match=f"is {side}x{side} pixels, its annotations|cannot be read"
    ):
        read_frame(record, "RGB")


def postscript(width: int, height: int) -> bytes:
    return f"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 {width} {height}\n%%EndComments\n".encode()


@pytest.fixture
def no_ghostscript(monkeypatch):
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *_: pytest.fail("was called"))


def test_a_frame_of_postscript_is_not_run(tmp_path, no_ghostscript):
    record = tiny_records(tmp_path, {"A.mp4": 1})[0]
    file = Path(record["file_name"])
    file.write_bytes(postscript(record["width"], record["height"]))
    with pytest.raises(FrameError, match=f"{file} cannot be read"):
        read_frame(record, "RGB")
    with pytest.raises(ValueError, match=f"{file} is not a readable image"):
        list(open_source(file.parent))


@pytest.mark.parametrize("field", ["class", "attention_relationship", "bbox", "set"])
def test_a_label_of_100_kb_is_refused_in_few_words(tmp_path, field):
    contents = records()
    entry = contents[1][FRAME][1]
    if field == "set":
        contents[1][FRAME][0]["metadata"]["set"] = LONG
    else:
        entry[field] = LONG if field == "class" else [LONG]
    write_action_genome(tmp_path, *contents)
    with pytest.raises(ValueError, match=FRAME) as error:
        load_action_genome(str(tmp_path), "train")
    assert len(str(error.value)) < 600


@pytest.mark.parametrize("broken", [False, True])
def test_a_frame_name_of_100_kb_is_refused_in_few_words(tmp_path, broken):
    contents = records()
    folder = write_action_genome(tmp_path, *contents)
    named = {LONG: {} if broken else contents[0][FRAME], 7: contents[0][FRAME]}
    (folder / "person_bbox.pkl").write_bytes(pickle.dumps(contents[0] | named, 3))
    with pytest.raises(ValueError, match="'xxx|such as 7") as error:
        load_action_genome(str(tmp_path), "train")
    assert len(str(error.value)) < 600


def test_a_long_name_is_not_compared_with_the_vocabulary():
    with pytest.raises(ValueError, match=r"unknown object class 'x+\.\.\. \(100,002 characters\)"):
        OBJECT_IDS[LONG]


FORBIDDEN = {
    *("os.system", "os.popen", "eval", "exec", "pickle.load", "pickle.loads", "pickle.Unpickler"),
    *("yaml.load", "yaml.unsafe_load", "yaml.full_load", "subprocess.getoutput", "shelve.open"),
}


def calls(path: Path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), {k.arg: ast.unparse(k.value) for k in node.keywords}, node


def test_the_code_starts_no_shell_and_reads_nothing_unsafely():
    files = [ROOT / "setup.py"]
    for folder in ("vost_sgg", "tools", "projects"):
        files += (ROOT / folder).rglob("*.py")
    assert len(files) > 100
    for path in files:
        for name, options, node in calls(path):
            where = f"{path.relative_to(ROOT)}:{node.lineno}"
            assert name not in FORBIDDEN, where
            assert options.get("shell", "False") == "False", where
            if name.endswith("torch.load"):
                assert options.get("weights_only") == "True", where
            if name.endswith("merge_from_file"):
                assert options.get("allow_unsafe") == "False", where
            assert options.get("trust_remote_code", "False") == "False", where
