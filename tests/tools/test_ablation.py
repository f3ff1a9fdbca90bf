"""A whole ablation at a size without meaning: its files, an interruption, a failing run, and bad input."""

import fcntl
import importlib
import json
import statistics
import threading
from itertools import product
from types import SimpleNamespace

import pytest

from tests.engine.staged_run import SCHEDULE, SIZE
from tests.sudden_death import on_call
from tests.tiny import register, tiny_records
from tools import ablation
from vost_sgg.engine.accumulation import AccumulationTrainer

DATASETS = (
    "DATASETS.TRAIN",
    "('ag_sample_tiny_train',)",
    "DATASETS.TEST",
    "('ag_sample_tiny_test',)",
)
MODELS = ("--models", "oed", "vost")


OPTS = [*map(str, (*SIZE, *SCHEDULE)), *DATASETS, "TEST.EVAL_EPOCHS", "0"]
OPTS += ["MODEL.PRIORS.CLIP.WEIGHTS", "random"]
OPTS += ["STAGES.SPATIAL.SOLVER.EPOCHS", "1", "STAGES.TEMPORAL.SOLVER.EPOCHS", "1"]


class Command:
    """The command on a tiny data set, everything in one folder, with the tools run in this process.

    Attributes:
        calls: names of the tools that were run.
    """

    def __init__(self, folder):
        self.folder, self.calls = folder, []
        for split, videos in (("train", {"A.mp4": 5, "B.mp4": 1}), ("test", {"C.mp4": 3})):
            register(f"ag_sample_tiny_{split}", tiny_records(folder / "frames", videos))

    def __call__(self, *arguments, opts=()):
        options = ["--config-dir", "configs/sample", "--output-dir", str(self.folder / "output")]
        caches = [
            "MODEL.VLM.CACHE",
            self.folder / "vlm",
            "MODEL.PRIORS.CACHE",
            self.folder / "priors",
        ]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ablation, "run_tool", self._run_tool)
            return ablation.main([*options, *arguments, *OPTS, *map(str, caches), *opts])

    def rows(self):
        document = json.loads((self.folder / "output/ablation.json").read_text())
        return {row["model"]: row for row in document["rows"]}

    def _run_tool(self, tool, arguments, lock, label=""):
        self.calls.append(tool)
        try:
            importlib.import_module(f"tools.{tool}").main(arguments)
        except SystemExit as stop:
            return stop.code
        return 0


@pytest.fixture
def run(tmp_path):
    return Command(tmp_path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An ablation of two models and two seeds, made in one go."""
    command = Command(tmp_path_factory.mktemp("whole"))
    assert command(*MODELS, "--seeds", "2") == 0
    return command


def results(path, stage="temporal"):
    document = json.loads(
        (path / stage / "scene_graph_recall_ag_sample_tiny_test.json").read_text()
    )
    return next(
        value["recall"] for name, value in document["methods"].items() if "freq" not in name
    )


def test_models_and_seeds_become_rows(whole, capfd):
    extraction = ["extract_vlm", "extract_vlm", "extract_clip", "extract_clip"]
    assert sorted(whole.calls[:4]) == sorted(extraction)
    assert whole.calls[4:] == ["train_net"] * 5
    found, output = whole.rows(), whole.folder / "output"
    assert list(found) == ["frequency", "vlm", "oed", "vost"]
    for stage, model, constraint in product(
        ("spatial", "temporal"), ("oed", "vost"), ("with", "no")
    ):
        seeds = [results(output / model / f"seed{k}", stage) for k in (0, 1)]
        values = [seed[constraint]["mR@10"] for seed in seeds]
        number = found[model]["stages"][stage][constraint]["mR@10"]
        expected = statistics.fmean(values), statistics.stdev(values), values
        assert (number["mean"], number["std"], number["seeds"]) == expected
    assert found["oed"]["no"] == found["oed"]["stages"]["temporal"]["no"]
    assert found["vlm"]["with"]["R@10"]["seeds"] == [results(output, "vlm")["with"]["R@10"]]
    assert len(found["frequency"]["with"]["R@10"]["seeds"]) == 1
    assert {path.suffix for path in output.glob("ablation.*")} == {".json", ".png", ".svg"}


def test_what_is_finished_is_not_run_again(whole, capfd):
    path, calls = whole.folder / "output/ablation.json", list(whole.calls)
    before = path.read_bytes()
    assert whole(*MODELS, "--seeds", "1", "--table") == 0
    assert whole.rows()["oed"]["seeds"] == [0]
    assert whole.rows()["oed"]["with"]["R@10"]["std"] is None
    assert whole(*MODELS, "--seeds", "2") == 0
    assert whole.calls == calls and path.read_bytes() == before
    printed = capfd.readouterr().out
    assert all(
        f"\n{name}  " in printed
        for name in ("frequency baseline", "simulated VLM", "OED", "VOST-SGG")
    )
    with pytest.raises(SystemExit):
        whole(*MODELS, "--seeds", "2", opts=("SOLVER.BASE_LR", "0.02"))
    assert "holds a run with SOLVER.BASE_LR 0.01, now it is 0.02" in capfd.readouterr().err


def test_an_interrupted_ablation_goes_on_exactly(whole, run, monkeypatch, capfd):
    def interrupt(*_):
        raise KeyboardInterrupt

    # The last step of the second seed's temporal stage: of two seeds, stages and steps each.
    step = AccumulationTrainer.run_step
    monkeypatch.setattr(AccumulationTrainer, "run_step", on_call(8, interrupt, step))
    options = "--models", "oed", "--seeds", "2"
    assert run(*options) == 1
    assert "the same command goes on" in capfd.readouterr().err
    assert run.rows()["oed"]["seeds"] == [0]
    monkeypatch.setattr(AccumulationTrainer, "run_step", step)
    run.calls.clear()
    assert run(*options) == 0
    assert run.calls == ["train_net"]
    assert "spatial/model_final.pth" in capfd.readouterr().out
    assert run.rows()["oed"] == whole.rows()["oed"]


def test_a_failing_run_is_reported_and_the_others_are_made(run, monkeypatch, capfd):
    def explode(*_):
        raise FloatingPointError("the loss is NaN")

    step = on_call(1, explode, AccumulationTrainer.run_step)
    monkeypatch.setattr(AccumulationTrainer, "run_step", step)
    assert run("--models", "oed", "--seeds", "2") == 1
    log = run.folder / "output/oed/seed0/log.txt"
    assert f"error: oed, seed 0 ended with status 2; its log: {log}" in capfd.readouterr().err
    assert log.is_file() and run.rows()["oed"]["seeds"] == [1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--models", "oet"], "no configs/sample/oet_predcls.yaml; did you mean oed or vost?"),
        (["--models", "vlm"], "no configs/sample/vlm_predcls.yaml"),
        (["--models", "oed", "oed"], "named twice"),
        (["--seeds", "0"], "--seeds 0: at least 1"),
        (["--jobs", "0"], "--jobs 0: at least 1"),
        (["--models", "oed", "--seeds", "1", "SOLVER.EPOCH", "1"], "did you mean SOLVER.EPOCHS"),
    ],
)
def test_bad_input_is_one_line(tmp_path, capsys, arguments, message):
    with pytest.raises(SystemExit) as stop:
        folder = ["--config-dir", "configs/sample", "--output-dir", str(tmp_path / "output")]
        ablation.main([*folder, *arguments])
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert stop.value.code == 2 and "error: " in error and message in error
    assert not (tmp_path / "output").exists()


def test_a_folder_is_written_by_one_ablation_at_a_time(run, capfd):
    (run.folder / "output").mkdir()
    with open(run.folder / "output/.lock", "w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(SystemExit):
            run("--models", "oed", "--seeds", "1")
        assert "another ablation" in capfd.readouterr().err
        assert run("--models", "oed", "--seeds", "1", "--table") == 0
    assert "no model is finished" in capfd.readouterr().out


def test_several_runs_at_once_are_all_made_and_reported_in_order(monkeypatch, capfd):
    both = threading.Barrier(2, timeout=60)

    def run_tool(tool, arguments, lock, label=""):
        both.wait()  # passes only when two are in flight
        return int(label == "oed, seed 0")

    monkeypatch.setattr(ablation, "run_tool", run_tool)
    noted = []
    todo = [
        SimpleNamespace(
            name=f"{model}, seed 0",
            seed=0,
            folder=model,
            arguments=["--config-file", model],
            note=lambda finished, model=model: noted.append((model, finished)),
        )
        for model in ("oed", "vost")
    ]
    none_needed = SimpleNamespace(prior_commands=lambda runs: ())
    failed = ablation.run_all(none_needed, todo, num_gpus=1, jobs=2, lock=None)
    assert failed == ["oed, seed 0 ended with status 1; its log: oed/log.txt"]
    assert sorted(noted) == [("oed", False), ("vost", False), ("vost", True)]


def test_a_tool_is_run_as_its_user_would(tmp_path, capfd):
    with open(tmp_path / "lock", "w") as lock:
        assert ablation.run_tool("train_net", ["--help"], lock) == 0
        assert ablation.run_tool("train_net", ["--no-such-option"], lock, label="oed") == 2
    out = capfd.readouterr().out
    assert "$ python tools/train_net.py --help" in out
    assert "oed | train_net.py: error:" in out
