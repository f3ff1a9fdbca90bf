"""The peak memory of a model's passes, as the benchmark prints it."""

import re
from pathlib import Path

import pytest
import torch

from vost_sgg.config import get_vost_cfg, stage_configs
from vost_sgg.engine.benchmark import memory, reports
from vost_sgg.engine.benchmark.memory import benchmark_memory, pass_memory
from vost_sgg.engine.benchmark.workload import Workload

ROOT = Path(__file__).parents[3]
WORKLOAD = Workload(torch.device("cpu"), "float32", frames=1, size=(96, 64), repeats=1)


@pytest.fixture
def cfg():
    small = ["INPUT.MIN_SIZE_TEST", "64", "INPUT.MIN_SIZE_TRAIN", "(64,)"]
    stages = ("DETECTOR", "SPATIAL", "TEMPORAL")
    batches = [word for s in stages for word in (f"STAGES.{s}.SOLVER.IMS_PER_BATCH", "2")]
    return get_vost_cfg(str(ROOT / "configs/sample/oed_sgdet.yaml"), [*small, *batches])


def test_every_pass_is_measured_in_a_process_of_its_own(cfg, monkeypatch):
    fresh = []

    def in_this_process(call, *args):  # a fresh one would spend seconds on imports
        fresh.append(call)
        return call(*args)

    monkeypatch.setattr(memory, "in_fresh_process", in_this_process)
    held = benchmark_memory(cfg, WORKLOAD, 5)
    steps = [f"training step {stage}" for stage in stage_configs(cfg)]
    plain = [f"{step}, plain" for step in steps]
    assert set(held) == {"video of 5 frames", "frame by frame", *steps, *plain}
    assert fresh == [pass_memory] * len(held)
    assert all(h["peak_bytes"] >= h["imports_bytes"] > 2**20 for h in held.values())


def test_what_does_not_fit_is_said(cfg):
    def too_much(*_):
        raise torch.OutOfMemoryError

    found = pass_memory(too_much, cfg, WORKLOAD)
    assert found["peak_bytes"] is None
    table = reports.evaluator_table({"frames_per_second": {}, "memory": {"7": found}})
    assert re.search(r"^7 +out of memory +[\d,]+ MiB$", table, re.M)
