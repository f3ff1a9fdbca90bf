"""A VLM that answers at once, a function of the prompt alone, and writes down what it was asked."""

import json
import random
import zlib

from detectron2.config import configurable

from vost_sgg.vlm import VLM, VLMBackend

CONTACT = ["holding", "touching", "sitting on", "wiping"]


@VLM.register()
class EchoVLM(VLMBackend):
    """``MODEL.VLM.WEIGHTS`` is the file that every prompt it is asked is appended to."""

    box_frame = "norm1000"

    @configurable
    def __init__(self, *, tag, log, dtype):
        self.tag, self.log, self.dtype = tag, log, dtype

    @classmethod
    def from_config(cls, cfg, *, dataset_name):
        vlm = cfg.MODEL.VLM
        return {"tag": cls.tag_of(cfg), "log": vlm.WEIGHTS, "dtype": vlm.DTYPE}

    def processed_size(self, width, height):
        return 448, 448

    def respond(self, requests):
        with open(self.log, "a") as file:
            for image, prompt in requests:
                assert image.shape[2] == 3
                file.write(json.dumps([prompt.image_id, prompt.pair]) + "\n")
        return [self.answer(prompt) for _, prompt in requests]

    def answer(self, prompt):
        draw = random.Random(zlib.crc32(f"{prompt.image_id}{prompt.text}".encode()))
        relation = {
            "contact": draw.sample(CONTACT, 2),
            "spatial": ["behind"],
            "attention": draw.choice(["unsure", "looking at"]),
        }
        if prompt.task == "predcls":
            return json.dumps(relation)
        entry = {"object": "chair", "box": [0, 10, 500, draw.randrange(100, 1000)], **relation}
        return json.dumps({"person": [10, 10, 300, 900], "objects": [entry]})

    def fingerprint(self):
        return "echo"

    def settings(self):
        return {"dtype": self.dtype}


def options(folder, *opts):
    """Config keys that let a tool use this backend on "tiny_test", with everything under ``folder``."""
    return [
        *("IMPORTS", "('tests.vlm.echo_backend',)", "MODEL.VLM.NAME", "EchoVLM"),
        *("MODEL.VLM.WEIGHTS", str(folder / "asked"), "MODEL.VLM.TAG", "echo"),
        *("MODEL.VLM.CACHE", str(folder / "cache"), "OUTPUT_DIR", str(folder / "output")),
        *("DATASETS.TRAIN", "('tiny_train',)", "DATASETS.TEST", "('tiny_test',)"),
        *("MODEL.VLM.BATCH_SIZE", "3", *opts),
    ]


def asked(folder):
    """What :class:`EchoVLM` was asked, as keys of the cache."""
    lines = (folder / "asked").read_text().splitlines()
    return [(frame, pair and tuple(pair)) for frame, pair in map(json.loads, lines)]


CONFIG = "configs/sample/vlm_predcls.yaml"
