"""Registers the tiny data sets in whichever process imports it (key IMPORTS): for commands that start several."""

import os
from pathlib import Path

from tests.tiny import register, tiny_records

VIDEOS = {"A.mp4": 4, "B.mp4": 1, "C.mp4": 3}

_records = tiny_records(Path(os.environ["TINY_FRAMES"]), VIDEOS, write=False)
register("tiny_train", _records)
register("tiny_test", _records)
