"""What a VLM is asked about a frame: the paper's PredCLS and SGDET prompts (Fig. 8), and one for SGCLS."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from vost_sgg.data.frames import frame_ground_truth
from vost_sgg.registry import nearest
from vost_sgg.vlm.boxes import BoxFrame
from vost_sgg.vlm.words import Vocabulary, prompt_word

# Of the templates' wording; it stands in the manifest of a cache. Count it up with every change of a template.
PROMPT_VERSION = 2
TASKS = ("predcls", "sgcls", "sgdet")


@dataclass(frozen=True)
class Prompt:
    """One question about one frame, with what is needed to read the answer.

    Args:
        image_id: of the frame, such as "VIDEO.mp4/000089.png".
        task: predcls, sgcls or sgdet.
        text: the question, without a marker for the image: where the image stands is the backend's chat template's.
        boxes: the coordinate frame of the boxes in question and answer.
        pair: rows (person, object) of the frame's boxes (PredCLS); None if the question is about the whole frame.
        rows: SGCLS: the row of the frame's boxes that each number, from 1, of the question stands for; else ().
        version: of the templates.
    """

    image_id: str
    task: str
    text: str
    boxes: BoxFrame
    pair: tuple[int, int] | None = None
    rows: tuple[int, ...] = ()
    version: int = PROMPT_VERSION

    @cached_property
    def hash(self) -> str:
        """16 hexadecimal digits of the text's SHA-256."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]


def count_prompts(task: str, record: Mapping) -> int:
    """How many prompts :func:`build_prompts` makes of a frame."""
    return len(record["pairs"]) if task == "predcls" else 1


def build_prompts(
    task: str, record: Mapping, metadata, *, box_frame: str, processed_size: tuple[int, int]
) -> list[Prompt]:
    """The prompts of one frame: PredCLS one a pair, in the order of ``record["pairs"]``; SGCLS and SGDET one.

    SGCLS numbers the given boxes from left to right, so that neither a word nor the order tells a box's class.

    Args:
        task: predcls, sgcls or sgdet.
        record: a dataset dict; SGDET reads its size only.
        metadata: of the data set, which gives the vocabulary.
        box_frame, processed_size: of the backend, for this frame.

    Raises:
        ValueError: the task is unknown.
    """
    if task not in TASKS:
        raise ValueError(f"no prompt for task {task!r}; {nearest(task, TASKS)}")
    vocabulary = Vocabulary.of(metadata)
    frame = BoxFrame(box_frame, (record["width"], record["height"]), tuple(processed_size))
    shared = {"image_id": record["image_id"], "task": task, "boxes": frame}
    if task == "sgdet":
        return [Prompt(text=_text(task, vocabulary, frame), **shared)]
    truth = frame_ground_truth(record)
    boxes = frame.to_model(truth.boxes).tolist()
    if task == "sgcls":
        rows = sorted(range(len(boxes)), key=lambda row: boxes[row])
        text = _text(task, vocabulary, frame, boxes=[boxes[row] for row in rows])
        return [Prompt(text=text, rows=tuple(rows), **shared)]
    prompts = []
    for person, other in np.asarray(truth.pairs).tolist():
        name = prompt_word(vocabulary.objects[truth.classes[other]])
        given = {"person_box": boxes[person], "object_box": boxes[other], "object": name}
        text = _text(task, vocabulary, frame, **given)
        prompts.append(Prompt(text=text, pair=(person, other), **shared))
    return prompts


def _text(task: str, vocabulary: Vocabulary, frame: BoxFrame, **given) -> str:
    words = {
        group: [prompt_word(name) for name in vocabulary.group(group)]
        for group in ("attention", "spatial", "contacting")
    }
    objects = [prompt_word(name) for name in vocabulary.objects]
    template = _templates().get_template(f"{task}.jinja")
    return template.render(
        objects=objects, box_frame=frame.kind, size=frame.extent, **words, **given
    )


@cache
def _templates() -> Environment:
    # Plain text, not HTML: nothing is escaped.
    loader = PackageLoader("vost_sgg.vlm", "templates")
    return Environment(
        loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
