"""A data set of Action Genome's counts, at a hundredth of them, and what a start on it costs."""

import re

import pytest

from tools import benchmark
from vost_sgg.data.action_genome import load_action_genome, load_annotation_index
from vost_sgg.data.frame_rules import FRAME_RULES, select_frames
from vost_sgg.data.official_totals import OFFICIAL_FRAMES
from vost_sgg.engine.benchmark import index
from vost_sgg.engine.benchmark.fresh_process import in_fresh_process
from vost_sgg.engine.benchmark.made_up_annotations import (
    ACTION_GENOME,
    write_made_up_annotations,
)


def test_the_counts_are_the_published_ones():
    both = list(ACTION_GENOME.values())
    assert sum(c.frames for c in both) == OFFICIAL_FRAMES == 288_782
    assert sum(c.visible for c in both) == 583_325
    assert sum(c.visible + c.hidden for c in both) == 737_427
    assert sum(3 * c.visible + c.second_labels for c in both) == 1_913_334


def test_what_is_generated_has_the_counts_that_it_says(tmp_path):
    write_made_up_annotations(str(tmp_path / "annotations"), OFFICIAL_FRAMES // 100)
    found = load_annotation_index(str(tmp_path))
    for split, counts in ACTION_GENOME.items():
        kept = select_frames(found, split, FRAME_RULES["oed"]).counts
        assert kept.listed == pytest.approx(counts.frames / 100, abs=2)
        assert kept.usable == round(counts.usable / 100)
        assert kept.without_person == round(counts.without_person / 100)
        assert kept.with_invisible_objects_only == round(counts.invisible / 100)
        assert kept.kept_videos == pytest.approx(counts.videos / 100, rel=0.02)
        assert kept.clipped_boxes == kept.pairs_without_attention == 0
    assert found.visible.sum() == pytest.approx(5833, abs=3)
    assert len(found.categories) == pytest.approx(7374, abs=2)
    assert found.predicates.sum() == pytest.approx(19133, rel=0.001)
    first = load_action_genome(str(tmp_path), "train")[0]
    assert first["frame_number"] >= 1 and first["image_id"].startswith("00000.mp4/")


def test_both_starts_and_the_workers_are_measured(tmp_path, monkeypatch, capsys):
    # Fresh processes would spend seconds on imports.
    monkeypatch.setattr(index, "in_fresh_process", lambda call, *args: call(*args))
    monkeypatch.setattr(index, "register_action_genome", registered_once(monkeypatch))
    assert benchmark.main(["index", "--frames", "2000", "--workers", "2"]) == 0
    printed = capsys.readouterr().out
    assert "2,000 frames" in printed
    for row in ("annotations", "train", "test", "total"):
        assert re.search(rf"^{row} +\d+\.\d\d s \(\d+\.\d\d CPU\) +\d+\.\d\d s", printed, re.M)
    assert re.search(r"each of 2 data workers adds \d+ MiB", printed)


def test_workers_share_the_index_and_would_not_share_dicts(tmp_path):
    write_made_up_annotations(str(tmp_path / "annotations"), 6000)
    (tmp_path / "frames").mkdir()
    found = in_fresh_process(index.worker_memory, str(tmp_path), 2)
    assert found["list_of_dicts"] > 4 * found["records"] > 0


def registered_once(monkeypatch):
    """The measurements share this process, and the catalog takes a name once."""
    register, names = index.register_action_genome, set()

    def once(name, *args):
        if name not in names:
            register(name, *args)
        names.add(name)

    return once
