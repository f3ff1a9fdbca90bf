"""The sample's label statistics against Action Genome's published ones; nothing is drawn for them."""

from collections import Counter

import numpy as np
import pytest
from scipy.stats import spearmanr

from vost_sgg.data.sample.video import SampleVideo

# Predicate counts over all of Action Genome: the paper's supplementary Table 4, column "All".
TABLE_4 = {
    "in_front_of": 384913, "not_looking_at": 300084, "holding": 234929, "looking_at": 217435,
    "not_contacting": 164043, "on_the_side_of": 111363, "beneath": 93511, "touching": 78933, "behind": 74922,
    "unsure": 65806, "sitting_on": 62100, "in": 22687, "leaning_on": 17766, "other_relationship": 14406,
    "standing_on": 13107, "wearing": 10524, "above": 9137, "lying_on": 8921, "covered_by": 8346, "carrying": 6479,
    "drinking_from": 6102, "eating": 4589, "writing_on": 1443, "wiping": 1131, "have_it_on_the_back": 536,
    "twisting": 121,
}  # fmt: skip
GROUPS = ("attention_relationship", "spatial_relationship", "contacting_relationship")


@pytest.fixture(scope="module")
def videos():
    """The 900 default videos with their records."""
    return [(video, video.records()) for video in (SampleVideo(0, i) for i in range(900))]


@pytest.fixture(scope="module")
def entries(videos):
    return [
        entry for _, records in videos for entries in records.objects.values() for entry in entries
    ]


@pytest.fixture(scope="module")
def counts(entries):
    """Split -> predicate -> labels."""
    counts = {"train": Counter(), "test": Counter()}
    for entry in entries:
        for group in GROUPS:
            counts[entry["metadata"]["set"]].update(entry[group] or ())
    return counts


def test_split_and_keyframes(videos):
    splits = Counter(video.split for video, _ in videos)
    assert splits == {"train": 720, "test": 180}
    assert len({video.name for video, _ in videos}) == 900
    keyframes = [len(records.objects) for _, records in videos]
    assert min(keyframes) >= 4 and max(keyframes) <= 16
    assert np.mean(keyframes) == pytest.approx(9.9, abs=0.5)


def test_the_long_tail_is_the_published_one(counts):
    total = counts["train"] + counts["test"]
    sample = np.array([total[name] for name in TABLE_4])
    published = np.array(list(TABLE_4.values()))
    assert spearmanr(sample, published)[0] >= 0.9
    assert 70 <= sample.max() / sample.min() <= 200
    # Half the summed difference of the shares: how much of the labels would have to change their predicate.
    assert np.abs(sample / sample.sum() - published / published.sum()).sum() / 2 < 0.08


@pytest.mark.parametrize("predicate", TABLE_4)
def test_every_predicate_is_in_both_splits(counts, predicate):
    assert counts["train"][predicate] >= 25
    assert counts["test"][predicate] >= 5


def test_every_object_class_is_in_both_splits(entries):
    for split in ("train", "test"):
        assert (
            len({e["class"] for e in entries if e["visible"] and e["metadata"]["set"] == split})
            == 35
        )


def test_labels_an_object(entries):
    visible = [entry for entry in entries if entry["visible"]]
    attention, spatial, contacting = (
        np.array([len(e[group]) for e in visible]) for group in GROUPS
    )
    assert (attention == 1).all() and spatial.min() == 1 and contacting.min() == 1
    assert spatial.mean() == pytest.approx(1.19, abs=0.03) and spatial.max() >= 3
    assert contacting.mean() == pytest.approx(1.09, abs=0.02)


def test_objects_a_frame_and_invisible_ones(videos, entries):
    frames = [frame for _, records in videos for frame in records.objects.values()]
    assert all(1 <= len(frame) <= 4 for frame in frames)
    assert np.mean([len(frame) for frame in frames]) == pytest.approx(2.55, abs=0.15)
    assert np.mean([not entry["visible"] for entry in entries]) == pytest.approx(0.209, abs=0.01)
    # 24,250 of AG's 288,782 frames have invisible entries only.
    assert np.mean([not any(e["visible"] for e in frame) for frame in frames]) == pytest.approx(
        0.084, abs=0.015
    )


def test_persons_found_by_the_detector(videos):
    found = [
        len(records.persons[key]["bbox"])
        for _, records in videos
        for key, frame in records.objects.items()
        if any(entry["visible"] for entry in frame)
    ]
    assert np.mean([n == 0 for n in found]) == pytest.approx(0.114, abs=0.015)
    assert np.mean([n > 1 for n in found]) > 0.08


def test_share_of_portrait_videos(videos):
    sizes = Counter(next(iter(records.persons.values()))["bbox_size"] for _, records in videos)
    assert set(sizes) == {(224, 160), (160, 224)}
    assert sizes[160, 224] / 900 == pytest.approx(0.45, abs=0.04)


def test_labels_change_inside_a_video(videos):
    """So that neighbours are no copies of each other."""
    changing = 0
    for _, records in videos:
        labels: dict[str, set] = {}
        for frame in records.objects.values():
            for entry in frame:
                labels.setdefault(entry["class"], set()).add(
                    tuple(entry["contacting_relationship"] or ())
                )
        changing += any(len(seen - {()}) > 1 for seen in labels.values())
    assert changing / len(videos) > 0.2
