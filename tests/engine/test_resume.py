"""A run that was killed and resumed equals an uninterrupted one, to the bit."""

import signal

import pytest
import torch

from tests.engine.interrupted_run import train
from tests.sudden_death import exit_code, start_process

POINTS = {
    # Where the first process dies: the iteration that the second one starts at.
    "in the middle of an epoch": 3,
    "while a checkpoint is written": 3,
    "between a checkpoint and its tag": 3,
    "during an evaluation": 6,
    "during the last evaluation": 9,
}


def run(*args):
    return exit_code(start_process(train, *args))


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    # With a worker: who decodes a frame, and how far ahead, changes nothing.
    options = ("DATALOADER.NUM_WORKERS", 1)
    assert run(folder / "data", folder / "output", "nowhere", False, options) == 0
    return folder / "output"


def load(folder, name):
    return torch.load(folder / name, weights_only=True)


def flat(state, prefix=""):
    """Every leaf of nested dicts and lists by its path."""
    if isinstance(state, dict | list | tuple):
        items = state.items() if isinstance(state, dict) else enumerate(state)
        return {k: v for name, part in items for k, v in flat(part, f"{prefix}/{name}").items()}
    return {prefix: state}


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_run_goes_on_exactly(uninterrupted, tmp_path, point):
    output = tmp_path / "output"
    assert run(tmp_path / "data", output, point, False) == -signal.SIGKILL
    assert not (output / "results.pth").exists()
    tagged = (output / "last_checkpoint").read_text()
    assert load(output, tagged)["trainer"]["iteration"] + 1 == POINTS[point]

    assert run(tmp_path / "data again", output, "nowhere", True) == 0
    expected, found = (flat(load(folder, "model_final.pth")) for folder in (uninterrupted, output))
    assert expected.keys() == found.keys()
    assert any("exp_avg" in name for name in found) and any(
        "random_state" in name for name in found
    )
    for name, value in expected.items():
        same = (
            torch.equal(value, found[name])
            if isinstance(value, torch.Tensor)
            else value == found[name]
        )
        assert same, name
    assert load(output, "results.pth") == load(uninterrupted, "results.pth")
