"""The dicts that are made on access are those of a list, to whoever reads them."""

import pickle

import numpy as np
import pytest
from detectron2.data import DatasetCatalog, MetadataCatalog, get_detection_dataset_dicts

from tests.data.ag_fixture import records, write_action_genome
from vost_sgg.data.action_genome import load_action_genome
from vost_sgg.data.catalog import register_action_genome
from vost_sgg.data.loaders import VideoIndex


@pytest.fixture
def root(tmp_path):
    write_action_genome(tmp_path, *records())
    return tmp_path


@pytest.fixture
def name(root):
    register_action_genome("ag_of_this_test", str(root), "train")
    yield "ag_of_this_test"
    DatasetCatalog.pop("ag_of_this_test")
    MetadataCatalog.pop("ag_of_this_test")


def test_it_is_read_as_a_list(root):
    frames = load_action_genome(str(root), "train")
    dicts = list(frames)
    assert len(dicts) == len(frames) == 6
    for position in (0, 5, -1, -6, np.int64(3)):
        np.testing.assert_equal(frames[position], dicts[position])
    np.testing.assert_equal(frames[1:5:2], dicts[1:5:2])
    np.testing.assert_equal(list(reversed(frames)), dicts[::-1])
    for position in (6, -7):
        with pytest.raises(IndexError):
            frames[position]


def test_a_change_to_a_dict_is_not_seen_again(root):
    frames = load_action_genome(str(root), "train")
    before = list(frames)
    for record in frames:
        record["annotations"].clear()
        for group in ("pairs", "attention", "spatial", "contacting"):
            record[group][:] = 1
    np.testing.assert_equal(list(frames), before)


def test_detectron2_and_other_processes_take_it(root, name):
    frames = get_detection_dataset_dicts(name, filter_empty=False)
    np.testing.assert_equal(list(frames), list(load_action_genome(str(root), "train")))
    np.testing.assert_equal(list(pickle.loads(pickle.dumps(frames))), list(frames))


def test_the_index_of_a_training_is_that_of_a_list(name):
    lazy = VideoIndex([name, name])
    dicts = list(DatasetCatalog.get(name))
    DatasetCatalog.pop(name)
    DatasetCatalog.register(name, lambda: dicts)
    listed = VideoIndex([name, name])
    assert lazy.fingerprint == listed.fingerprint
    assert (lazy.most_pairs, lazy.most_boxes) == (listed.most_pairs, listed.most_boxes) == (2, 3)
    for column in ("videos", "video_of", "landscape"):
        np.testing.assert_array_equal(getattr(lazy, column), getattr(listed, column))
    for position in range(len(listed.records)):
        np.testing.assert_equal(lazy.records[position], listed.records[position])
