"""An extraction that kills its own process at a named point, for test_extraction.py (run in a process of its own)."""

import os
from pathlib import Path

import torch

from tests.sudden_death import die, on_call, replace_and_die, then_full
from tests.tiny import register, tiny_records
from tests.vlm.echo_backend import CONFIG, EchoVLM, options
from tools import extract_vlm
from vost_sgg.vlm.answer_file import AnswerFile
from vost_sgg.vlm.verification import ExtractionReport

VIDEOS = {"A.mp4": 5, "B.mp4": 1, "C.mp4": 4}
ROOT = Path(__file__).parents[2]


def half_stored(file, lines):
    content = "".join(line.to_text() for line in lines).encode()
    file._file.write(content[: len(content) // 2 + 40])
    file._file.flush()
    die()


def stored_on_a_full_disk(file, lines, append=AnswerFile.append):
    lines = list(lines)  # asking writes a file of the test's own
    then_full(append, 100)(file, lines)


def patch(point: str) -> None:
    if point == "before a batch is answered":
        EchoVLM.respond = on_call(3, die, EchoVLM.respond)
    elif point == "before answers are stored":
        AnswerFile.append = on_call(2, die, AnswerFile.append)
    elif point == "full while answers are stored":
        AnswerFile.append = on_call(2, stored_on_a_full_disk, AnswerFile.append)
    elif point == "in the middle of a line":
        AnswerFile.append = on_call(3, half_stored, AnswerFile.append)
    elif point == "before a finished video is renamed":
        os.replace = on_call(2, die, os.replace)
    elif point == "after a finished video is renamed":
        os.replace = on_call(1, replace_and_die, os.replace)
    elif point == "before the manifest is there":
        os.link = die
    elif point == "before the report":
        ExtractionReport.write = die
    elif point != "nowhere":
        raise ValueError(point)


def extract(data: Path, folder: Path, point: str, opts: tuple = ()) -> None:
    """The command as its user types it, over the ten frames of VIDEOS."""
    torch.set_num_threads(1)
    os.chdir(ROOT)
    register("tiny_test", tiny_records(data, VIDEOS, write=not data.exists()))
    patch(point)
    extract_vlm.main(["--config-file", CONFIG, "--split", "test", *options(folder, *opts)])
