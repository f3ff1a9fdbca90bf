"""The training command as its user types it: what it leaves behind, and how it refuses bad input."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.engine.staged_run import staged_cfg
from tests.sudden_death import die
from tests.tiny import register, tiny_cfg, tiny_records
from tools import train_net
from vost_sgg.engine.launching import with_available_device

ROOT = Path(__file__).parents[2]


@pytest.fixture
def config(tmp_path):
    """A config file of the tiny model; its data sets are registered in this process."""
    records = tiny_records(tmp_path / "frames", {"A.mp4": 9, "B.mp4": 1, "C.mp4": 5})
    register("tiny_train", records)
    register("tiny_test", records)
    file = tmp_path / "tiny.yaml"
    file.write_text(tiny_cfg(tmp_path / "output").dump())
    return str(file)


def test_help_is_quick_and_needs_no_torch():
    code = "import sys, tools.train_net as t\ntry: t.main(['--help'])\nfinally: assert 'torch' not in sys.modules"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    for flag in (
        "--config-file",
        "--num-gpus",
        "--num-machines",
        "--machine-rank",
        "--dist-url",
        "--resume",
        "--eval-only",
    ):
        assert flag in result.stdout


def test_train_resume_and_evaluate(config, tmp_path, capsys):
    train_net.main(["--config-file", config, "SOLVER.EPOCHS", "2"])
    output = tmp_path / "output"
    assert capsys.readouterr().out.splitlines()[-1] == f"results: {output}"
    assert {"config.yaml", "log.txt", "metrics.json", "model_final.pth"} <= {
        p.name for p in output.iterdir()
    }
    assert "SOLVER" in (output / "config.yaml").read_text()
    report = json.loads((output / "scene_graph_recall_tiny_test.json").read_text())

    train_net.main(["--config-file", config, "--resume", "SOLVER.EPOCHS", "3"])
    assert "at iteration 6 of 9" in (output / "log.txt").read_text()
    assert torch.load(output / "model_final.pth")["trainer"]["iteration"] == 8

    first = str(output / "model_0000002.pth")
    other = str(tmp_path / "evaluated")
    train_net.main(
        ["--config-file", config, "--eval-only", "MODEL.WEIGHTS", first, "OUTPUT_DIR", other]
    )
    evaluated = json.loads(
        (tmp_path / "evaluated" / "scene_graph_recall_tiny_test.json").read_text()
    )
    assert evaluated.keys() == report.keys()
    assert not (tmp_path / "evaluated" / "model_final.pth").exists()


def refused(capsys, *argv):
    """The error line of a command that must end with status 2."""
    with pytest.raises(SystemExit) as stop:
        train_net.main(list(argv))
    assert stop.value.code == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ")
    return error


@pytest.mark.parametrize(
    "argv, message",
    [
        (
            ["SOLVER.BASE_LRR", "1"],
            "config key SOLVER.BASE_LRR does not exist; did you mean SOLVER.BASE_LR",
        ),
        (["SOLVER.BASE_LR", "fast"], "SOLVER.BASE_LR"),
        (["SOLVER.BASE_LR"], "odd length"),
        (["MODEL.META_ARCHITECTURE", "TinySceneGraphMode"], "did you mean TinySceneGraphModel"),
        (
            ["MODEL.REFERENCE_SAMPLER.NAME", "Window"],
            "MODEL.REFERENCE_SAMPLER.NAME: no part 'Window'",
        ),
        (["DATASETS.TRAIN", "('tiny_trains',)"], "did you mean tiny_train"),
        (["SOLVER.IMS_PER_BATCH", "100"], "a batch of 100 is larger than the training set of 15"),
        (["MODEL.WEIGHTS", "no/such.pth"], "no/such.pth"),
        (["--eval-only"], "--eval-only: name a checkpoint as MODEL.WEIGHTS"),
    ],
)
def test_bad_input_is_one_line(config, capsys, argv, message):
    flags = [word for word in argv if word.startswith("--")]
    assert message in refused(capsys, "--config-file", config, *flags, *argv[len(flags) :])


def test_a_config_file_that_cannot_be_read_is_one_line(tmp_path, capsys):
    assert "no file none.yaml" in refused(capsys, "--config-file", "none.yaml")
    (tmp_path / "bad.yaml").write_text("MODEL: [")
    refused(capsys, "--config-file", str(tmp_path / "bad.yaml"))


def test_a_checkpoint_of_another_task_is_one_line(config, tmp_path, capsys):
    train_net.main(["--config-file", config, "SOLVER.EPOCHS", "1"])
    weights = str(tmp_path / "output" / "model_final.pth")
    new = ["MODEL.TASK", "sgdet", "OUTPUT_DIR", str(tmp_path / "new")]
    for flags in ([], ["--eval-only"]):
        error = refused(capsys, "--config-file", config, *flags, "MODEL.WEIGHTS", weights, *new)
        assert "model_final.pth was made with MODEL.TASK predcls, this config has sgdet" in error


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_broken_frame_in_the_middle_of_training_is_one_line(config, tmp_path, capfd, workers):
    (tmp_path / "frames" / "A.mp4" / "000015.png").write_bytes(b"\x89PNG broken")
    with pytest.raises(SystemExit) as stop:
        train_net.main(["--config-file", config, "DATALOADER.NUM_WORKERS", workers])
    assert stop.value.code == 2
    output, error = capfd.readouterr()
    line = error.strip().splitlines()[-1]
    assert line.startswith("error: frame") and "000015.png cannot be read" in line
    assert "prepare_action_genome.py --verify" in line
    assert "Traceback" not in output
    assert "Traceback" in (tmp_path / "output" / "traceback.txt").read_text()


def test_a_killed_data_worker_is_one_line(config, tmp_path, monkeypatch, capfd):
    # In the worker, a fork of this process: no clip is read outside of it.
    monkeypatch.setattr("vost_sgg.data.mapper.ClipMapper.__call__", die)
    with pytest.raises(SystemExit) as stop:
        train_net.main(["--config-file", config, "DATALOADER.NUM_WORKERS", "1"])
    assert stop.value.code == 3
    output, error = capfd.readouterr()
    assert error.strip().splitlines()[-1] == (
        "error: a worker process that reads the data was killed, often for lack of memory: lower "
        "DATALOADER.NUM_WORKERS or raise SOLVER.ACCUMULATION_STEPS; the same command with --resume goes on from the "
        "last checkpoint"
    )
    assert "Traceback" not in output
    assert "Traceback" in (tmp_path / "output" / "log.txt").read_text()


def test_a_bug_keeps_its_traceback(config, monkeypatch):
    def buggy(self, clips):
        raise KeyError("a bug")

    monkeypatch.setattr("tests.tiny.TinySceneGraphModel._losses", buggy)
    with pytest.raises(KeyError, match="a bug"):
        train_net.main(["--config-file", config])


@pytest.mark.parametrize(
    "gpus, device, wanted, expected",
    [
        (0, "cuda", 1, "no CUDA device found: running on the CPU"),
        (0, "cuda", 4, "no CUDA device found: running on the CPU"),
        (2, "cuda", 0, "--num-gpus 0: running on the CPU"),
        (2, "cuda", 2, ""),
        (0, "cpu", 2, ""),
    ],
)
def test_the_device_is_the_one_there_is(config, monkeypatch, gpus, device, wanted, expected):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    cfg = tiny_cfg(Path("output"), "MODEL.DEVICE", device)
    found, notice = with_available_device(cfg, wanted)
    assert notice.startswith(expected) and bool(notice) == bool(expected)
    assert found.MODEL.DEVICE == ("cpu" if expected else device)


def test_more_gpus_than_there_are_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ValueError, match=r"--num-gpus 4: this machine has 2 GPU\(s\)"):
        with_available_device(tiny_cfg(Path("output"), "MODEL.DEVICE", "cuda"), 4)
    with pytest.raises(ValueError, match="MODEL.DEVICE is cpu"):
        with_available_device(tiny_cfg(Path("output")), 2)


@pytest.mark.slow
def test_processes_that_refuse_bad_input_end_with_its_status(config, monkeypatch, capfd):
    """In processes of their own the tiny data sets are not registered."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    options = ["--num-gpus", "2", "MODEL.META_ARCHITECTURE", "OneStageSGG"]
    with pytest.raises(SystemExit) as stop:
        train_net.main(["--config-file", config, *options])
    assert stop.value.code == 2
    error = capfd.readouterr().err
    assert "error: DATASETS.TEST: no data set 'tiny_test' is registered" in error
    assert "Traceback" not in error


@pytest.mark.parametrize("name", ["config.yaml", "spatial/config.yaml.part"])
def test_a_disk_that_is_full_at_the_start_is_one_line(tmp_path, capsys, name):
    """At the config's copy, and at that of the first stage."""
    records = tiny_records(tmp_path / "frames", {"A.mp4": 9})
    register("tiny_train", records)
    register("tiny_test", records)
    output, file = tmp_path / "output", tmp_path / "staged.yaml"
    file.write_text(staged_cfg(output).dump())
    (output / "spatial").mkdir(parents=True)
    (output / name).symlink_to("/dev/full")
    error = refused(capsys, "--config-file", str(file))
    assert "cannot be written (No space left on device)" in error
