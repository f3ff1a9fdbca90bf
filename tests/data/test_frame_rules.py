import numpy as np
import pytest

from tests.data.ag_fixture import records, thing, write_action_genome
from vost_sgg.data.action_genome import load_annotation_index
from vost_sgg.data.frame_rules import FRAME_RULES, select_frames


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    root = tmp_path_factory.mktemp("ag")
    write_action_genome(root, *records())
    return load_annotation_index(str(root))


def kept(index, split, rule):
    return [index.keys[row] for row in select_frames(index, split, FRAME_RULES[rule]).frames]


def brute_force(split, min_frames, small_side):
    """STTran's loop over the two dicts, restated with the boxes' area looked at."""
    persons, objects = records()
    videos = {}
    for key in sorted(objects):
        width, height = persons[key]["bbox_size"]
        usable = []
        for entry in objects[key]:
            if entry["visible"] and min(entry["bbox"][2:]) > small_side:
                x, y, w, h = entry["bbox"]
                usable.append(min(x + w, width) > max(x, 0) and min(y + h, height) > max(y, 0))
        if (
            objects[key][0]["metadata"]["set"] == split
            and any(usable)
            and len(persons[key]["bbox"])
        ):
            videos.setdefault(key.split("/")[0], []).append(key)
    return [key for keys in videos.values() if len(keys) >= min_frames for key in keys]


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize(
    "rule, min_frames, small_side",
    [("oed", 1, -1), ("sttran", 3, -1), ("sttran_filtersmall", 3, 16)],
)
def test_frames_kept(index, split, rule, min_frames, small_side):
    assert kept(index, split, rule) == brute_force(split, min_frames, small_side)


def test_each_rule_keeps_what_its_name_says(index):
    assert [len(kept(index, "train", rule)) for rule in FRAME_RULES] == [6, 3, 3]
    assert [len(kept(index, "test", rule)) for rule in FRAME_RULES] == [3, 3, 0]


def test_an_object_of_exactly_16_pixels_is_small(index):
    selection = select_frames(index, "train", FRAME_RULES["sttran_filtersmall"])
    row = index.keys.index("AAAAA.mp4/000042.png")
    start, end = index.object_starts[row : row + 2]
    # The telephone is 17 pixels wide, the bag 16.
    assert selection.objects[start:end].tolist() == [True, False]


def test_every_dropped_frame_is_counted_once(index):
    for split in ("train", "test"):
        for rule in FRAME_RULES.values():
            c = select_frames(index, split, rule).counts
            dropped = (
                c.with_invisible_objects_only
                + c.without_person
                + c.with_small_objects_only
                + c.without_box_area
                + c.in_short_videos
            )
            assert c.listed == c.kept + dropped


def test_the_counts_by_hand(index):
    train = select_frames(index, "train", FRAME_RULES["sttran"]).counts
    assert (train.listed, train.with_invisible_objects_only, train.without_person) == (8, 1, 1)
    assert (train.usable, train.short_videos, train.in_short_videos) == (6, 2, 3)
    assert (train.kept_videos, train.with_several_persons, train.invisible_objects) == (1, 1, 1)
    assert (train.clipped_boxes, train.largest_overflow_px) == (2, 0.75)
    test = select_frames(index, "test", FRAME_RULES["oed"]).counts
    assert (test.without_person, test.without_box_area, test.objects_without_area) == (1, 1, 1)


def test_counts_read_as_a_sentence(index):
    text = str(select_frames(index, "train", FRAME_RULES["oed"]).counts)
    assert "listed 8, with invisible objects only 1, without person 1" in text
    assert "largest overflow px 0.75" in text


def test_attention_labels_other_than_one_are_counted(tmp_path):
    persons, objects = records()
    frame = objects["BBBBB.mp4/000001.png"]
    for labels in ("", "unsure looking_at"):
        metadata = frame[0]["metadata"]
        frame.append(
            {**thing("bag", (1.0, 2.0, 30.0, 40.0), attention=labels), "metadata": metadata}
        )
    write_action_genome(tmp_path, persons, objects)
    counts = select_frames(load_annotation_index(str(tmp_path)), "train", FRAME_RULES["oed"]).counts
    assert (counts.pairs_without_attention, counts.pairs_with_several_attentions) == (1, 1)


def test_a_visible_object_without_a_box_is_counted(tmp_path):
    persons, objects = records()
    objects["AAAAA.mp4/000003.png"][1]["bbox"] = None
    write_action_genome(tmp_path, persons, objects)
    counts = select_frames(load_annotation_index(str(tmp_path)), "train", FRAME_RULES["oed"]).counts
    assert (counts.objects_without_area, counts.pairs) == (1, 7)


def test_a_rule_changes_nothing_of_the_index(index):
    before = {name: np.copy(array) for name, array in index.to_arrays().items()}
    select_frames(index, "train", FRAME_RULES["sttran_filtersmall"])
    np.testing.assert_equal(index.to_arrays(), before)
