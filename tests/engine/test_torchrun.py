"""Processes that torchrun starts train the real model as one does, and end when one of them is lost."""

import json
import signal
import socket

import pytest

from tests.engine.staged_run import SIZE
from tests.engine.torchrun_run import VIDEOS, run
from tests.sudden_death import exit_code, start_process
from tests.tiny import tiny_records

CONFIG = "configs/sample/oed_sgdet.yaml"
OPTIONS = [
    *SIZE,
    # Batch norm is of each process's own frames, and full-size configs freeze it.
    *("MODEL.TRANSFORMER.DROPOUT", 0.0, "MODEL.RESNETS.NORM", ""),
    *("DATASETS.TRAIN", ("tiny_train",), "DATASETS.TEST", ("tiny_test",)),
    *("MODEL.TEMPORAL_AGGREGATOR.NAME", "NoAggregation"),
    *("STAGES.SPATIAL.SOLVER.EPOCHS", 2, "STAGES.SPATIAL.SOLVER.LR_DROP_EPOCHS", (1,)),
    *("STAGES.SPATIAL.SOLVER.IMS_PER_BATCH", 2, "STAGES.TEMPORAL.SOLVER.EPOCHS", 0),
]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "frames"
    tiny_records(folder, VIDEOS)
    return folder


def started(size, data, folder, dies_at=0):
    """The exit codes of ``size`` processes."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    argv = ["--config-file", CONFIG, *map(str, OPTIONS), "OUTPUT_DIR", str(folder / "output")]
    processes = [
        start_process(run, rank, size, port, data, folder, dies_at, argv) for rank in range(size)
    ]
    return [exit_code(process) for process in processes]


def results(folder):
    report = folder / "output/spatial/scene_graph_recall_tiny_test.json"
    return json.loads(report.read_text())["methods"]


def losses(folder):
    return list(map(float, (folder / "losses").read_text().split()))


def test_two_processes_have_the_losses_and_the_table_of_one(data, tmp_path):
    assert started(1, data, tmp_path / "one") == [0]
    assert started(2, data, tmp_path / "two") == [0, 0]
    one, two = losses(tmp_path / "one"), losses(tmp_path / "two")
    assert len(one) == len(two) == 6
    assert two == pytest.approx(one, abs=1e-5, rel=1e-5)
    for method, found in results(tmp_path / "two").items():
        for constraint, recalls in results(tmp_path / "one")[method]["recall"].items():
            assert found["recall"][constraint] == pytest.approx(recalls, abs=1e-6)


def test_when_a_process_dies_the_others_end_with_a_message(data, tmp_path):
    assert started(2, data, tmp_path / "run", dies_at=4) == [3, -signal.SIGKILL]
    error = (tmp_path / "run" / "errors0").read_text()
    assert "Traceback" not in error
    assert error.splitlines()[-1] == (
        "error: process 0 lost the connection to another process of this run, which has ended: what that one says is "
        "why; the same command with --resume goes on from the last checkpoint"
    )
