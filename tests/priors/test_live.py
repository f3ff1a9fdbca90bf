"""Priors made on the way are those that the two tools would have stored."""

import json
from dataclasses import fields

import numpy as np
from detectron2.data import MetadataCatalog

from tests.priors.prior_cfg import prior_cfg, registered_records
from vost_sgg.data.mapper import read_frame
from vost_sgg.priors.clip import build_clip
from vost_sgg.priors.extraction import build_extractor, region_prompt, vocabulary_texts
from vost_sgg.priors.live import LivePriors
from vost_sgg.priors.reader import PriorsReader
from vost_sgg.vlm import cache_folder
from vost_sgg.vlm.extraction import Extractor, videos_of
from vost_sgg.vlm.manifest import claim_folder
from vost_sgg.vlm.prompts import Prompt
from vost_sgg.vlm.words import Vocabulary


class ScriptedVLM:
    """Names two objects; in frame 1 none, in frame 3 one of them has no box, in frame 4 the person has none."""

    box_frame = "resized_pixels"

    def __init__(self, records):
        self.index = {r["image_id"]: r["frame_index"] for r in records}
        self.asked = []

    def processed_size(self, width, height):
        return width, height

    def respond(self, requests):
        self.asked.append(len(requests))
        return [self.answer(prompt) for _, prompt in requests]

    def answer(self, prompt: Prompt) -> str:
        index = self.index[prompt.image_id]
        words = {"contact": ["holding", "touching"], "spatial": ["behind"], "attention": "unsure"}
        sofa = {"object": "sofa/couch", "box": [10, 5, 46, 40], **words}
        dish = {"object": "dish", "box": None if index == 3 else [1, 2, 9, 30], **words}
        person = {} if index == 4 else {"person": [2, 3, 20, 30]}
        return "No." if index == 1 else json.dumps({**person, "objects": [sofa, dish]})


def stored_priors(cfg, records, vlm) -> PriorsReader:
    """Runs both extractions."""
    folder = cache_folder(cfg, "tiny_test")
    claim_folder(folder, {"tag": "scripted"}, "")
    metadata = MetadataCatalog.get("tiny_test")
    asking = Extractor(backend=vlm, folder=folder, task="sgdet", metadata=metadata, batch_size=2)
    for frames in videos_of(records):
        asking.run(frames, asked=lambda count: None, stored=lambda count: None)
    extractor = build_extractor(cfg, "tiny_test")
    for frames in videos_of(records):
        extractor.run(frames, done=lambda count: None)
    return PriorsReader.of(cfg, ["tiny_test"])


def test_live_priors_are_those_that_would_be_stored(tmp_path):
    records = registered_records(tmp_path / "frames")
    cfg, vlm, metadata = (
        prior_cfg(tmp_path, "sgdet"),
        ScriptedVLM(records),
        MetadataCatalog.get("tiny_test"),
    )
    stored = stored_priors(cfg, records, vlm)
    vlm.asked.clear()
    clip = build_clip(cfg)
    live = LivePriors(
        backend=vlm,
        clip=clip,
        prompt=region_prompt(cfg),
        metadata=metadata,
        texts=vocabulary_texts(cfg, clip, Vocabulary.of(metadata)),
        batch_size=3,
    )
    made = live([read_frame(record, "RGB") for record in records], records)
    assert vlm.asked == [3, 3, 3, 1]
    assert sum(map(len, made)) > 10
    for record, priors in zip(records, made, strict=True):
        expected = stored(record)
        for field in fields(expected):
            a, b = (getattr(p, field.name) for p in (priors, expected))
            assert a.shape == b.shape and a.dtype == b.dtype
            # Stored regions have half precision.
            np.testing.assert_allclose(a, b, atol=1e-3 if field.name == "regions" else 1e-6)
