import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools import check_env

ROOT = Path(__file__).parents[2]


def test_this_environment_is_complete(tmp_path):
    (tmp_path / "action_genome" / "annotations").mkdir(parents=True)
    result = subprocess.run(
        [sys.executable, "tools/check_env.py"],
        cwd=ROOT,
        env=os.environ | {"DETECTRON2_DATASETS": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    lines = [line.split() for line in result.stdout.splitlines()]
    shown = {words[0]: words[1:] for words in lines if words}
    for name in ("python", "torch", "torchvision", "detectron2", "transformers", "cv2", "av"):
        assert shown[name][0][0].isdigit(), name
    assert "cores usable" in result.stdout
    assert str(tmp_path) in result.stdout
    assert "action_genome (if you want it): tools/prepare_action_genome.py" in result.stdout


def test_missing_package_fails_with_the_remedy(monkeypatch, capsys):
    monkeypatch.setattr(check_env, "install_requires", lambda: ["numpy", "no_such_package>=1.2"])
    assert check_env.main([]) == 1
    assert "no_such_package (needed): pip install 'no_such_package>=1.2'" in capsys.readouterr().out


def test_missing_detectron2_names_the_installer(monkeypatch, capsys):
    monkeypatch.setattr(check_env, "install_requires", lambda: [])
    monkeypatch.setitem(sys.modules, "detectron2", None)
    assert check_env.main([]) == 1
    assert "detectron2 (needed): python tools/install_detectron2.py" in capsys.readouterr().out


def test_package_that_cannot_be_imported_is_found_out(monkeypatch, tmp_path):
    (tmp_path / "half_working.py").write_text("raise ImportError('libGL.so.1: not found')")
    monkeypatch.syspath_prepend(tmp_path)
    finding = check_env.check_package("half_working")
    assert finding.needed
    assert "libGL.so.1: not found" in finding.remedy


def test_too_old_package_is_found_out():
    assert check_env.check_package("numpy>=1.0").remedy is None
    finding = check_env.check_package("numpy>=999.0")
    assert finding.needed
    assert finding.remedy == "pip install 'numpy>=999.0'"


@pytest.mark.parametrize(
    ("name", "version", "said", "needed"),
    [
        ("torch", "2.10.1+cu128", "torch 2.11 to 2.15 is needed", True),
        ("torch", "2.11.0", None, False),
        ("torch", "2.15.3+cpu", None, False),
        ("torch", "2.16.0a0+git1234", "newer than what is tested", False),
        ("python", "3.10.13", "python 3.11 to 3.12 is needed", True),
        ("python", "3.12.1", None, False),
        ("python", "3.13.0", "newer than what is tested", False),
    ],
)
def test_tested_range_of_torch_and_python(name, version, said, needed):
    finding = check_env.within_tested(name, version)
    assert finding.needed == needed
    assert finding.remedy is None if said is None else said in finding.remedy


@pytest.mark.parametrize(
    ("folders", "found"),
    [
        ([], "missing"),
        (["action_genome"], "no annotations"),
        (["action_genome/action_genome_v1.0"], "annotations, no frames"),
        (["action_genome/annotations", "action_genome/frames"], "annotations and frames"),
    ],
)
def test_state_of_action_genome(monkeypatch, tmp_path, folders, found):
    monkeypatch.setenv("DETECTRON2_DATASETS", str(tmp_path))
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    findings = {finding.name: finding for finding in check_env.datasets()}
    assert findings["action_genome"].found == found
    assert (findings["action_genome"].remedy is None) == (found == "annotations and frames")
    assert not any(finding.needed for finding in findings.values())
