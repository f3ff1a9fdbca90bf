import logging

import numpy as np
import pytest

from tests.numbered_videos import picture, write_video
from tests.untrained import untrained_cfg
from tests.vlm.echo_backend import EchoVLM  # noqa: F401  registers
from vost_sgg.data.frame_sources import open_source
from vost_sgg.engine import SceneGraphPredictor
from vost_sgg.priors.files import (
    VideoFeatures,
    feature_settings,
    features_path,
    priors_folder,
    write_texts,
)
from vost_sgg.structures import PREDICATE_GROUPS
from vost_sgg.vlm import CacheError
from vost_sgg.vlm.manifest import claim_folder

SMALL = ("INPUT.MIN_SIZE_TEST", 48, "INPUT.MAX_SIZE_TEST", 64, "TEST.FRAMES_PER_BATCH", 4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("predictor")


@pytest.fixture(scope="module")
def oed(folder):
    return untrained_cfg("oed_sgdet", folder, *SMALL)


@pytest.fixture(scope="module")
def vost(folder):
    return untrained_cfg("vost_sgdet", folder, *SMALL, "MODEL.PRIORS.CLIP.WEIGHTS", "random")


def with_keys(cfg, *opts):
    cfg = cfg.clone()
    cfg.merge_from_list(list(opts))
    return cfg


def pictures(count, size=(64, 48)):
    generator = np.random.default_rng(0)
    noise = generator.integers(0, 80, (count, size[1], size[0], 3), dtype=np.uint8)
    return [picture(i, *size) // 2 + noise[i] for i in range(count)]


def test_the_stream_gives_what_the_whole_video_at_once_gives(oed):
    frames = pictures(13)
    whole = list(SceneGraphPredictor(oed, threshold=0.0, chunk=100)(frames))
    for chunk in (2, 7):
        parts = list(SceneGraphPredictor(oed, threshold=0.0, chunk=chunk)(frames))
        assert [g.index for g in parts] == list(range(13))
        for a, b in zip(whole, parts, strict=True):
            np.testing.assert_allclose(
                [r.score for r in a.relations], [r.score for r in b.relations], atol=1e-5
            )


def test_graphs_come_while_the_source_is_read_and_no_more_is_read_than_needed(oed):
    taken = []

    def source():
        for i, image in enumerate(pictures(24)):
            taken.append(i)
            yield image

    graphs = SceneGraphPredictor(oed, chunk=4)(source())
    ahead = [len(taken) - graph.index for graph in graphs]
    # A chunk, and the window's half behind it.
    assert max(ahead) <= 4 + 4 + oed.MODEL.REFERENCE_SAMPLER.INTERVAL
    assert len(ahead) == 24


def test_a_video_and_its_frames_as_arrays_give_the_same(oed, tmp_path):
    write_video(tmp_path / "v.mp4", [i / 10 for i in range(6)], size=(64, 48), rate=10)
    predictor = SceneGraphPredictor(oed, threshold=0.0)
    from_file = list(predictor(tmp_path / "v.mp4"))
    arrays = [frame.image for frame in open_source(tmp_path / "v.mp4")]
    from_arrays = list(predictor(arrays, fps=10))
    assert [g.to_json() for g in from_file] == [g.to_json() for g in from_arrays]
    assert from_file[3].time == pytest.approx(0.3, abs=1e-3)
    assert predictor.priors == "none: the model reads none"


def test_frames_of_several_sizes_have_their_own_pixels(oed):
    images = [np.full((h, w, 3), 90, np.uint8) for w, h in ((64, 48), (100, 200), (64, 48))]
    graphs = list(SceneGraphPredictor(oed, threshold=0.0)(images))
    assert [g.size for g in graphs] == [(64, 48), (100, 200), (64, 48)]
    assert max(node.box[3] for node in graphs[1].objects) > 48


def test_a_frame_too_narrow_for_the_model_is_named(oed):
    frames = [*pictures(1), np.zeros((4, 2000, 3), np.uint8)]
    with pytest.raises(ValueError, match="frame 1 of the video: 2000x4 pixels are too narrow"):
        list(SceneGraphPredictor(oed)(frames))


def test_a_threshold_keeps_what_is_surer(oed):
    frames = pictures(2)
    low, high = (list(SceneGraphPredictor(oed, threshold=t)(frames)) for t in (0.0, 0.05))
    for a, b in zip(low, high, strict=True):
        assert all(r.score >= 0.05 for r in b.relations)
        assert len(b.relations) < len(a.relations)
        assert {r.group for r in a.relations} == set(PREDICATE_GROUPS)


@pytest.mark.parametrize(
    ("opts", "said"),
    [
        (("MODEL.TASK", "predcls"), r"MODEL.TASK is predcls.*configs/oed_sgdet.yaml"),
        (("MODEL.TASK", "sgcls"), r"MODEL.TASK is sgcls.*configs/oed_sgdet.yaml"),
        (("MODEL.WEIGHTS", ""), r"MODEL.WEIGHTS is empty"),
        (("MODEL.META_ARCHITECTURE", "CachedVLM"), r"reads stored answers"),
        (("DATASETS.TEST", ("no_such_set",)), r"no_such_set"),
    ],
)
def test_a_model_that_cannot_run_on_a_video_is_refused(oed, opts, said):
    with pytest.raises((ValueError, KeyError), match=said):
        SceneGraphPredictor(with_keys(oed, *opts))


def test_weights_of_another_model_are_refused(oed, vost):
    with pytest.raises(ValueError, match="was made with"):
        SceneGraphPredictor(with_keys(oed, "MODEL.WEIGHTS", vost.MODEL.WEIGHTS))


def test_absent_priors_are_said_once(vost, caplog, tmp_path):
    cfg = with_keys(vost, "MODEL.PRIORS.CACHE", str(tmp_path))
    predictor = SceneGraphPredictor(cfg, chunk=2)
    with caplog.at_level(logging.WARNING, logger="vost_sgg"):
        assert len(list(predictor(pictures(5)))) == 5
    (record,) = [r for r in caplog.records if "priors" in r.message]
    assert "SimulatedVLM answers from annotations" in record.message
    assert predictor.priors.startswith("none")


def test_a_simulated_vlm_cannot_be_asked_about_a_video(vost):
    with pytest.raises(ValueError, match="SimulatedVLM answers from annotations"):
        SceneGraphPredictor(vost, priors="vlm")
    with pytest.raises(ValueError, match="did you mean cache"):
        SceneGraphPredictor(vost, priors="cach")


def test_priors_are_made_on_the_way(vost, tmp_path):
    echo = ("MODEL.VLM.NAME", "EchoVLM", "MODEL.VLM.TAG", "echo", "MODEL.VLM.BATCH_SIZE", 2)
    cfg = with_keys(
        vost,
        *echo,
        "MODEL.VLM.WEIGHTS",
        str(tmp_path / "asked"),
        "MODEL.PRIORS.CACHE",
        str(tmp_path),
    )
    frames = pictures(5)
    predictor = SceneGraphPredictor(cfg, threshold=0.0, chunk=3)
    made = list(predictor(frames))
    assert predictor.priors == "made on the way by echo and CLIP tiny"
    # Each frame is asked about once, though it is in several windows.
    assert len((tmp_path / "asked").read_text().splitlines()) == 5
    without = list(SceneGraphPredictor(cfg, threshold=0.0, priors="none")(frames))
    assert [g.to_json() for g in made] != [g.to_json() for g in without]


def test_stored_priors_are_found_by_the_videos_name(vost, tmp_path):
    cfg = with_keys(vost, "MODEL.PRIORS.CACHE", str(tmp_path), "MODEL.VLM.TAG", "simulated")
    store_priors(cfg, "A.mp4", numbers=(1, 3))
    write_video(tmp_path / "A.mp4", [i / 10 for i in range(4)], size=(64, 48), rate=10)
    predictor = SceneGraphPredictor(cfg, threshold=0.0)
    stored = [g.to_json() for g in predictor(tmp_path / "A.mp4")]
    assert predictor.priors.startswith("stored, of 2 of 4 frames")
    without = SceneGraphPredictor(cfg, threshold=0.0, priors="none")(tmp_path / "A.mp4")
    assert stored != [g.to_json() for g in without]
    with pytest.raises(CacheError, match=r"nothing is stored of B\.mp4"):
        list(SceneGraphPredictor(cfg, priors="cache").run([], video_id="B.mp4"))


def store_priors(cfg, video, numbers):
    """Features of frames of a video, one pair each, as tools/extract_clip.py leaves them."""
    name, width = cfg.DATASETS.TEST[0], cfg.MODEL.PRIORS.DIM
    folder = priors_folder(cfg, name)
    claim_folder(folder, feature_settings(cfg, name), "")
    generator = np.random.default_rng(0)
    write_texts(folder, *(generator.random((n, width), np.float32) for n in (36, 26)))
    count = len(numbers)
    VideoFeatures(
        frame_numbers=np.array(numbers),
        pair_starts=np.arange(count + 1),
        region_starts=np.arange(count + 1),
        classes=np.tile([0, 5], (count, 1)),
        predicates=np.ones((count, 26), bool),
        boxes=np.full((count, 2, 4), 0.5, np.float32),
        pairs=np.full((count, 2), -1),
        region_rows=np.zeros((count, 3), np.int64),
        regions=generator.random((count, width)).astype(np.float16),
    ).write(features_path(folder, video), "", {})
