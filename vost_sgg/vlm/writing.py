"""The asked answer, written: by the annotation (targets of fine-tuning) and by the simulated VLM."""

import json
from collections.abc import Mapping

import numpy as np

from vost_sgg.data.frames import frame_ground_truth
from vost_sgg.structures import PREDICATE_GROUPS
from vost_sgg.vlm.answers import GROUP_KEYS, PARSED, Answer, Relation
from vost_sgg.vlm.prompts import Prompt
from vost_sgg.vlm.words import Vocabulary, prompt_word


def annotated_answer(prompt: Prompt, record: Mapping, vocabulary: Vocabulary) -> Answer:
    """The answer to ``prompt`` that names exactly what ``record``, the frame's dataset dict, is annotated with."""
    truth = frame_ground_truth(record)
    relations = []
    for k, (person, row) in enumerate(np.asarray(truth.pairs).tolist()):
        if prompt.pair is not None and prompt.pair != (person, row):
            continue
        given = prompt.task == "predcls"
        relations.append(
            Relation(
                object=None if given else vocabulary.objects[truth.classes[row]],
                row=None if prompt.task == "sgdet" else row,
                box=tuple(truth.boxes[row].tolist()) if prompt.task == "sgdet" else None,
                **{
                    group: tuple(
                        np.array(vocabulary.group(group))[getattr(truth, group)[k]].tolist()
                    )
                    for group in PREDICATE_GROUPS
                },
            )
        )
    person = np.flatnonzero(truth.classes == 0)
    if prompt.task == "sgdet":
        box = tuple(truth.boxes[person[0]].tolist()) if len(person) else None
        return Answer(PARSED, relations=tuple(relations), person_box=box)
    row = prompt.pair[0] if prompt.pair else int(person[0]) if len(person) else None
    return Answer(PARSED, relations=tuple(relations), person_row=row)


def write_answer(answer: Answer, prompt: Prompt, vocabulary: Vocabulary) -> str:
    """``answer`` as the JSON text that ``prompt`` asks for; the parser reads it back (boxes to a rounding)."""
    return json.dumps(answer_document(answer, prompt, vocabulary))


def answer_document(answer: Answer, prompt: Prompt, vocabulary: Vocabulary) -> dict:
    """What :func:`write_answer` writes, as plain values in the order of their keys."""
    if prompt.task == "predcls":
        return _relation(answer.relations[0] if answer.relations else Relation())
    if prompt.task == "sgdet":
        person = [] if answer.person_box is None else _box(answer.person_box, prompt)
        objects = [
            {"object": prompt_word(r.object), "box": _box(r.box, prompt), **_relation(r)}
            for r in answer.relations
        ]
        return {"person": person, "objects": objects}
    by_row = {r.row: {"object": prompt_word(r.object), **_relation(r)} for r in answer.relations}
    by_row[answer.person_row] = {"object": vocabulary.person}
    numbers = enumerate(prompt.rows, start=1)
    return {"boxes": [{"number": n, **by_row[row]} for n, row in numbers if row in by_row]}


def _relation(relation: Relation) -> dict:
    attention = prompt_word(relation.attention[0]) if relation.attention else ""
    several = {
        GROUP_KEYS[group]: [prompt_word(name) for name in getattr(relation, group)]
        for group in ("contacting", "spatial")
    }
    return {**several, GROUP_KEYS["attention"]: attention}


def _box(box, prompt: Prompt) -> list[int]:
    return prompt.boxes.to_model(box)[0].tolist()
