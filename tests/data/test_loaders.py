"""Clips and videos as the loaders give them: the right frames, once each, whatever the workers."""

import logging
import random
from itertools import islice

import numpy as np
import pytest
import torch
from detectron2.utils import comm

from tests.tiny import register, tiny_cfg, tiny_records
from vost_sgg.data.loaders import VideoIndex, build_test_loader, build_train_loader
from vost_sgg.data.mapper import FrameError

VIDEOS = {"A.mp4": 9, "B.mp4": 1, "C.mp4": 5}


@pytest.fixture
def cfg(tmp_path):
    records = tiny_records(tmp_path / "frames", VIDEOS, portrait=("C.mp4",))
    register("tiny_train", records)
    register("tiny_test", records)
    return tiny_cfg(tmp_path)


def with_references(cfg):
    cfg.MODEL.REFERENCE_SAMPLER.NAME = "WindowReferences"
    return cfg


def image_ids(clips):
    return [frame["image_id"] for clip in clips for frame in clip["frames"]]


def test_training_clips_are_targets_with_their_references(cfg, caplog):
    caplog.set_level(logging.INFO, logger="vost_sgg.data.loaders")
    loader = build_train_loader(with_references(cfg))
    seen = []
    for clips in islice(loader, loader.batch_sampler.iterations_per_epoch):
        assert len(clips) == 4
        for clip in clips:
            assert list(clip["references"]) == [0]
            target, *others = clip["frames"]
            references = [clip["frames"][i] for i in clip["references"][0]]
            assert len(references) == (0 if target["video_id"] == "B.mp4" else 2)
            assert {id(frame) for frame in references} == {id(frame) for frame in others}
            for frame in references:
                assert frame["video_id"] == target["video_id"]
                assert 0 < abs(frame["frame_index"] - target["frame_index"]) <= 4
            seen.append(target["image_id"])
    assert len(seen) == len(set(seen)) == 12  # of 15: the last incomplete batch is dropped
    assert "on 15 clips: an epoch has 3 batches of 4 and leaves 3 clips out" in caplog.text


def test_workers_change_nothing(cfg):
    with_references(cfg).INPUT.MIN_SIZE_TRAIN = (20, 24, 28)
    batches = {}
    for workers in (0, 2):
        cfg.DATALOADER.NUM_WORKERS = workers
        batches[workers] = list(islice(build_train_loader(cfg), 7))
    for one, other in zip(batches[0], batches[2], strict=True):
        assert image_ids(one) == image_ids(other)
        for clip, twin in zip(one, other, strict=True):
            assert clip["references"] == twin["references"]
            for frame, same in zip(clip["frames"], twin["frames"], strict=True):
                assert torch.equal(frame["image"], same["image"])
                assert np.array_equal(frame["ground_truth"].boxes, same["ground_truth"].boxes)


def test_a_later_start_gives_the_same_batches(cfg):
    full = [image_ids(clips) for clips in islice(build_train_loader(with_references(cfg)), 8)]
    loader = build_train_loader(cfg)
    loader.batch_sampler.start_iteration = 5
    assert [image_ids(clips) for clips in islice(loader, 3)] == full[5:]


def test_epochs_draw_other_references(cfg):
    loader = build_train_loader(with_references(cfg))
    per_epoch = [{}, {}]
    for step, clips in enumerate(islice(loader, 6)):
        for clip in clips:
            per_epoch[step // 3][clip["frames"][0]["image_id"]] = image_ids([clip])
    assert any(
        per_epoch[0][key] != per_epoch[1][key] for key in per_epoch[0].keys() & per_epoch[1].keys()
    )


def test_loaders_leave_the_global_generators_alone(cfg):
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()
    list(islice(build_train_loader(with_references(cfg)), 3))
    list(build_test_loader(cfg, "tiny_test"))
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    assert np.array_equal(np.random.get_state()[1], states[2])


def test_clips_are_grouped_by_orientation(cfg):
    cfg.DATALOADER.ASPECT_RATIO_GROUPING = True
    cfg.SOLVER.IMS_PER_BATCH = 5
    orientations = [
        {frame["width"] > frame["height"] for clip in clips for frame in clip["frames"]}
        for clips in islice(build_train_loader(cfg), 9)
    ]
    assert all(len(orientation) == 1 for orientation in orientations)


def test_testing_gives_whole_videos_once(cfg):
    items = list(build_test_loader(with_references(cfg), "tiny_test"))
    assert [len(item) for item in items] == [1, 1, 1]
    videos = {item[0]["frames"][0]["video_id"]: item[0] for item in items}
    assert {video: len(clip["frames"]) for video, clip in videos.items()} == VIDEOS
    for video, clip in videos.items():
        assert [frame["frame_index"] for frame in clip["frames"]] == list(range(VIDEOS[video]))
        assert list(clip["references"]) == list(range(VIDEOS[video]))
    assert videos["A.mp4"]["references"][4] == [0, 8]
    assert videos["B.mp4"]["references"] == {0: []}


def test_processes_share_the_videos_without_overlap(cfg, monkeypatch):
    monkeypatch.setattr(comm, "get_world_size", lambda: 2)
    found = []
    for rank in range(2):
        monkeypatch.setattr(comm, "get_rank", lambda rank=rank: rank)
        found += image_ids(item[0] for item in build_test_loader(cfg, "tiny_test"))
    assert len(found) == len(set(found)) == 15


def test_processes_share_a_batch(cfg, monkeypatch):
    whole = image_ids(next(iter(build_train_loader(cfg))))
    monkeypatch.setattr(comm, "get_world_size", lambda: 2)
    parts = []
    for rank in range(2):
        monkeypatch.setattr(comm, "get_rank", lambda rank=rank: rank)
        parts += image_ids(next(iter(build_train_loader(cfg))))
    assert parts == whole


def test_videos_of_two_data_sets_stay_apart(cfg):
    index = VideoIndex(["tiny_train", "tiny_test"])
    assert index.videos[:, 1].tolist() == [9, 10, 15, 24, 25, 30]
    same_name = VideoIndex(["tiny_train"])
    assert same_name.fingerprint != index.fingerprint


def test_the_fingerprint_tells_labels_but_not_folders(cfg, tmp_path):
    before = VideoIndex(["tiny_train"]).fingerprint
    records = tiny_records(tmp_path / "elsewhere", VIDEOS, portrait=("C.mp4",))
    register("tiny_train", records)
    assert VideoIndex(["tiny_train"]).fingerprint == before
    records[3]["contacting"][0, 2] ^= True
    assert VideoIndex(["tiny_train"]).fingerprint != before


def test_a_broken_frame_stops_the_epoch_from_a_worker_too(cfg, tmp_path):
    (tmp_path / "frames" / "A.mp4" / "000008.png").write_bytes(b"no image")
    for workers in (0, 1):
        cfg.DATALOADER.NUM_WORKERS = workers
        with pytest.raises(FrameError, match="000008.png cannot be read"):
            list(islice(build_train_loader(cfg), 6))


def test_a_config_without_training_data_is_refused(cfg):
    cfg.DATASETS.TRAIN = ()
    with pytest.raises(ValueError, match="DATASETS.TRAIN is empty"):
        build_train_loader(cfg)


def test_an_unknown_data_set_is_refused_with_the_nearest_names(cfg):
    with pytest.raises(
        KeyError, match="DATASETS.TEST: no data set 'tiny_tset' .* did you mean tiny_test"
    ):
        build_test_loader(cfg, "tiny_tset")
