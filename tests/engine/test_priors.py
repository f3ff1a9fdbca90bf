"""The engine hands priors to the models that read them, and says at once when there are none."""

import numpy as np
import pytest

from tests.engine.staged_run import SIZE
from tests.priors.prior_cfg import VIDEOS, answer_to, write_answers
from tests.tiny import register, tiny_cfg, tiny_records
from vost_sgg.config import get_vost_cfg, stage_configs
from vost_sgg.engine import SGGTrainer, trainer
from vost_sgg.engine.priors import build_mapper
from vost_sgg.engine.run_identity import check_resumable
from vost_sgg.engine.stages import check_later_stages
from vost_sgg.priors import priors_folder
from vost_sgg.priors.extraction import build_extractor
from vost_sgg.vlm import CacheError
from vost_sgg.vlm.extraction import videos_of

CONFIG = "configs/sample/vost_predcls.yaml"


@pytest.fixture
def records(tmp_path):
    records = tiny_records(tmp_path / "frames", VIDEOS, size=(64, 48))
    register("tiny_train", records)
    register("tiny_test", records)
    return records


def make_cfg(tmp_path, file=CONFIG, *own):
    opts = [
        *("MODEL.VLM.TAG", "simulated", "MODEL.VLM.CACHE", str(tmp_path / "vlm")),
        *("MODEL.PRIORS.CACHE", str(tmp_path / "priors"), "OUTPUT_DIR", str(tmp_path / "output")),
        *("DATASETS.TRAIN", "('tiny_train',)", "DATASETS.TEST", "('tiny_test',)"),
        *("MODEL.PRIORS.CLIP.WEIGHTS", "random", "MODEL.PRIORS.WITHHOLD", "0.0"),
        *("DATALOADER.NUM_WORKERS", "0", "INPUT.RANDOM_FLIP", "none", "SOLVER.IMS_PER_BATCH", "4"),
    ]
    return get_vost_cfg(file, [*opts, *map(str, own)])


@pytest.fixture
def cfg(tmp_path):
    return make_cfg(tmp_path)


def extract(cfg, records, name):
    write_answers(cfg, records, name)
    extractor = build_extractor(cfg, name)
    for frames in videos_of(records):
        extractor.run(frames, done=lambda n: None)


def test_loaders_give_every_frame_its_priors(cfg, records):
    extract(cfg, records, "tiny_train")
    extract(cfg, records, "tiny_test")
    training = next(iter(SGGTrainer.build_train_loader(cfg)))
    testing = [clips[0] for clips in SGGTrainer.build_test_loader(cfg, "tiny_test")]
    frames = [frame for clip in (*training, *testing) for frame in clip["frames"]]
    assert {frame["image_id"] for frame in frames} == {r["image_id"] for r in records}
    for frame in frames:
        named = [bool(answer.relations) for _, answer in answer_to("predcls", frame["frame_index"])]
        assert frame["priors"].text_mask[:, 2].tolist() == named
        assert np.array_equal(frame["priors"].pairs, frame["ground_truth"].pairs)


def test_a_model_that_reads_none_needs_none(tmp_path, records):
    mapper = build_mapper(tiny_cfg(tmp_path), ["tiny_train"], is_train=True)
    assert mapper.read_priors is None


def test_missing_priors_are_said_before_anything_is_trained(cfg, records):
    both = "tools/extract_vlm.py.*--split {}.*tools/extract_clip.py"
    with pytest.raises(CacheError, match="tiny_test.*" + both.format("test")):
        trainer.load_for_evaluation(cfg)
    extract(cfg, records, "tiny_test")
    with pytest.raises(CacheError, match="tiny_train.*" + both.format("train")):
        check_later_stages(cfg)
    with pytest.raises(CacheError, match="tiny_train.*" + both.format("train")):
        SGGTrainer(cfg)


def test_a_video_without_priors_is_said_when_the_loader_is_built(cfg, records):
    extract(cfg, records[:5], "tiny_train")
    with pytest.raises(CacheError, match="2 videos have no priors, such as B.mp4"):
        SGGTrainer.build_train_loader(cfg)
    assert "tiny-crop-squash" in priors_folder(cfg, "tiny_train")


def test_pairs_without_a_slot_are_counted_in_each_evaluation(tmp_path, records, caplog):
    slots = ["MODEL.QUERY_INITIALIZER.NUM_QUERIES", "1"]
    cfg = make_cfg(tmp_path, "configs/sample/dsqi_sgdet.yaml", *SIZE, *slots)
    cfg = stage_configs(cfg)["SPATIAL"]
    extract(cfg, records, "tiny_test")
    model = SGGTrainer.build_model(cfg).eval()
    named = [
        len(answer.relations) for r in records for _, answer in answer_to("sgdet", r["frame_index"])
    ]
    for _ in range(2):
        caplog.clear()
        SGGTrainer.test(cfg, model)
        (said,) = (message for message in caplog.messages if "found no slot" in message)
        assert said.startswith(f"{sum(count - 1 for count in named if count)} pairs")


def test_resuming_on_other_priors_is_warned_of(cfg, records, caplog):
    cfg = stage_configs(cfg)["SPATIAL"]
    metas = []
    for alpha in (128, 9):
        cfg.merge_from_list(["MODEL.PRIORS.REGION.ALPHA", alpha, "MODEL.VLM.TAG", f"tag{alpha}"])
        extract(cfg, records, "tiny_train")
        extract(cfg, records, "tiny_test")
        metas += [SGGTrainer(cfg).checkpointer.meta for _ in range(2)]
    for other, warned in ((1, False), (2, True)):
        caplog.clear()
        check_resumable(metas[0], metas[other], "model_0000000.pth")
        assert ("other conditions (priors " in caplog.text) == warned


def test_resuming_with_other_answers_withheld_is_warned_of(cfg, records, caplog):
    cfg = stage_configs(cfg)["SPATIAL"]
    for name in ("tiny_train", "tiny_test"):
        extract(cfg, records, name)
    metas = []
    for share in (0.1, 0.0):
        cfg.MODEL.PRIORS.WITHHOLD = share
        metas.append(SGGTrainer(cfg).checkpointer.meta)
    check_resumable(metas[0], metas[0], "model_0000000.pth")
    assert "other conditions" not in caplog.text
    check_resumable(*metas, "model_0000000.pth")
    assert "other conditions (withheld_answers 0.1 -> 0.0)" in caplog.text
