import json

import numpy as np
import pytest

from tests.data.ag_fixture import records, write_action_genome, write_oed_json
from vost_sgg.data.action_genome import load_action_genome


@pytest.fixture
def path(tmp_path):
    return write_oed_json(tmp_path, "train", *records())


def change(path, edit):
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def load(path):
    return list(load_action_genome(str(path.parent.parent), "train", source="oed"))


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("rule", ["oed", "sttran"])
def test_the_same_frames_written_both_ways_are_the_same_dicts(tmp_path, split, rule):
    write_action_genome(tmp_path, *records())
    write_oed_json(tmp_path, split, *records())
    official, oed = (
        list(load_action_genome(str(tmp_path), split, frame_rule=rule, source=source))
        for source in ("official", "oed")
    )
    np.testing.assert_equal(oed, official)
    assert len(official)


def test_predicates_may_be_spelled_with_blanks(path):
    expected = load(path)

    def respell(content):
        for category in content["rel_categories"]:
            category["name"] = category["name"].replace("_", " ")

    change(path, respell)
    np.testing.assert_equal(load(path), expected)


def swap_predicates(content):
    content["rel_categories"][3]["name"] = "behind"


def shift_categories(content):
    for category in content["categories"]:
        category["id"] -= 1


def unknown_category(content):
    content["annotations"][1]["category_id"] = 37


def wrong_group(content):
    content["annotations"][1]["spatial_rel"] = [2]


def huge_width(content):
    content["images"][0]["width"] = 10**12


def file_name_of_a_number(content):
    content["images"][0]["file_name"] = 7


def long_labels(content):
    content["annotations"][1]["spatial_rel"] = ["x" * 100_000]


def no_images(content):
    del content["images"]


@pytest.mark.parametrize(
    "edit, message",
    [
        (swap_predicates, "predicate .*behind"),
        (shift_categories, "person.*where OED counts from person = 1"),
        (unknown_category, "AAAAA.mp4/000003.png: category_id 37 is not in 1 to 36"),
        (wrong_group, r"AAAAA.mp4/000003.png: spatial_rel \[2\]; ids are 3 to 8"),
        (huge_width, "greater than maximum"),
        (file_name_of_a_number, "no attribute"),
        (long_labels, r"spatial_rel \['x{1,99}\.\.\..{1,99}; ids"),
        (no_images, "is not OED's json: no field 'images'"),
    ],
)
def test_another_vocabulary_or_layout_is_named(path, edit, message):
    change(path, edit)
    with pytest.raises(ValueError, match=f"{path}.*{message}"):
        load(path)


def test_a_json_cut_short(path):
    path.write_text(path.read_text()[:-20])
    with pytest.raises(ValueError, match=f"{path} is cut short or damaged"):
        load(path)


def test_a_json_that_is_not_there(tmp_path):
    (tmp_path / "annotations").mkdir()
    with pytest.raises(FileNotFoundError, match="lacks ag_test_coco_style.json"):
        load_action_genome(str(tmp_path), "test", source="oed")
