import logging
import shutil

import numpy as np
import pytest
from detectron2.structures import BoxMode

from tests.data.ag_fixture import OBJECTS, PREDICATES, records, write_action_genome
from vost_sgg.data.action_genome import load_action_genome


@pytest.fixture
def root(tmp_path):
    write_action_genome(tmp_path, *records())
    return tmp_path


def by_id(root, split="train", **options):
    return {
        record["image_id"]: record for record in load_action_genome(str(root), split, **options)
    }


def test_one_record_in_full(root):
    record = by_id(root)["AAAAA.mp4/000003.png"]
    scene = {
        name: record.pop(name)
        for name in ("annotations", "pairs", "attention", "spatial", "contacting")
    }
    assert record == {
        "file_name": str(root / "frames" / "AAAAA.mp4" / "000003.png"),
        "image_id": "AAAAA.mp4/000003.png",
        "height": 270,
        "width": 480,
        "video_id": "AAAAA.mp4",
        "video_index": 0,
        "frame_index": 0,
        "frame_number": 3,
    }
    # The first of two people; the light is not visible; objects turn from xywh to xyxy.
    assert scene["annotations"] == [
        {"bbox": [24.25, 71.5, 259.25, 268.25], "bbox_mode": BoxMode.XYXY_ABS, "category_id": 0},
        {"bbox": [56.25, 79.0, 249.0, 169.5], "bbox_mode": BoxMode.XYXY_ABS, "category_id": 30},
        {"bbox": [22.0, 143.75, 42.25, 163.75], "bbox_mode": BoxMode.XYXY_ABS, "category_id": 10},
    ]
    assert scene["pairs"].dtype == np.int64 and scene["pairs"].tolist() == [[0, 1], [0, 2]]
    labels = np.concatenate([scene["attention"], scene["spatial"], scene["contacting"]], axis=1)
    assert labels.dtype == bool and labels.shape == (2, 26)
    # Four places and two contacts at once stay as they are.
    assert [[PREDICATES[p] for p in np.flatnonzero(row)] for row in labels] == [
        "not_looking_at beneath in_front_of behind on_the_side_of leaning_on sitting_on".split(),
        "looking_at in drinking_from".split(),
    ]


def test_every_kept_annotation_against_the_pickles(root):
    persons, objects = records()
    for split in ("train", "test"):
        for key, record in by_id(root, split).items():
            width, height = persons[key]["bbox_size"]
            assert (record["width"], record["height"]) == (width, height)
            limits = np.array([width, height, width, height])
            np.testing.assert_array_equal(
                record["annotations"][0]["bbox"], np.clip(persons[key]["bbox"][0], 0, limits)
            )
            found = {OBJECTS[a["category_id"]]: a["bbox"] for a in record["annotations"][1:]}
            for entry in objects[key]:
                if entry["visible"] and min(entry["bbox"][2:]) > 0:
                    x, y, w, h = entry["bbox"]
                    np.testing.assert_array_equal(
                        found.pop(entry["class"]), np.clip([x, y, x + w, y + h], 0, limits)
                    )
            assert not found


def test_boxes_are_clipped_to_the_frame(root):
    person, table = by_id(root)["AAAAA.mp4/000010.png"]["annotations"]
    assert person["bbox"] == [0.0, 71.5, 259.25, 270.0]
    assert table["bbox"] == [222.0, 143.75, 480.0, 244.75]


def test_a_box_without_area_goes_with_its_labels(root):
    record = by_id(root, "test")["DDDDD.mp4/000005.png"]
    assert [OBJECTS[a["category_id"]] for a in record["annotations"]] == ["person", "doorway"]
    assert [len(record[n]) for n in ("pairs", "attention", "spatial", "contacting")] == [1] * 4


def test_portrait_videos_keep_width_and_height_apart(root):
    record = by_id(root)["BBBBB.mp4/000090.png"]
    assert (record["width"], record["height"]) == (270, 480)


def test_indices_count_what_is_kept(root):
    found = [
        (r["image_id"][:5], r["video_index"], r["frame_index"])
        for r in load_action_genome(str(root), "train")
    ]
    assert found == [
        ("AAAAA", 0, 0),
        ("AAAAA", 0, 1),
        ("AAAAA", 0, 2),
        ("BBBBB", 1, 0),
        ("BBBBB", 1, 1),
        ("CCCCC", 2, 0),
    ]


def test_the_archives_other_folder_name(root):
    expected = by_id(root)
    shutil.move(root / "annotations", root / "action_genome_v1.0")
    np.testing.assert_equal(by_id(root), expected)


def test_every_count_is_logged(root, caplog):
    caplog.set_level(logging.INFO)
    load_action_genome(str(root), "train", frame_rule="sttran")
    assert "split train, frame rule sttran: listed 8, with invisible objects only 1" in caplog.text
    assert "in short videos 3, short videos 2, kept 3" in caplog.text
    assert "published" not in caplog.text


def test_boxes_of_another_frame_size_are_warned_of(tmp_path, caplog):
    persons, objects = records()
    persons["BBBBB.mp4/000001.png"]["bbox_size"] = (180, 320)
    write_action_genome(tmp_path, persons, objects)
    load_action_genome(str(tmp_path), "train")
    assert "reaches 160.0 pixels beyond its frame" in caplog.text


def test_frames_that_are_not_dumped_yet_are_warned_of(root, caplog):
    (root / "frames").rmdir()
    load_action_genome(str(root), "train")
    assert "has no frames/: tools/prepare_action_genome.py" in caplog.text


def test_frames_without_any_object_are_warned_of(tmp_path, caplog):
    persons, objects = records()
    objects["AAAAA.mp4/000003.png"] = []
    write_action_genome(tmp_path, persons, objects)
    load_action_genome(str(tmp_path), "train")
    assert "1 frames list no object" in caplog.text


def test_a_missing_root_names_it_and_the_remedy(tmp_path):
    with pytest.raises(
        FileNotFoundError, match="no data set at .*nowhere.*DETECTRON2_DATASETS.*README.md"
    ):
        load_action_genome(str(tmp_path / "nowhere"), "train")


def test_a_root_without_annotations_names_both_folders(tmp_path):
    with pytest.raises(
        FileNotFoundError, match="neither annotations/ nor action_genome_v1.0/.*README.md"
    ):
        load_action_genome(str(tmp_path), "train")


@pytest.mark.parametrize(
    "name",
    ["person_bbox.pkl", "object_bbox_and_relationship.pkl", "frame_list.txt", "object_classes.txt"],
)
def test_half_a_download_names_the_file(root, name):
    (root / "annotations" / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"lacks {name}: .*datasets/README.md"):
        load_action_genome(str(root), "train")


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"frame_rule": "stran"}, "unknown frame rule 'stran'; did you mean sttran"),
        ({"split": "val"}, "unknown split 'val'; known: test, train"),
        ({"source": "offical"}, "unknown source 'offical'; did you mean official"),
    ],
)
def test_an_unknown_choice_names_the_nearest(root, arguments, message):
    with pytest.raises(ValueError, match=message):
        load_action_genome(**{"root": str(root), "split": "train", **arguments})


def test_a_rule_that_keeps_nothing_says_why(root):
    with pytest.raises(
        ValueError, match="sttran_filtersmall keeps no frame .*with small objects only 2"
    ):
        load_action_genome(str(root), "test", frame_rule="sttran_filtersmall")


def test_what_is_read_again_is_counted_once(root, caplog):
    caplog.set_level(logging.INFO)
    for split in ("train", "test", "train"):
        load_action_genome(str(root), split)
    counted = [r.getMessage() for r in caplog.records if "frame rule" in r.getMessage()]
    assert len(counted) == 2 and "split train" in counted[0] and "split test" in counted[1]
