"""The prediction file: what is written is read, by whichever number of processes, and what is wrong is said."""

import json

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from vost_sgg.evaluation.prediction_file import PredictionFile, PredictionHeader, stored
from vost_sgg.evaluation.prediction_writer import PredictionPart, join_parts, write_predictions

OBJECTS = ["person", "cup", "chair", "bed", "bag"]
HEADER = PredictionHeader(
    task="sgdet",
    dataset="made_up",
    method="mine",
    objects=OBJECTS,
    predicates=[f"p{i}" for i in range(26)],
    rules={"protocol": "oed"},
    training=["made_up_train"],
)


@pytest.fixture
def predictions(random_frames):
    """(image id, prediction) of 12 frames; some have no pair."""
    frames = [stored(prediction) for _, prediction in random_frames(12, seed=2)]
    assert any(len(p) == 0 for p in frames)
    return [(f"V.mp4/{i:06d}.png", p) for i, p in enumerate(frames)]


@pytest.fixture
def path(tmp_path, predictions):
    path = str(tmp_path / "new" / "file.safetensors")
    assert write_predictions(path, HEADER, predictions) == 12
    return path


def test_what_is_written_is_read(path, predictions):
    file = PredictionFile(path)
    assert file.header == HEADER and len(file) == 12
    assert file.image_ids == [image_id for image_id, _ in predictions]
    for image_id, expected in reversed(predictions):
        found = file.prediction(image_id)
        for name, array in vars(expected).items():
            assert np.array_equal(getattr(found, name), array), name
    with safe_open(path, "numpy") as plain:
        assert set(plain.metadata()) == {"about"}
        assert plain.get_tensor("attention").dtype == np.float32


@pytest.mark.parametrize("shares", [(12, 0), (1, 8, 3), (0, 5, 0, 7)])
def test_any_number_of_processes_writes_the_same_bytes(path, predictions, tmp_path, shares):
    joined = str(tmp_path / "joined" / "file.safetensors")
    parts = [PredictionPart(joined, rank) for rank in range(len(shares))]
    remaining = iter(predictions)
    for part, share in zip(parts, shares, strict=True):
        for _ in range(share):
            part.add(*next(remaining))
    join_parts(joined, HEADER, [part.close() for part in parts])
    assert open(joined, "rb").read() == open(path, "rb").read()
    assert [p.name for p in (tmp_path / "joined").iterdir()] == ["file.safetensors"]


def test_an_error_leaves_nothing_behind(tmp_path, predictions):
    def frames():
        yield predictions[0]
        raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError, match="interrupted"):
        write_predictions(str(tmp_path / "file.safetensors"), HEADER, frames())
    assert list(tmp_path.iterdir()) == []


def test_parts_on_another_machine(tmp_path, predictions):
    part = PredictionPart(str(tmp_path / "file.safetensors"), 3)
    part.add(*predictions[0])
    part.close()
    (tmp_path / "file.safetensors.3.boxes.part").unlink()
    with pytest.raises(
        OSError, match=r"3\.boxes\.part is not there; OUTPUT_DIR must be a folder that all"
    ):
        join_parts(part.path, HEADER, [part])


def changed(path, arrays=None, **fields):
    """The file with other arrays, or with other fields in its header."""
    with safe_open(path, "numpy") as file:
        about = json.loads(file.metadata()["about"])
    save_file({**load_file(path), **(arrays or {})}, path, {"about": json.dumps(about | fields)})
    return path


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"format_version": 2}, "has format version 2, this library reads 1"),
        ({"format": "another"}, "is no prediction file; tools/convert_predictions.py makes one"),
        ({"image_ids": ["V.mp4/000001.png"] * 12}, "frame V.mp4/000001.png is there twice"),
        ({"image_ids": ["V.mp4/000001.png"]}, r"no integer array box_starts of shape \(2,\)"),
        ({"colour": "red"}, "its header is incomplete .*colour"),
        ({"arrays": {"pair_starts": np.arange(13)[::-1].copy()}}, "pair_starts does not ascend"),
        ({"arrays": {"boxes": np.zeros((3, 4), np.float32)}}, "no array boxes of type F32, shape"),
        ({"arrays": {"scores": np.zeros(7)}}, "no array scores of type F32, shape"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(path, fields, message):
    with pytest.raises(ValueError, match=f"file.safetensors.*{message}"):
        PredictionFile(changed(path, **fields))


@pytest.mark.parametrize("kept", [0, 5, 300, -1])
def test_a_file_that_is_cut_short_is_refused(path, kept):
    content = open(path, "rb").read()
    with open(path, "wb") as file:
        file.write(content[:kept])
    with pytest.raises(ValueError, match="file.safetensors cannot be read: it is cut short"):
        PredictionFile(path)


def test_a_class_outside_the_vocabulary_is_refused(path, predictions):
    classes = load_file(path)["classes"]
    classes[-1] = len(OBJECTS)
    file = PredictionFile(changed(path, {"classes": classes}))
    *_, last = (image_id for image_id, p in predictions if len(p.boxes))
    with pytest.raises(ValueError, match="classes holds 5, outside the vocabulary of 5 classes"):
        file.prediction(last)


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no prediction file .*none"):
        PredictionFile(str(tmp_path / "none"))
