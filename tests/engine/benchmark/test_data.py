"""The benchmark of the data path, as its user types it."""

import json
import re
from pathlib import Path

import pytest

from tools import benchmark

ROOT = Path(__file__).parents[3]
SAMPLE = ["data", "--config-file", str(ROOT / "configs/sample/oed_sgdet.yaml"), "--device", "cpu"]
QUICK = ["--size", "96x64", "--batch", "2", "--batches", "2", "--workers", "1", "--steps", "1"]
SMALL = ["INPUT.MIN_SIZE_TRAIN", "(64,)"]


def test_the_data_path_and_the_wait_for_it_are_measured(tmp_path, capsys):
    out = tmp_path / "data.json"
    assert benchmark.main([*SAMPLE, *QUICK, "--json", str(out), *SMALL]) == 0
    report = json.loads(out.read_text())
    spent = report["milliseconds_per_frame"]
    assert 0 < spent["decode"] < spent["decode and map"]
    assert report["frames_per_second"].keys() == {"1"}
    assert report["training"].keys() >= {"SPATIAL", "TEMPORAL"}
    for step in filter(lambda step: step["seconds"], report["training"].values()):
        assert 0 < step["waiting_seconds"] < step["seconds"]
    printed = capsys.readouterr().out
    assert re.search(r"^loader, 1 worker\(s\) +[\d.,]+ frames/s$", printed, re.M)
    assert re.search(r"^training step SPATIAL waits for its batch +[\d.]+ ms of", printed, re.M)


def test_bad_counts_are_one_line(capsys):
    with pytest.raises(SystemExit):
        benchmark.main([*SAMPLE, "--batches", "0"])
    assert capsys.readouterr().err.strip() == "error: --batches must be at least 1 (got 0)"
