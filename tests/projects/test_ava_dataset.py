"""AVA's csv files and clips become dataset dicts as projects/ava/README.md says."""

import json
from pathlib import Path

import numpy as np
import pytest
from detectron2.data import DatasetCatalog, MetadataCatalog
from detectron2.data.detection_utils import read_image

from projects.ava import catalog, keyframes
from projects.ava.actions import ACTIONS, PREDICATE_ROWS
from projects.ava.annotations import read_annotations
from projects.ava.dataset import load_ava
from tests.projects.ava_files import LABEL_MAP, write_annotations, write_clip
from vost_sgg.data.frames import frame_ground_truth
from vost_sgg.data.vocabulary import PREDICATE_CLASSES

ROWS = [
    "clipB,0903,0.250,0.000,0.750,1.000,12,0",
    "clipA,0902,0.100,0.200,0.500,0.900,12,3",
    "clipA,0902,0.100,0.200,0.500,0.900,17,3",  # the same person, another action
    "clipA,0902,0.100,0.200,0.500,0.900,80,3",  # one of the other 73 classes
    "clipA,0902,0.600,-0.100,1.200,0.900,14,4",  # walks: none of the seven; a box beyond the frame
    "clipA,0904,0.100,0.200,0.500,0.900,14,3",  # a keyframe in which nobody does one of the seven
    "clipA,0905,0.100,0.200,0.500,0.900,8,3",  # excluded
    "clipA,0906,0.100,0.200,0.500,0.900,11,3",  # behind the end of the clip
    "noclip,0902,0.100,0.200,0.500,0.900,11,3",
]


@pytest.fixture
def root(tmp_path):
    write_annotations(tmp_path, ROWS, excluded=["clipA,0905", "clipZ,0910"])
    write_clip(tmp_path / "videos_15min" / "clipA.mkv", 55)
    write_clip(tmp_path / "videos" / "clipB.mkv", 1)
    return tmp_path


def test_the_table_joins_the_seven_classes_with_predicates_of_action_genome():
    assert [action.id for action in ACTIONS] == [8, 11, 12, 17, 29, 59, 63]
    joined = {
        action.name: [PREDICATE_CLASSES[row] for row in rows]
        for action, rows in zip(ACTIONS, PREDICATE_ROWS, strict=True)
    }
    assert joined["carry/hold (an object)"] == ["carrying", "holding"]
    assert joined["lie/sleep"] == ["lying_on"] and joined["write"] == ["writing_on"]
    assert {name: i for i, name in LABEL_MAP.items() if i != 14} == {a.name: a.id for a in ACTIONS}


def test_rows_of_a_person_are_joined_exclusions_left_out_and_boxes_cut_off(root):
    found = read_annotations(str(root / "annotations"), "val")
    assert list(found.persons) == [
        ("clipA", 902), ("clipA", 904), ("clipA", 906), ("clipB", 903), ("noclip", 902),
    ]  # fmt: skip
    several, walker = found.persons["clipA", 902]
    assert several.actions == (12, 17, 80) and several.box == (0.1, 0.2, 0.5, 0.9)
    assert walker.box == (0.6, 0.0, 1.0, 0.9) and not walker.overlaps
    assert (found.excluded, found.clipped) == (1, 1)
    assert ("clipA", 904) not in found.overlapping()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("clipA,0902,0.1,0.2,0.5,0.9,12", "line 2: 7 fields, AVA v2.2 has 8"),
        ("clipA,9o2,0.1,0.2,0.5,0.9,12,3", "line 2: '9o2' is no timestamp"),
        ("clipA,0902,0.1,0.2,,0.9,12,3", "line 2: 0.1,0.2,,0.9 is no box"),
        ("clipA,0902,0.1,nan,0.5,0.9,12,3", "line 2: 0.1,nan,0.5,0.9 is no box"),
        ("clipA,0902,0.5,0.2,0.1,0.9,12,3", "line 2: box 0.5,0.2,0.1,0.9 has no area"),
        ("clipA,0902,1.1,0.2,1.4,0.9,12,3", "line 2: box 1.1,0.2,1.4,0.9 has no area inside"),
        ("clipA,0902,0.1,0.2,0.5,0.9,81,3", "line 2: action id 81 is not from 1 to 80"),
        ("clipA,0902,0.1,0.2,0.5,0.9,12,x", "line 2: 'x' is no person id"),
        ("../etc,0902,0.1,0.2,0.5,0.9,12,3", "line 2: '../etc' is no video id"),
    ],
)
def test_a_malformed_row_is_an_error_that_names_file_and_line(tmp_path, row, message):
    folder = write_annotations(tmp_path, [ROWS[0], row])
    with pytest.raises(ValueError, match="ava_val_v2.2.csv, ") as error:
        read_annotations(str(folder), "val")
    assert message in str(error.value)


def test_missing_files_and_another_label_map_are_errors_with_a_remedy(tmp_path):
    with pytest.raises(FileNotFoundError, match="lacks ava_train_v2.2.csv, .*README.md"):
        read_annotations(str(tmp_path), "train")
    folder = write_annotations(
        tmp_path, ROWS, names={**LABEL_MAP, 59: "smoke", 68: "touch (an object)"}
    )
    with pytest.raises(
        ValueError, match=r"class 59 is 'smoke' where AVA v2.2 has 'touch \(an object\)'"
    ):
        read_annotations(str(folder), "val")
    with pytest.raises(ValueError, match="unknown split 'test'"):
        read_annotations(str(folder), "test")


def test_keyframes_are_dumped_by_time_and_what_is_missing_is_reported(root, capsys):
    assert keyframes.main(["--root", str(root), "--split", "val", "--workers", "1"]) == 0
    report = json.loads((root / "frames/report_val.json").read_text())
    # clipB's movie begins at second 0 and lasts a tenth of one; clipA is cut from second 900.
    assert report["missing_clips"] == ["noclip"]
    assert report["missing_keyframes"] == {"clipA": [906], "clipB": [903]}
    assert (report["keyframes"], report["written"]) == (4, 1)
    said = capsys.readouterr().out
    assert (
        "1 clips are missing, such as noclip" in said and "end before their last keyframe" in said
    )
    image = read_image(root / "frames/clipA/000902.png", "RGB")
    assert image.shape == (48, 64, 3) and (image == 4 * 20).all()  # 2 s at 10 frames a second
    stamp = (root / "frames/clipA/000902.png").stat().st_mtime_ns
    write_clip(root / "videos_15min" / "clipB.mkv", 45)
    assert keyframes.dump_keyframes(str(root), "val")["written"] == 1  # clipB's; clipA's is kept
    assert (root / "frames/clipA/000902.png").stat().st_mtime_ns == stamp


def test_a_movie_is_read_from_its_beginning_and_a_broken_clip_is_named(root):
    write_annotations(root, ["clipC,0002,0,0,1,1,12,0", "clipD,0902,0,0,1,1,12,0"])
    write_clip(root / "videos" / "clipC.mkv", 30)
    (root / "videos_15min" / "clipD.mp4").write_bytes(b"no video")
    report = keyframes.dump_keyframes(str(root), "val")
    assert (read_image(root / "frames/clipC/000002.png", "RGB") == 80).all()
    assert "clipD.mp4 is not a readable video" in report["failed"]["clipD"]


def test_dataset_dicts_keep_the_contract_and_leave_missing_keyframes_out(root, caplog):
    keyframes.dump_keyframes(str(root), "val")
    with caplog.at_level("INFO"):
        (record,) = load_ava(str(root), "val")
    assert record["image_id"] == "clipA/000902.png" and Path(record["file_name"]).is_file()
    assert (record["width"], record["height"]) == (64, 48)
    assert [record[k] for k in ("video_id", "video_index", "frame_index", "frame_number")] == [
        "clipA", 0, 0, 902,
    ]  # fmt: skip
    truth = frame_ground_truth(record)
    np.testing.assert_allclose(truth.boxes, [[6.4, 9.6, 32, 43.2], [38.4, 0, 64, 43.2]], rtol=1e-6)
    assert truth.classes.tolist() == [0, 0] and len(truth) == 0
    assert truth.contacting.shape == (0, 17)
    assert record["person_actions"].tolist() == [[0, 0, 1, 1, 0, 0, 0], [0] * 7]
    assert record["person_ids"] == [3, 4]
    said = caplog.text
    assert "(1 more are excluded)" in said and "1 rows had a box beyond [0, 1]" in said
    assert "2 videos without any keyframe, left out, such as clipB" in said
    assert "1 missing keyframes, left out, such as clipA/906" in said


def test_without_any_frame_the_error_names_the_command(tmp_path):
    write_annotations(tmp_path, ROWS)
    with pytest.raises(FileNotFoundError, match="dump them with projects/ava/keyframes.py"):
        load_ava(str(tmp_path), "val")


def test_data_sets_are_registered_without_touching_a_file(root, monkeypatch, tmp_path):
    names = {"ava_train", "ava_val", *(catalog.sample_name(w, "val") for w in catalog.WORLDS)}
    assert names <= set(DatasetCatalog.list())
    monkeypatch.setenv("DETECTRON2_DATASETS", str(tmp_path / "elsewhere"))
    with pytest.raises(FileNotFoundError, match=r"elsewhere/ava/annotations lacks ava_val"):
        DatasetCatalog.get("ava_val")
    metadata = MetadataCatalog.get("ava_val")
    assert len(metadata.predicate_classes) == 26 and metadata.action_classes[1] == "sit"
