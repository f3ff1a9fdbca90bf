import logging

import numpy as np
import pytest

from vost_sgg.data.annotation_index import AnnotationIndex
from vost_sgg.data.frame_rules import FrameCounts
from vost_sgg.data.official_totals import report_differences


def full_size_index(relations=1_913_334) -> AnnotationIndex:
    """As many frames, entries and relations as Action Genome v1.0 has, all of them the same."""
    frames, entries, visible = 288_782, 737_427, 583_325
    predicates = np.zeros((entries, 26), bool)
    predicates.reshape(-1)[:relations] = True
    return AnnotationIndex(
        keys=["x.mp4/1.png"] * frames,
        sizes=np.zeros((frames, 2), np.int32),
        splits=np.zeros(frames, np.int8),
        person_counts=np.zeros(frames, np.int32),
        person_boxes=np.zeros((frames, 4)),
        object_starts=np.zeros(frames + 1, np.int64),
        categories=np.zeros(entries, np.uint8),
        visible=np.arange(entries) < visible,
        boxes=np.zeros((0, 4)),
        predicates=predicates,
    )


def test_agreement_is_said(caplog):
    caplog.set_level(logging.INFO)
    counts = FrameCounts(without_person=21_643, usable=177_330, kept_videos=7_584)
    report_differences(full_size_index(), "train", "sttran", counts)
    assert "6 published totals agree" in caplog.text


@pytest.mark.parametrize("rule", ["oed", "sttran"])
def test_a_difference_is_said_with_both_numbers(caplog, rule):
    counts = FrameCounts(without_person=8_636, usable=56_920, kept_videos=1_750)
    report_differences(full_size_index(relations=1_913_335), "test", rule, counts)
    assert caplog.records[0].levelno == logging.WARNING
    assert "usable 56,920 (published 56,923, -3)" in caplog.text
    assert "relations 1,913,335 (published 1,913,334, +1)" in caplog.text
    assert "without person" not in caplog.text
