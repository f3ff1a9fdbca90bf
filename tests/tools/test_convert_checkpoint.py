"""The tool as a user types it, on files with every name and shape of the originals."""

import argparse
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch

from tests.checkpoint.foreign_names import detr_shapes, oed_shapes
from tools import convert_checkpoint
from vost_sgg.checkpoint import read_meta
from vost_sgg.config import get_vost_cfg
from vost_sgg.engine.stages import remaining_stages

ROOT = Path(__file__).parents[2]
CONFIG = ["--config-file", str(ROOT / "configs/oed_sgdet.yaml")]


def save_oed(path, stage, task):
    # One number repeated: the file stays small.
    model = {name: torch.zeros(1).expand(shape) for name, shape in oed_shapes(stage, task).items()}
    torch.save({"model": model, "epoch": 22, "args": argparse.Namespace(lr=1e-4)}, path)


def test_help_is_quick_to_import_and_names_both_kinds():
    code = "import sys; from tools import convert_checkpoint; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    command = [sys.executable, "tools/convert_checkpoint.py", "--help"]
    text = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "{detr,oed}" in text and "--stage" in text


def test_an_oed_checkpoint_of_each_stage(tmp_path, capsys):
    for stage, options in (("temporal", []), ("spatial", ["--stage", "SPATIAL"])):
        source, out = tmp_path / f"{stage}.pth", tmp_path / f"{stage}.safetensors"
        save_oed(source, stage, "sgdet")
        arguments = ["oed", str(source), str(out), *CONFIG, *options]
        assert convert_checkpoint.main([*arguments, "MODEL.DEVICE", "cpu"]) == 0
        names = len(oed_shapes(stage, "sgdet"))
        assert f"converted: {names} tensors" in capsys.readouterr().out
        assert len(safetensors.torch.load_file(out)) == names


def test_a_converted_oed_model_stands_for_its_stage(tmp_path):
    source = tmp_path / "oed.pth"
    save_oed(source, "spatial", "sgdet")
    for kind in (".pth", ".safetensors"):
        out = str(tmp_path / f"out{kind}")
        arguments = ["oed", str(source), out, *CONFIG, "--stage", "SPATIAL"]
        assert convert_checkpoint.main(arguments) == 0
        cfg = get_vost_cfg(CONFIG[1], ["MODEL.WEIGHTS", out, "OUTPUT_DIR", str(tmp_path)])
        stages = list(remaining_stages(cfg, resume=False))
        assert [stage.OUTPUT_DIR for stage in stages] == [str(tmp_path / "temporal")]
        assert stages[0].MODEL.WEIGHTS == out


def test_detr_starts_the_first_stage_and_the_report_names_what_it_lacks(tmp_path, capsys):
    source, out = tmp_path / "detr-r50-e632da11.pth", tmp_path / "initial.pth"
    model = {name: torch.zeros(1).expand(shape) for name, shape in detr_shapes().items()}
    torch.save({"model": model}, source)
    assert convert_checkpoint.main(["detr", str(source), str(out), *CONFIG]) == 0
    weights = torch.load(out, weights_only=True)["model"]
    assert weights["query_initializer.position.weight"].shape == (100, 256)
    assert not any(name.startswith("temporal_") for name in weights)
    assert read_meta(str(out)) == {}
    printed = capsys.readouterr().out
    assert "initialised: 6\n  predicate_heads.attention.bias" in printed
    assert "reshaped: 2\n" in printed and f"written: {out}" in printed


@pytest.mark.parametrize(
    "source, options, message",
    [
        ("nothing.pth", [], "there is no file"),
        (".", [], "is a folder"),
        ("truncated.pth", [], "cannot be read: it is cut short"),
        (
            "good.pth",
            ["--stage", "FINAL"],
            "--stage FINAL: the config has the stages SPATIAL, TEMPORAL",
        ),
        ("good.pth", [], "looks like OED's spatial predcls model, the config is temporal sgdet"),
        ("good.pth", ["MODEL.TSAK", "sgdet"], "did you mean MODEL.TASK"),
        ("good.pth", ["--config-file", "no.yaml"], "there is no file no.yaml"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(tmp_path, capsys, source, options, message):
    save_oed(tmp_path / "good.pth", "spatial", "predcls")
    (tmp_path / "truncated.pth").write_bytes((tmp_path / "good.pth").read_bytes()[:-5000])
    out = tmp_path / "out.pth"
    assert (
        convert_checkpoint.main(["oed", str(tmp_path / source), str(out), *CONFIG, *options]) == 1
    )
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and len(error.splitlines()) == 1
    assert not out.exists()
