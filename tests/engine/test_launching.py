"""How processes are started, and how a command ends when one of them does."""

import argparse
from datetime import timedelta

import pytest
from torch.multiprocessing import ProcessExitedException

from tools import extract_clip, extract_vlm
from vost_sgg.config import get_vost_cfg
from vost_sgg.engine import launching


@pytest.mark.parametrize(
    "options, remedy",
    [
        ({"resume": False}, "the same command with --resume goes on from the last checkpoint"),
        ({"resume": False, "eval_only": True}, "run the same command again"),
        ({}, "the same command goes on"),  # an extraction
    ],
)
def test_a_killed_process_is_said_and_ends_the_command(monkeypatch, capsys, options, remedy):
    def killed(*_, **__):
        raise ProcessExitedException(
            "", error_index=1, error_pid=7, exit_code=-9, signal_name="SIGKILL"
        )

    monkeypatch.setattr(launching, "launch", killed)
    args = argparse.Namespace(
        num_gpus=2, num_machines=1, machine_rank=0, dist_url="auto", **options
    )
    with pytest.raises(SystemExit) as stop:
        launching.launch_processes(print, get_vost_cfg(), args)
    assert stop.value.code == 3
    assert capsys.readouterr().err == (
        f"error: process 1 of 2 was killed (SIGKILL), and the others were stopped; {remedy}\n"
    )


def test_torchrun_says_how_many_processes_there_are(monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "a test")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    cfg = get_vost_cfg()
    with pytest.raises(ValueError, match="torchrun starts the processes.*--nproc_per_node 2"):
        launching.with_available_device(cfg, 2)
    monkeypatch.setattr(launching.torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ValueError, match=r"this machine has 2 GPU\(s\)"):
        launching.with_available_device(cfg, 1)


@pytest.mark.parametrize("tool", [extract_clip, extract_vlm])
def test_a_process_of_an_extraction_waits_for_hours_of_work(tool, monkeypatch):
    """Its own share may be done when the same command goes on."""
    waits = []
    monkeypatch.setattr(launching, "launch", lambda *_, timeout, **__: waits.append(timeout))
    tool.main(["--config-file", "configs/sample/vost_predcls.yaml", "--split", "train"])
    assert waits[0] > timedelta(days=7)
