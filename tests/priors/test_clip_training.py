"""A CLIP learns which caption belongs to which region, and is then read as any weights."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.priors.prior_cfg import prior_cfg
from tests.tiny import register, tiny_records
from vost_sgg.engine.trainer import SGGTrainer
from vost_sgg.priors.clip import build_clip
from vost_sgg.priors.clip_training import contrastive_loss, regions_and_captions
from vost_sgg.structures import FrameGroundTruth
from vost_sgg.vlm.words import Vocabulary

WORDS = Vocabulary(
    ("person", "cup/glass/bottle", "bed"),
    ("looking_at", "unsure"),
    ("behind", "in"),
    ("sitting_on", "holding"),
)


def test_each_person_object_and_union_has_its_caption():
    truth = FrameGroundTruth(
        boxes=np.array([[0, 0, 4, 8], [2, 2, 9, 3], [1, 1, 2, 2], [7, 7, 8, 8.0]]),
        classes=np.array([0, 2, 1, 1]),
        pairs=np.array([[0, 2], [0, 1]]),
        attention=np.array([[1, 0], [0, 0]], bool),
        spatial=np.array([[1, 1], [0, 0]], bool),
        contacting=np.array([[0, 1], [1, 0]], bool),
        size=(10, 10),
    )
    boxes, captions = regions_and_captions(truth, WORDS)
    assert dict(zip(captions, boxes.tolist(), strict=True)) == {
        "cup/glass/bottle": [1, 1, 2, 2],
        "person looking at behind and in holding cup/glass/bottle": [0, 0, 4, 8],
        "bed": [2, 2, 9, 3],
        "person sitting on bed": [0, 0, 9, 8],
        "person behind and in holding cup/glass/bottle, sitting on bed": [0, 0, 4, 8],
    }


def test_the_loss_is_clips_where_every_caption_is_another():
    logits, order = torch.randn(5, 5), torch.tensor([3, 0, 4, 1, 2])
    by_caption = torch.argsort(order)
    expected = (F.cross_entropy(logits, order) + F.cross_entropy(logits.T, by_caption)) / 2
    assert torch.allclose(contrastive_loss(logits, order), expected)


def test_pictures_of_one_caption_share_it():
    sure = torch.tensor([[50.0, 0], [50, 0], [0, 50]])
    # Of the first caption's two pictures neither can have more than half.
    assert contrastive_loss(sure, torch.tensor([0, 0, 1])).item() == pytest.approx(
        np.log(2) / 4, abs=1e-4
    )
    assert contrastive_loss(sure, torch.tensor([1, 1, 0])) > 10


def test_it_learns_and_its_checkpoint_is_the_clip_of_the_priors(tmp_path):
    records = tiny_records(tmp_path / "frames", {"A.mp4": 6}, size=(64, 48))
    register("tiny_train", records)
    opts = ["MODEL.META_ARCHITECTURE", "RegionTextCLIP", "DATASETS.TEST", "()", "SEED", "0"]
    opts += ["SOLVER.EPOCHS", "12", "SOLVER.IMS_PER_BATCH", "6", "SOLVER.BASE_LR", "1e-3"]
    opts += ["MODEL.REFERENCE_SAMPLER.NAME", "NoReferences", "INPUT.MIN_SIZE_TRAIN", "(48,)"]
    trainer = SGGTrainer(prior_cfg(tmp_path, "predcls", *opts))
    trainer.resume_or_load(False)
    batch = next(iter(trainer.data_loader))
    before = trainer.bare_model(batch)["loss_clip"].item()
    trainer.train()
    assert trainer.bare_model(batch)["loss_clip"].item() < 0.8 * before

    weights = str(tmp_path / "output" / "model_final.pth")
    clip = build_clip(prior_cfg(tmp_path, "predcls", "MODEL.PRIORS.CLIP.WEIGHTS", weights))
    words = ["person", "unsure"]
    model = trainer.bare_model.eval()
    with torch.no_grad():
        expected = F.normalize(model.clip.encode_text(model._tokenizer(words)), dim=-1)
    assert torch.allclose(clip.texts(words), expected, atol=1e-6)
