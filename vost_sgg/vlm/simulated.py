"""``SimulatedVLM``: the sample data set's noisy annotator. It looks at no pixel: it is told the annotation and errs."""

import hashlib
import inspect
import random
import sys
from collections.abc import Mapping, Sequence

import numpy as np
from detectron2.config import CfgNode, configurable
from detectron2.data import DatasetCatalog, MetadataCatalog

from vost_sgg.data.frames import frame_ground_truth
from vost_sgg.structures import PREDICATE_GROUPS
from vost_sgg.vlm import confusion, malformed, writing
from vost_sgg.vlm.answers import PARSED, Answer, Relation
from vost_sgg.vlm.backend import VLM, VLMBackend
from vost_sgg.vlm.confusion import confused_class, confused_predicate, seeded
from vost_sgg.vlm.prompts import Prompt
from vost_sgg.vlm.words import Vocabulary

_SAMPLE = "ag_sample"
# Its images are resized as Qwen2.5-VL's: sides of a multiple of this.
_FACTOR = 28
# Where its answers are made; the vocabulary and the prompts have versions and hashes of their own.
_CODE = (sys.modules[__name__], confusion, malformed, writing)


@VLM.register()
class SimulatedVLM(VLMBackend):
    """An oracle with noise, which answers in raw text as a model does. Its numbers say nothing about any real VLM.

    For a pair and group one annotated predicate is drawn and passed through ``vost_sgg.vlm.confusion``. Its errors are
    functions of the frame's and object's names alone; half of them are drawn once a video, as a VLM errs on a scene.

    Args:
        dataset_name: ``ag_sample_*``, its ``mini`` and ``held_out`` ones too.

    Raises:
        ValueError: any other data set.
    """

    box_frame = "resized_pixels"

    @configurable
    def __init__(self, *, dataset_name: str, tag: str = "simulated"):
        if not dataset_name.startswith(_SAMPLE):
            raise ValueError(
                f"MODEL.VLM.NAME SimulatedVLM answers from the annotations of {_SAMPLE}_* alone, not about "
                f"{dataset_name}: use a real model there, such as configs/vlm/qwen_predcls.yaml"
            )
        self.tag = tag
        self._vocabulary = Vocabulary.of(MetadataCatalog.get(dataset_name))
        self._records = {r["image_id"]: r for r in DatasetCatalog.get(dataset_name)}

    @classmethod
    def from_config(cls, cfg: CfgNode, *, dataset_name: str):
        return {"dataset_name": dataset_name, "tag": cls.tag_of(cfg)}

    @classmethod
    def tag_of(cls, cfg: CfgNode) -> str:
        """Always begins with "simulated", so that its answers are never taken for a model's."""
        tag = cfg.MODEL.VLM.TAG
        return tag if tag.startswith("simulated") else "-".join(filter(None, ("simulated", tag)))

    def processed_size(self, width: int, height: int) -> tuple[int, int]:
        return tuple(max(_FACTOR, _FACTOR * round(side / _FACTOR)) for side in (width, height))

    def respond(self, requests: Sequence[tuple[np.ndarray, Prompt]]) -> list[str]:
        return [self._respond(prompt) for _, prompt in requests]

    def fingerprint(self) -> str:
        """Of the code that makes an answer, and of the annotations that it is made from."""
        digest = hashlib.sha256()
        for module in _CODE:
            digest.update(inspect.getsource(module).encode())
        for image_id, record in self._records.items():
            truth = frame_ground_truth(record)
            digest.update(f"{image_id}{truth.size}".encode())
            for field in ("boxes", "classes", "pairs", *PREDICATE_GROUPS):
                digest.update(np.ascontiguousarray(getattr(truth, field)).tobytes())
        return digest.hexdigest()[:16]

    def settings(self) -> dict:
        return {"confusion_version": confusion.VERSION}

    def _respond(self, prompt: Prompt) -> str:
        record = self._records[prompt.image_id]
        truth = writing.annotated_answer(prompt, record, self._vocabulary)
        answer = self._with_errors(truth, prompt, record)
        text = writing.write_answer(answer, prompt, self._vocabulary)
        draw = seeded(prompt.image_id, prompt.pair, prompt.task, "form")
        return malformed.malformed(text, draw) if draw.random() < confusion.MALFORMED else text

    def _with_errors(self, truth: Answer, prompt: Prompt, record: Mapping) -> Answer:
        named = [self._relation(r, prompt, record) for r in truth.relations]
        if prompt.task == "sgdet":
            named += self._false_objects(prompt, record)
        person = truth.person_box and self._box(truth.person_box, record, "person")
        return Answer(
            PARSED,
            relations=tuple(relation for relation in named if relation is not None),
            person_row=truth.person_row,
            person_box=person,
        )

    def _relation(self, true: Relation, prompt: Prompt, record: Mapping) -> Relation | None:
        name = true.object
        if name is None:  # given, PredCLS
            name = self._vocabulary.objects[record["annotations"][true.row]["category_id"]]
        key = record["video_id"], name
        if true.box and self._draw(key, record, "found").random() >= confusion.OBJECT_RECALL:
            return None
        groups = {}
        for group in PREDICATE_GROUPS:
            labels = getattr(true, group)
            if labels:
                label = seeded(record["image_id"], name, group, "label").choice(labels)
                draw = self._draw((*key, label), record, group)
                groups[group] = (confused_predicate(label, group, draw),)
        called = true.object and confused_class(true.object, self._draw(key, record, "class"))
        box = true.box and self._box(true.box, record, name)
        return Relation(object=called, row=true.row, box=box, **groups)

    def _draw(self, key: tuple, record: Mapping, what: str) -> random.Random:
        """The generator of an error: the video's for half of the frames, the frame's own for the others."""
        frame = seeded(record["image_id"], *key, what)
        return seeded(*key, what) if frame.random() < confusion.PERSISTENT else frame

    def _box(self, box, record: Mapping, name: str) -> tuple[float, float, float, float]:
        draw = seeded(record["image_id"], name, "box")
        size = np.tile([box[2] - box[0], box[3] - box[1]], 2)
        noise = np.array([draw.gauss(0, confusion.BOX_NOISE) for _ in range(4)])
        x0, y0, x1, y1 = np.asarray(box) + noise * size
        moved = [min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)]
        return tuple(np.clip(moved, 0, np.tile([record["width"], record["height"]], 2)).tolist())

    def _false_objects(self, prompt: Prompt, record: Mapping) -> list[Relation]:
        draw = seeded(record["image_id"], "false object")
        if draw.random() >= confusion.FALSE_OBJECTS:
            return []
        width, height = record["width"], record["height"]
        x0, y0 = draw.uniform(0, 0.7) * width, draw.uniform(0, 0.7) * height
        box = (x0, y0, x0 + draw.uniform(0.1, 0.3) * width, y0 + draw.uniform(0.1, 0.3) * height)
        groups = {g: (draw.choice(self._vocabulary.group(g)),) for g in PREDICATE_GROUPS}
        return [Relation(object=draw.choice(self._vocabulary.objects[1:]), box=box, **groups)]
