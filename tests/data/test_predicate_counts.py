"""Counts of predicates over the files and over the kept frames, compared with a walk through the official records."""

from collections import Counter

import pytest
from detectron2.data import DatasetCatalog, MetadataCatalog

from tests.data.ag_fixture import FRAMES, PREDICATES, SPLIT_OF, records, write_action_genome
from vost_sgg.data.catalog import register_action_genome
from vost_sgg.data.predicate_counts import data_set_stem, predicate_counts

GROUPS = ("attention", "spatial", "contacting")


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    """A name of the catalogs for the fixture's data set by STTran's rule."""
    root = tmp_path_factory.mktemp("datasets") / "action_genome"
    write_action_genome(root, *records())
    names = [f"counted_{split}" for split in ("train", "test")]
    for name in names:
        register_action_genome(name, str(root), name[8:], frame_rule="sttran")
    yield "counted"
    for name in names:
        DatasetCatalog.remove(name)
        MetadataCatalog.remove(name)


def walk(frames):
    """Predicate -> its count over all entries of ``frames``."""
    found = Counter()
    for key in frames:
        for thing in FRAMES[key][1]:
            for group in GROUPS:
                found.update(thing[f"{group}_relationship"] or ())
    return [found[name] for name in PREDICATES]


def test_entries_are_all_that_the_files_have(counted):
    counts = predicate_counts(counted)
    for split in ("train", "test"):
        frames = [key for key in FRAMES if SPLIT_OF[key[:5]] == split]
        assert counts["entries", split].tolist() == walk(frames)
    assert counts["entries", "all"].tolist() == walk(FRAMES)


def test_kept_are_those_of_the_rule_s_frames(counted):
    counts = predicate_counts(f"{counted}_train")
    # AAAAA has three usable frames; the other training videos are too short.
    kept = [f"AAAAA.mp4/{number:06d}.png" for number in (3, 10, 42)]
    assert counts["kept", "train"].tolist() == walk(kept)
    assert (counts["kept", "all"] == counts["kept", "train"] + counts["kept", "test"]).all()


def test_an_unknown_name_is_an_error_with_the_nearest_ones():
    assert data_set_stem("ag_sample_test") == "ag_sample"
    with pytest.raises(KeyError, match="no data set 'ag_sampel'.*ag_sample"):
        data_set_stem("ag_sampel")
