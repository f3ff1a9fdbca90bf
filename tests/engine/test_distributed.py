"""Two processes on the CPU train and evaluate as one does."""

from itertools import islice

import pytest
import torch
from detectron2.engine import launch

from tests.engine.distributed_run import train
from tests.engine.staged_run import DETECTOR_STAGE, VIDEOS, staged_cfg
from tests.tiny import register, tiny_records
from vost_sgg.config import stage_configs
from vost_sgg.data.loaders import build_train_loader
from vost_sgg.engine import SGGTrainer


@pytest.mark.slow
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


@pytest.mark.parametrize("pairs", [0, 2])
@pytest.mark.parametrize("task", ["predcls", "sgcls", "sgdet"])
def test_a_model_says_whether_gradients_may_be_missing(tmp_path, task, pairs):
    """Gradients are summed over processes without a search for those that are missing, unless the model says so."""
    records = tiny_records(tmp_path / "frames", VIDEOS)
    for record in records:
        for name in ("pairs", "attention", "spatial", "contacting"):
            record[name] = record[name][:pairs]
    register("tiny_train", records)
    stages = stage_configs(staged_cfg(tmp_path, *DETECTOR_STAGE, task=task))
    # The same trained together with the spatial phase, in which some are.
    stages["JOINT"] = stages["TEMPORAL"].clone()
    stages["JOINT"].SOLVER.TRAIN_ONLY = ""
    for name, cfg in stages.items():
        model = SGGTrainer.build_model(cfg).train()
        for clips in islice(build_train_loader(cfg), 2):
            model.zero_grad(set_to_none=True)
            sum(model(clips).values()).backward()
            silent = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
            assert bool(silent) == getattr(model, "leaves_parameters_unused", False)
            assert bool(silent) == (name == "JOINT"), silent
