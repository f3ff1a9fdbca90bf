"""Two processes on the CPU train and evaluate as one does."""

import pytest
import torch
from detectron2.engine import launch

from tests.engine.distributed_run import train


def test_two_processes_equal_one(tmp_path):
    train(tmp_path / "one data", tmp_path / "one", ())
    options = ("SOLVER.ACCUMULATION_STEPS", 2)
    launch(train, 2, dist_url="auto", args=(tmp_path / "two data", tmp_path / "two", options))

    one = torch.load(tmp_path / "one" / "rank0.pth")
    first, second = (torch.load(tmp_path / "two" / f"rank{rank}.pth") for rank in range(2))
    for name, weight in one["model"].items():
        assert torch.equal(first["model"][name], second["model"][name]), name
        assert torch.allclose(first["model"][name], weight, atol=1e-5), name
    assert second["results"] == {}
    assert first["results"]["predcls"] == pytest.approx(one["results"]["predcls"], abs=0.5)
    states = torch.load(tmp_path / "two" / "model_final.pth")["random_state"]
    assert len(states) == 2
