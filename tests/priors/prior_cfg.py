"""A config whose priors lie under a folder, and an answer to every frame of ten."""

from pathlib import Path

import numpy as np

from tests.tiny import register, tiny_records
from vost_sgg.config import get_vost_cfg
from vost_sgg.vlm.answers import EMPTY, PARSED, Answer, Relation
from vost_sgg.vlm.cache import CacheLine, cache_folder, video_path

VIDEOS = {"A.mp4": 5, "B.mp4": 1, "C.mp4": 4}
GROUPS = {"attention": ("unsure",), "spatial": ("behind", "in"), "contacting": ("holding",)}


def prior_opts(folder: Path, task: str = "predcls") -> list[str]:
    """Config keys: the simulated VLM and the tiny CLIP on "tiny_test", everything written under ``folder``."""
    return [
        *("MODEL.DEVICE", "cpu", "MODEL.TASK", task, "MODEL.VLM.CACHE", str(folder / "vlm")),
        *("MODEL.PRIORS.CACHE", str(folder / "priors"), "OUTPUT_DIR", str(folder / "output")),
        *("MODEL.PRIORS.CLIP.NAME", "tiny", "MODEL.PRIORS.CLIP.WEIGHTS", "random"),
        *("MODEL.PRIORS.DIM", "64", "MODEL.PRIORS.FRAMES_PER_BATCH", "2"),
        *("DATASETS.TRAIN", "('tiny_train',)", "DATASETS.TEST", "('tiny_test',)"),
        *("DATALOADER.NUM_WORKERS", "0", "MODEL.VLM.TAG", "simulated"),
    ]


def prior_cfg(folder: Path, task: str = "predcls", *opts: str):
    return get_vost_cfg(None, [*prior_opts(folder, task), *opts])


def registered_records(data: Path) -> list[dict]:
    """Ten frames of three videos, C.mp4 higher than wide, registered as "tiny_test"; their files are written once."""
    write = not data.exists()
    records = tiny_records(data, VIDEOS, size=(64, 48), portrait=("C.mp4",), write=write)
    register("tiny_test", records)
    return records


def answer_to(task: str, index: int) -> list[tuple[tuple[int, int] | None, Answer]]:
    """The answers to the prompts of the ``index``-th frame, each with its prompt's pair.

    Frame 1 has no usable answer at all. Elsewhere PredCLS has no answer about the second pair of frame 2; SGCLS names
    the second box as the person in frame 3 and no person in frame 4; SGDET has an object without a box in frame 3 and
    no person's box in frame 4.
    """
    if task == "predcls":
        empty = Answer(EMPTY, ("no_answer",), person_row=0)
        answers = [
            Answer(PARSED, relations=(Relation(row=row, **groups),), person_row=0)
            for row, groups in ((1, GROUPS), (2, {"contacting": ("sitting_on",)}))
        ]
        answers = {1: [empty, empty], 2: [answers[0], empty]}.get(index, answers)
        return list(zip([(0, 1), (0, 2)], answers, strict=True))
    if index == 1:
        return [(None, Answer(EMPTY, ("no_answer",)))]
    if task == "sgcls":
        person = {3: 1, 4: None}.get(index, 0)
        others = [row for row in (2, 1, 0) if row != person]
        relations = [Relation(object="chair", row=others[0], **GROUPS)]
        relations += [Relation(object="bed", row=others[1])]
        return [(None, Answer(PARSED, relations=tuple(relations), person_row=person))]
    boxes = [(10.5, 5.25, 46.0, 40.0), None if index == 3 else (1.0, 2.0, 9.0, 30.0)]
    relations = [
        Relation(object=name, box=box, **GROUPS)
        for name, box in zip(("sofa/couch", "dish"), boxes, strict=True)
    ]
    person = None if index == 4 else (2.0, 3.0, 20.0, 30.0)
    return [(None, Answer(PARSED, relations=tuple(relations), person_box=person))]


def write_answers(cfg, records: list[dict], name: str = "tiny_test") -> str:
    """Stores :func:`answer_to` every frame as tools/extract_vlm.py would; returns the folder."""
    folder = Path(cache_folder(cfg, name))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text('{"tag": "simulated", "prompt_version": 1}')
    texts = {}
    for record in records:
        for pair, answer in answer_to(cfg.MODEL.TASK, record["frame_index"]):
            line = CacheLine(
                frame=record["image_id"],
                pair=pair,
                prompt="0" * 16,
                size=(64, 48),
                response="",
                parse=answer,
            )
            texts[record["video_id"]] = texts.get(record["video_id"], "") + line.to_text()
    for video, text in texts.items():
        Path(video_path(str(folder), video)).write_text(text)
    return str(folder)


def unit(values) -> np.ndarray:
    """Rows of length one."""
    values = np.asarray(values, np.float64)
    return values / np.linalg.norm(values, axis=-1, keepdims=True)
