"""What asking a VLM costs beside the VLM: prompts, images, parser and cache, around a backend that answers at once."""

import os
import random
import tempfile
from collections.abc import Sequence
from itertools import islice

import numpy as np
import torch
from detectron2.data import Metadata
from tqdm import tqdm

from vost_sgg.data.mapper import read_frame
from vost_sgg.data.vocabulary import set_metadata
from vost_sgg.engine.benchmark.inputs import SEED
from vost_sgg.engine.benchmark.made_up_annotations import ACTION_GENOME
from vost_sgg.engine.benchmark.made_up_frames import write_made_up_frames
from vost_sgg.engine.benchmark.timing import median_seconds
from vost_sgg.vlm import AnswerCache, VLMBackend
from vost_sgg.vlm.cache import Key
from vost_sgg.vlm.extraction import Extractor, videos_of
from vost_sgg.vlm.malformed import malformed
from vost_sgg.vlm.parser import AnswerParser
from vost_sgg.vlm.prompts import TASKS, Prompt
from vost_sgg.vlm.words import Vocabulary
from vost_sgg.vlm.writing import annotated_answer, write_answer

_VIDEO = 20  # frames
_BATCH = 8  # prompts, MODEL.VLM.BATCH_SIZE's default
_ACTION_GENOME = sum(split.usable for split in ACTION_GENOME.values())


class _AtOnce(VLMBackend):
    """Answers each prompt with what it was given for it beforehand."""

    box_frame = "norm1000"
    tag = "at_once"

    def __init__(self):
        self.answers: dict[Key, str] = {}

    def processed_size(self, width: int, height: int) -> tuple[int, int]:
        return width, height

    def respond(self, requests: Sequence[tuple[np.ndarray, Prompt]]) -> list[str]:
        return [self.answers[prompt.image_id, prompt.pair] for _, prompt in requests]

    def fingerprint(self) -> str:
        return self.tag

    def settings(self) -> dict:
        return {}


def benchmark_vlm(frames: int, size: tuple[int, int], repeats: int) -> dict:
    """For each task, stores the annotated answers about ``frames`` made-up frames of ``size`` (width, height), in one
    process.

    Returns:
        ``settings``; ``tasks``: for each, rates a second (medians of ``repeats``), bytes of the cache a frame, and
        what Action Genome's frames would take.
    """
    with tempfile.TemporaryDirectory() as folder:
        writing = write_made_up_frames(folder, size, videos=-(-frames // _VIDEO), frames=_VIDEO)
        records = list(islice(writing, frames))
        tasks = {task: _task(task, records, repeats) for task in tqdm(TASKS, desc="asking")}
    settings = {
        "frames": frames,
        "pairs": sum(len(record["pairs"]) for record in records),
        "size": list(size),
        "prompts_per_batch": _BATCH,
        "repeats": repeats,
        "cpus": len(os.sched_getaffinity(0)),
        "action_genome_frames": _ACTION_GENOME,
    }
    return {"settings": settings, "tasks": tasks}


def _task(task: str, records: list[dict], repeats: int) -> dict[str, float]:
    metadata, backend = Metadata(), _AtOnce()
    set_metadata(metadata)
    vocabulary = Vocabulary.of(metadata)
    parser = AnswerParser(vocabulary)
    with tempfile.TemporaryDirectory() as folder:
        extractor = Extractor(
            backend=backend, folder=folder, task=task, metadata=metadata, batch_size=_BATCH
        )
        answers = [
            (write_answer(annotated_answer(prompt, record, vocabulary), prompt, vocabulary), prompt)
            for record, prompt in extractor.prompts(records)
        ]
        backend.answers |= {(prompt.image_id, prompt.pair): text for text, prompt in answers}
        draw = random.Random(SEED)
        spoilt = [(malformed(text, draw), prompt) for text, prompt in answers]
        counted = {
            "prompts": (len(answers), lambda: _extract(extractor, records)),
            "images_alone": (len(records), lambda: [read_frame(r, "RGB") for r in records]),
            "parsed": (len(answers), lambda: [parser.parse(*answer) for answer in answers]),
            "malformed_parsed": (
                len(answers),
                lambda: [parser.parse(*answer) for answer in spoilt],
            ),
            "cached_frames": (len(records), lambda: list(AnswerCache(folder))),
        }
        calls = {name: call for name, (_, call) in counted.items()}
        for call in calls.values():  # in this order: the cache is there when it is read
            call()
        seconds = median_seconds(calls, device=torch.device("cpu"), repeats=repeats)
        stored = sum(entry.stat().st_size for entry in os.scandir(folder)) / len(records)
    return {
        **{f"{name}_per_second": count / seconds[name] for name, (count, _) in counted.items()},
        "frames_per_second": len(records) / seconds["prompts"],
        "bytes_per_frame": stored,
        "action_genome_hours": _ACTION_GENOME * seconds["prompts"] / len(records) / 3600,
        "action_genome_bytes": _ACTION_GENOME * stored,
    }


def _extract(extractor: Extractor, records: list[dict]) -> None:
    """As tools/extract_vlm.py does; what an earlier pass has stored is replaced."""
    for frames in videos_of(records):
        extractor.run(frames, asked=lambda _: None, stored=lambda _: None)
