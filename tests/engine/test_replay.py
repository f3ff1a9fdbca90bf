"""A step that diverged is kept, and runs again as it ran."""

import json

import numpy as np
import pytest
import safetensors
import torch
from detectron2.engine import HookBase

from tests.random_priors import random_priors
from tests.tiny import register, tiny_cfg, tiny_records
from tools import replay_step
from vost_sgg.data.loaders import build_train_loader
from vost_sgg.engine import SGGTrainer
from vost_sgg.engine.accumulation import DivergedError
from vost_sgg.engine.launching import TRAINING_ERRORS, user_errors
from vost_sgg.engine.random_state import random_state
from vost_sgg.engine.replay import load_step, save_step


@pytest.fixture
def cfg(tmp_path):
    records = tiny_records(tmp_path / "frames", {"A.mp4": 9})
    register("tiny_train", records)
    register("tiny_test", records)
    return tiny_cfg(tmp_path / "output", "SOLVER.ACCUMULATION_STEPS", 2)


def poisoned(cfg):
    """A trainer whose weights are spoilt before its second step."""
    trainer = SGGTrainer(cfg)

    class Poison(HookBase):
        def before_step(self):
            if self.trainer.iter == 1:
                trainer.bare_model.head.weight.data[3] = float("inf")

    trainer.register_hooks([Poison()])
    return trainer


def test_a_diverged_training_keeps_its_step(cfg, tmp_path, capsys):
    trainer = poisoned(cfg)
    with pytest.raises(FloatingPointError, match="iteration 1: training diverged") as error:
        trainer.train()
    (file,) = (tmp_path / "output").glob("diverged_0000001_rank0.safetensors")
    assert f"tools/replay_step.py {file} runs the step again" in str(error.value)
    assert not list((tmp_path / "output").glob("*.pth"))

    (tmp_path / "output" / "config.yaml").write_text(cfg.dump())
    assert replay_step.main([str(file)]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert "iteration 1: 4 clips in 2 micro-batches" in printed
    assert printed[-1] == "head.weight" or "backbone.weight" in printed


def test_a_training_that_diverges_on_a_full_disk_says_both(cfg, tmp_path, capsys):
    (tmp_path / "output").mkdir()
    for name in ("diverged_0000001_rank0.safetensors.part", "metrics.json"):
        (tmp_path / "output" / name).symlink_to("/dev/full")
    with pytest.raises(SystemExit), user_errors(*TRAINING_ERRORS):
        poisoned(cfg).train()
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: a loss or gradient is not finite at iteration 1: training div")
    assert "The step itself is not kept: [Errno 28] No space left on device" in error
    assert not list((tmp_path / "output").glob("diverged_*"))


def test_a_step_runs_again_as_it_ran(cfg, tmp_path, capsys):
    """With the same dropout, from the same weights, on the same frames."""
    model = SGGTrainer.build_model(cfg).train()
    loader = iter(build_train_loader(cfg))
    micro_batches = [next(loader) for _ in range(2)]
    state = random_state()
    losses = [model(clips)["loss_predicate"].item() for clips in micro_batches]
    torch.rand(5)
    path = save_step(str(tmp_path), model, DivergedError("", 7, micro_batches, state))
    (tmp_path / "config.yaml").write_text(cfg.dump())
    assert replay_step.main([path]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1] == "every gradient is finite"
    again = [line.split()[1].rstrip(",") for line in printed if line.startswith("loss_predicate")]
    assert again == [f"{loss:.6g}" for loss in losses]


def test_all_that_a_clip_holds_comes_back(cfg, tmp_path):
    clips = next(iter(build_train_loader(cfg)))
    clips[0]["frames"][0]["priors"] = random_priors(np.random.default_rng(0), 0)
    clips[0]["frames"][0]["odd"] = (1, None, "text", np.float32(0.5))
    model = torch.nn.Linear(2, 2)
    path = save_step(str(tmp_path), model, DivergedError("", 3, [clips], random_state()))
    step = load_step(path)
    assert step.iteration == 3 and torch.equal(step.weights["weight"], model.weight)
    for clip, again in zip(clips, step.micro_batches[0], strict=True):
        assert again["references"] == clip["references"]
        for frame, found in zip(clip["frames"], again["frames"], strict=True):
            assert found.keys() == frame.keys()
            np.testing.assert_equal(vars(found["ground_truth"]), vars(frame["ground_truth"]))
            assert torch.equal(found["image"], frame["image"])
    assert again["frames"][0]["image_id"] == clip["frames"][0]["image_id"]
    first = step.micro_batches[0][0]["frames"][0]
    assert first["odd"] == (1, None, "text", 0.5) and len(first["priors"]) == 0
    with safetensors.safe_open(path, framework="np") as file:
        assert json.loads(file.metadata()["step"])["iteration"] == 3


def test_other_files_are_refused_in_one_line(tmp_path, capsys):
    (tmp_path / "other.safetensors").write_bytes(b"no")
    for name, message in (("none", "there is no file"), ("other", "is no step that a training")):
        with pytest.raises(SystemExit) as stop:
            replay_step.main([str(tmp_path / f"{name}.safetensors")])
        assert stop.value.code == 2
        assert message in capsys.readouterr().err
