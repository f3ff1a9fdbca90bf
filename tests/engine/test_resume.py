"""A run that was killed, or ran out of disk, and is resumed equals an uninterrupted one, to the bit."""

import json
import signal

import pytest
import torch

from tests.engine.interrupted_run import evaluate, train
from tests.sudden_death import exit_code, start_process

pytestmark = pytest.mark.slow

POINTS = {
    # Where the first process dies: the iteration that the second one starts at.
    "before the first checkpoint": None,
    "before the first checkpoint's tag": None,
    "in the middle of an epoch": 3,
    "while a checkpoint is written": 3,
    "between a checkpoint and its tag": 3,
    "behind a checkpoint's tag": 6,
    "during an evaluation": 6,
    "behind the last checkpoint": 9,
    "in the middle of a line of the metrics": 9,
    "during the last evaluation": 9,
}
# The same for a disk that is full from there on, and the file that cannot be written.
FULL = {
    "full at a checkpoint": (3, "model_0000005.pth"),
    "full at the metrics": (9, "a file"),
    "full at the results": (3, "scene_graph_recall_tiny_test.json"),
}


def run(*args, target=train):
    return exit_code(start_process(target, *args))


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


def assert_equal_runs(expected, found):
    """The last checkpoints and evaluations of two runs."""
    states = [flat(load(folder, "model_final.pth")) for folder in (expected, found)]
    assert states[0].keys() == states[1].keys()
    assert any("exp_avg" in name for name in states[0])
    assert any("random_state" in name for name in states[0])
    for name, value in states[0].items():
        other = states[1][name]
        assert torch.equal(value, other) if torch.is_tensor(value) else value == other, name
    assert load(found, "results.pth") == load(expected, "results.pth")


def resumed(tmp_path, uninterrupted, iteration):
    """Runs the command again, which goes on at ``iteration`` and ends as the uninterrupted run."""
    output = tmp_path / "output"
    assert not (output / "results.pth").exists()
    assert (output / "last_checkpoint").exists() == (iteration is not None)
    if iteration is not None:
        tagged = (output / "last_checkpoint").read_text()
        assert load(output, tagged)["trainer"]["iteration"] + 1 == iteration
    assert run(tmp_path / "data", output, "nowhere", True) == 0
    assert_equal_runs(uninterrupted, output)
    assert not list(output.glob("*.part"))
    for line in (output / "metrics.json").read_text().splitlines():
        json.loads(line)


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_run_goes_on_exactly(uninterrupted, tmp_path, point):
    assert run(tmp_path / "data", tmp_path / "output", point, False) == -signal.SIGKILL
    resumed(tmp_path, uninterrupted, POINTS[point])


@pytest.mark.parametrize("point", FULL)
def test_a_full_disk_is_one_error_and_nothing_is_lost(uninterrupted, tmp_path, point):
    iteration, name = FULL[point]
    assert run(tmp_path / "data", tmp_path / "output", point, False) == 2
    (error,) = errors(tmp_path / "output")
    assert f"{name} cannot be written (File too large)" in error and "--resume" in error
    resumed(tmp_path, uninterrupted, iteration)


def errors(output):
    lines = (output / "errors").read_text().splitlines()
    return [line for line in lines if line.startswith("error: ")]


@pytest.mark.parametrize("kept", [0, 100, -100])
def test_a_checkpoint_cut_short_is_passed_over(uninterrupted, tmp_path, kept):
    """The one before it is taken."""
    data, output = tmp_path / "data", tmp_path / "output"
    assert run(data, output, "during an evaluation", False) == -signal.SIGKILL
    last = output / "model_0000005.pth"
    last.write_bytes(last.read_bytes()[:kept])
    assert run(data, output, "nowhere", True) == 0
    assert_equal_runs(uninterrupted, output)
    said = (output / "errors").read_text()
    assert "model_0000005.pth cannot be read" in said
    assert "going back to the checkpoint before it" in said


@pytest.mark.parametrize(
    "point", ["while results are written", "before results are renamed", "full"]
)
def test_an_evaluation_that_stops_leaves_no_half_results(uninterrupted, tmp_path, point):
    weights, name = str(uninterrupted / "model_final.pth"), "scene_graph_recall_tiny_test.json"
    options = tmp_path / "data", tmp_path / "output", weights
    full = point == "full"
    stopped = run(*options, "full at the results" if full else point, target=evaluate)
    assert stopped == (2 if full else -signal.SIGKILL)
    assert not (tmp_path / "output" / name).exists()
    assert run(*options, "nowhere", target=evaluate) == 0
    assert (tmp_path / "output" / name).read_bytes() == (uninterrupted / name).read_bytes()
