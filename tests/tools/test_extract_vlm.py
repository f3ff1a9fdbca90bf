"""From nothing to a row of the table, as a user types it: extraction, inspection, evaluation of stored answers."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.tiny import register, tiny_records
from tests.vlm.echo_backend import options
from tools import extract_vlm, inspect_vlm, train_net
from vost_sgg.config import get_vost_cfg

ROOT = Path(__file__).parents[2]


def refused(capfd, tool, *argv):
    """The error line of a command that must end with status 2."""
    with pytest.raises(SystemExit) as stop:
        tool.main(list(argv))
    assert stop.value.code == 2
    error = capfd.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ")
    return error


@pytest.mark.parametrize("tool", ["extract_vlm", "inspect_vlm"])
def test_help_is_quick_and_needs_no_torch(tool):
    code = f"import sys, tools.{tool} as t\ntry: t.main(['--help'])\nfinally: assert 'torch' not in sys.modules"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "--config-file" in result.stdout and "--split" in result.stdout


@pytest.mark.parametrize("task", ["predcls", "sgcls", "sgdet"])
def test_extract_verify_inspect_evaluate(mini, tmp_path, capfd, task):
    config = ["--config-file", f"configs/sample/vlm_{task}.yaml"]
    extract_vlm.main([*config, "--split", "test", *mini])
    output, progress = capfd.readouterr()
    assert "videos are complete" in output and "bytes a frame" in output
    assert re.search(rf"simulated {task}: 100%.*\d+/\d+ .*prompt/s", progress)

    extract_vlm.main([*config, "--split", "test", "--verify", *mini])
    assert "nothing wrong" in capfd.readouterr().out

    inspect_vlm.main([*config, "--split", "test", "--num-frames", "2", *mini])
    output = capfd.readouterr().out
    assert re.search(r"attention +looking_at +\d+ +\d+ +\d+ +\d+\.\d +\d+\.\d", output)
    pictures = sorted((tmp_path / "output/frames").iterdir())
    assert len(pictures) == 2 and str(pictures[0]) in output
    assert np.asarray(Image.open(pictures[0])).shape[2] == 3

    train_net.main([*config, "--eval-only", *mini])
    output = capfd.readouterr().out
    assert "of them empty: these frames name no triplet" in output
    row = re.search(r"simulated VLM +(\d+\.\d) / ", output)
    assert 30 < float(row.group(1)) < 95
    report = tmp_path / "output/scene_graph_recall_ag_sample_mini_test.json"
    assert "simulated VLM" in json.loads(report.read_text())["methods"]


def test_evaluation_without_answers_names_the_tool(mini, capfd):
    config = ["--config-file", "configs/sample/vlm_predcls.yaml"]
    error = refused(capfd, train_net, *config, "--eval-only", *mini)
    assert "tools/extract_vlm.py" in error and "ag_sample_mini_test/simulated/predcls" in error


def test_there_is_nothing_to_train(mini, capfd):
    error = refused(capfd, train_net, "--config-file", "configs/sample/vlm_predcls.yaml", *mini)
    assert "CachedVLM has nothing to train; evaluate it: --eval-only" in error


def test_the_simulated_vlm_knows_the_sample_alone(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(ROOT)
    register("tiny_test", tiny_records(tmp_path / "frames", {"A.mp4": 2}))
    keys = options(tmp_path, "MODEL.VLM.NAME", "SimulatedVLM")
    config = ["--config-file", "configs/sample/vlm_predcls.yaml", "--split", "test"]
    error = refused(capfd, extract_vlm, *config, *keys)
    assert "not about tiny_test" in error


@pytest.mark.parametrize(
    "keys, message",
    [
        (["MODEL.VLM.NAME", "SimulatedVLMs"], "MODEL.VLM.NAME: no part 'SimulatedVLMs'"),
        (["MODEL.VLM.NAMES", "x"], "did you mean MODEL.VLM.NAME"),
        (["MODEL.TASK", "predcl"], "no prompt for task 'predcl'; did you mean predcls"),
        (["MODEL.VLM.BATCH_SIZE", "0"], "MODEL.VLM.BATCH_SIZE is 0"),
        (["DATASETS.TEST", "('ag_sample_mini_tests',)"], "did you mean ag_sample_mini_test"),
    ],
)
def test_bad_keys_are_one_line(mini, capfd, keys, message):
    config = ["--config-file", "configs/sample/vlm_predcls.yaml", "--split", "test"]
    assert message in refused(capfd, extract_vlm, *config, *mini, *keys)


@pytest.mark.parametrize("text", ["2/2", "1", "a/b", "-1/2"])
def test_a_wrong_shard_is_refused(capfd, text):
    with pytest.raises(SystemExit):
        extract_vlm.main(["--config-file", "x", "--split", "test", f"--shard={text}"])
    assert "is not i/n with i from 0 to n - 1" in capfd.readouterr().err


@pytest.mark.parametrize("path", sorted((ROOT / "configs/vlm").glob("[!B]*.yaml")))
def test_the_configs_of_real_models_are_rows_without_weights(path):
    cfg = get_vost_cfg(str(path))
    assert cfg.MODEL.META_ARCHITECTURE == "CachedVLM" and cfg.MODEL.WEIGHTS == ""
    model, task = path.stem.split("_")
    assert cfg.MODEL.TASK == task and cfg.DATASETS.TEST == ("action_genome_test",)
    assert model in cfg.MODEL.VLM.WEIGHTS.lower()
