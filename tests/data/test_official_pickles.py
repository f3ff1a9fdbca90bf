import pickle

import numpy as np
import pytest

from tests.data.ag_fixture import records, write_action_genome
from vost_sgg.data.action_genome import load_annotation_index

FRAME = "AAAAA.mp4/000003.png"
OBJECTS_PICKLE = "object_bbox_and_relationship.pkl"


@pytest.fixture
def content():
    return records()


def load_error(root, content) -> str:
    write_action_genome(root, *content)
    with pytest.raises(ValueError) as error:
        load_annotation_index(str(root))
    return str(error.value)


def test_an_unknown_class_names_the_frame_and_the_nearest_classes(tmp_path, content):
    content[1][FRAME][1]["class"] = "sofas"
    message = load_error(tmp_path, content)
    assert OBJECTS_PICKLE in message and FRAME in message
    assert "unknown object class 'sofas'; did you mean" in message and "sofa/couch" in message


def test_an_unknown_predicate_names_the_frame_and_the_nearest_predicates(tmp_path, content):
    content[1][FRAME][1]["contacting_relationship"] = ["siting_on"]
    message = load_error(tmp_path, content)
    assert FRAME in message
    assert "unknown contacting predicate 'siting_on'; did you mean sitting_on" in message


def test_a_person_among_the_objects(tmp_path, content):
    content[1][FRAME][1]["class"] = "person"
    assert f"{FRAME}: a person among the objects" in load_error(tmp_path, content)


def test_a_split_that_is_neither(tmp_path, content):
    content[1][FRAME][0]["metadata"]["set"] = "val"
    assert f"{FRAME}: metadata['set'] is 'val'" in load_error(tmp_path, content)


def test_an_object_without_a_field(tmp_path, content):
    del content[1][FRAME][1]["visible"]
    assert f"{FRAME}: no field 'visible'" in load_error(tmp_path, content)


def test_a_person_without_a_size(tmp_path, content):
    del content[0][FRAME]["bbox_size"]
    message = load_error(tmp_path, content)
    assert "person_bbox.pkl" in message and FRAME in message and "bbox_size" in message


def test_person_boxes_in_another_mode(tmp_path, content):
    content[0][FRAME]["bbox_mode"] = "xywh"
    assert f"'{FRAME}': person boxes are 'xywh'" in load_error(tmp_path, content)


@pytest.mark.parametrize("width", [float("inf"), 1e12, [480], "wide"])
def test_a_person_of_an_impossible_size(tmp_path, content, width):
    content[0][FRAME]["bbox_size"] = (width, 270)
    assert f"person_bbox.pkl: '{FRAME}': not a person record" in load_error(tmp_path, content)


@pytest.mark.parametrize("box", [["a", "b", "c", "d"], [10**400, 0, 0, 0], [[0]] * 4, 7])
def test_an_object_with_a_box_of_something_else(tmp_path, content, box):
    content[1][FRAME][1]["bbox"] = box
    assert f"{OBJECTS_PICKLE}: {FRAME}: " in load_error(tmp_path, content)


@pytest.mark.parametrize("records", [7, [7], ["person"], [np.zeros(3)], [{"class": 5}]])
def test_records_of_something_else(tmp_path, content, records):
    content[1][FRAME] = records
    assert f"{OBJECTS_PICKLE}: {FRAME}: " in load_error(tmp_path, content)


def test_a_key_that_names_no_frame(tmp_path, content):
    for frames in content:
        frames["AAAAA/first.png"] = frames.pop(FRAME)
    assert "'AAAAA/first.png' is not named like 'VIDEO.mp4/000089.png'" in load_error(
        tmp_path, content
    )


@pytest.mark.parametrize("short", ["frame_list.txt", "person_bbox.pkl", OBJECTS_PICKLE])
def test_lists_of_different_frames_name_the_short_one(tmp_path, content, short):
    folder = write_action_genome(tmp_path, *content)
    path = folder / short
    if path.suffix == ".txt":
        path.write_text("\n".join(path.read_text().splitlines()[1:]))
    else:
        frames = pickle.loads(path.read_bytes().replace(b"numpy.core", b"numpy._core"))
        del frames[FRAME]
        path.write_bytes(pickle.dumps(frames, 3))
    with pytest.raises(
        ValueError, match=rf"{short} lacks 1 frames .* such as '{FRAME}'.*datasets/README.md"
    ):
        load_annotation_index(str(tmp_path))


def test_a_pickle_of_something_else(tmp_path, content):
    folder = write_action_genome(tmp_path, *content)
    (folder / "person_bbox.pkl").write_bytes(pickle.dumps(["001YG"], 3))
    with pytest.raises(ValueError, match="person_bbox.pkl holds a list, not a dict of frames"):
        load_annotation_index(str(tmp_path))


def test_a_pickle_cut_short(tmp_path, content):
    folder = write_action_genome(tmp_path, *content)
    path = folder / OBJECTS_PICKLE
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=f"{path} is cut short .*download it again"):
        load_annotation_index(str(tmp_path))


def test_a_frame_without_entries_belongs_to_no_split(tmp_path, content):
    content[1][FRAME] = []
    write_action_genome(tmp_path, *content)
    index = load_annotation_index(str(tmp_path))
    assert index.splits[index.keys.index(FRAME)] == -1
