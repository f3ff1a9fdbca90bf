"""Processes that torchrun starts train the real model as one does, and end when one of them is lost."""

import json
import signal
import socket
import subprocess
import sys

import pytest

from tests.engine.staged_run import SIZE
from tests.engine.torchrun_run import register_records, run
from tests.priors.prior_cfg import write_answers
from tests.sudden_death import exit_code, start_process
from vost_sgg.config import get_vost_cfg
from vost_sgg.priors.extraction import build_extractor
from vost_sgg.vlm.extraction import videos_of

pytestmark = pytest.mark.slow

CONFIG = "configs/sample/{}_sgdet.yaml"
OPTIONS = [
    *SIZE,
    # Batch norm is of each process's own frames, and full-size configs freeze it.
    *("MODEL.TRANSFORMER.DROPOUT", 0.0, "MODEL.RESNETS.NORM", ""),
    *("DATASETS.TRAIN", ("tiny_train",), "DATASETS.TEST", ("tiny_test",)),
    *("STAGES.SPATIAL.SOLVER.IMS_PER_BATCH", 2, "STAGES.TEMPORAL.SOLVER.IMS_PER_BATCH", 2),
    *("STAGES.DETECTOR.SOLVER.EPOCHS", 0),
]
SPATIAL = [
    *("MODEL.TEMPORAL_AGGREGATOR.NAME", "NoAggregation", "STAGES.TEMPORAL.SOLVER.EPOCHS", 0),
    *("STAGES.SPATIAL.SOLVER.EPOCHS", 2, "STAGES.SPATIAL.SOLVER.LR_DROP_EPOCHS", (1,)),
]
BOTH = [
    *("STAGES.SPATIAL.SOLVER.EPOCHS", 1, "STAGES.TEMPORAL.SOLVER.EPOCHS", 1),
    *("MODEL.MULTIMODAL_ENCODER.NUM_LAYERS", 1, "MODEL.MULTIMODAL_ENCODER.DIM_FEEDFORWARD", 16),
    *("MODEL.PRIORS.CLIP.WEIGHTS", "random", "MODEL.VLM.TAG", "simulated"),
]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "frames"
    register_records(folder, write=True)
    return folder


def arguments(folder, data, model="oed", options=SPATIAL):
    stored = ["MODEL.VLM.CACHE", data.parent / "vlm", "MODEL.PRIORS.CACHE", data.parent / "priors"]
    options = [*OPTIONS, *options, *stored, "OUTPUT_DIR", folder / "output"]
    return ["--config-file", CONFIG.format(model), *map(str, options)]


def started(size, data, folder, dies_at=0, **run_of):
    """The exit codes of ``size`` processes."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    argv = arguments(folder, data, **run_of)
    processes = [
        start_process(run, rank, size, port, data, folder, dies_at, argv) for rank in range(size)
    ]
    return [exit_code(process) for process in processes]


def assert_same_run(one, two, steps):
    """The losses and tables of two folders."""
    found, expected = (
        list(map(float, (folder / "losses").read_text().split())) for folder in (two, one)
    )
    assert len(found) == len(expected) == steps
    assert found == pytest.approx(expected, abs=1e-5, rel=1e-5)
    reports = sorted((one / "output").glob("*/scene_graph_recall_tiny_test.json"))
    assert reports
    for report in reports:
        methods = json.loads((two / report.relative_to(one)).read_text())["methods"]
        for method, of_one in json.loads(report.read_text())["methods"].items():
            for constraint, recalls in of_one["recall"].items():
                of_two = methods[method]["recall"][constraint]
                assert of_two == pytest.approx(recalls, abs=1e-6)


def test_torchruns_two_processes_have_the_losses_and_the_table_of_one(data, tmp_path):
    assert started(1, data, tmp_path / "one") == [0]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    command = ["--module", "tests.engine.torchrun_run", data, tmp_path / "two"]
    subprocess.run([*torchrun, *command, *arguments(tmp_path / "two", data)], check=True)
    assert_same_run(tmp_path / "one", tmp_path / "two", steps=6)


def test_so_they_have_with_priors_and_in_the_temporal_stage(data, tmp_path):
    store_priors(data, tmp_path)
    assert started(1, data, tmp_path / "one", model="vost", options=BOTH) == [0]
    assert started(2, data, tmp_path / "two", model="vost", options=BOTH) == [0, 0]
    assert_same_run(tmp_path / "one", tmp_path / "two", steps=3 + 3)


def store_priors(data, folder):
    _, config, *options = arguments(folder, data, "vost", BOTH)
    cfg, records = get_vost_cfg(config, options), register_records(data)
    for name in ("tiny_train", "tiny_test"):
        write_answers(cfg, records, name)
        extractor = build_extractor(cfg, name)
        for frames in videos_of(records):
            extractor.run(frames, done=lambda n: None)


def test_when_a_process_dies_the_others_end_with_a_message(data, tmp_path):
    assert started(2, data, tmp_path / "run", dies_at=4) == [3, -signal.SIGKILL]
    error = (tmp_path / "run" / "errors0").read_text()
    assert "Traceback" not in error
    assert error.splitlines()[-1] == (
        "error: process 0 lost the connection to another process of this run, which has ended: what that one says is "
        "why; the same command with --resume goes on from the last checkpoint"
    )
