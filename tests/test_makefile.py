"""`make env`: installs once, again when what it is made from changes, and anew after an interruption."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
INPUTS = ("Makefile", "setup.py", "requirements", "tools/install_detectron2.py")

# Stands in for python, pip and uv: writes down how it is called, and fails where the file "fail" says so.
PYTHON = """#!/bin/bash
echo "$*" >> calls
if [ -s fail ] && [[ "$*" == *"$(cat fail)"* ]]; then exit 1; fi
if [ "$1 $2" == "-m venv" ]; then mkdir -p "$3/bin"; for name in python pip uv; do cp "$0" "$3/bin/$name"; done; fi
"""


@pytest.fixture
def checkout(tmp_path):
    """A checkout with the files that the environment is made from, and a stand-in for Python."""
    for name in INPUTS:
        source, target = ROOT / name, tmp_path / name
        target.parent.mkdir(exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    (tmp_path / "python").write_text(PYTHON)
    (tmp_path / "python").chmod(0o755)
    return tmp_path


def make_env(checkout: Path, python: str = "./python") -> tuple[subprocess.CompletedProcess, str]:
    """Runs `make env`; returns its result and what it called, a line each."""
    calls = checkout / "calls"
    calls.write_text("")
    command = ["make", "env", f"PYTHON={python}", "VENV=.venv"]
    # Not as a part of the make that may be running these tests.
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    result = subprocess.run(command, cwd=checkout, env=env, capture_output=True, text=True)
    return result, calls.read_text()


def test_first_call_installs_by_hash_and_the_second_nothing(checkout):
    result, calls = make_env(checkout)
    assert result.returncode == 0, result.stderr
    assert "-m venv .venv" in calls
    install = next(line for line in calls.splitlines() if "requirements.lock" in line)
    assert {"--require-hashes", "--compile-bytecode"} <= set(install.split())
    assert "tools/install_detectron2.py" in calls
    assert "--no-deps --no-build-isolation -e ." in calls
    result, calls = make_env(checkout)
    assert result.returncode == 0
    assert calls == ""


def test_pip_installs_by_hash_where_uv_cannot_be_had(checkout):
    (checkout / "fail").write_text("uv.lock")
    result, calls = make_env(checkout)
    assert result.returncode == 0, result.stderr
    install = next(line for line in calls.splitlines() if "requirements.lock" in line)
    assert install.startswith("-m pip install")
    assert "--require-hashes" in install


@pytest.mark.parametrize("name", INPUTS[1:])
def test_changed_input_updates_the_environment_in_place(checkout, name):
    make_env(checkout)
    changed = checkout / (name if "." in name else f"{name}/requirements.lock")
    changed.write_text(changed.read_text() + "\n# changed\n")
    result, calls = make_env(checkout)
    assert result.returncode == 0, result.stderr
    assert "requirements.lock" in calls
    assert "-m venv" not in calls
    assert make_env(checkout)[1] == ""


@pytest.mark.parametrize("step", ["-m venv", "requirements.lock", "install_detectron2.py", "-e ."])
def test_interrupted_installation_is_made_anew(checkout, step):
    (checkout / "fail").write_text(step)
    assert make_env(checkout)[0].returncode != 0
    (checkout / "fail").unlink()
    (checkout / ".venv" / "half_installed.py").write_text("")
    result, calls = make_env(checkout)
    assert result.returncode == 0, result.stderr
    assert "an earlier installation was interrupted" in result.stdout
    assert "-m venv .venv" in calls
    assert not (checkout / ".venv" / "half_installed.py").exists()
    assert make_env(checkout)[1] == ""


def test_missing_python_is_said_with_the_remedy(checkout):
    result, _ = make_env(checkout, python="no-such-python3.11")
    assert result.returncode != 0
    assert "make PYTHON=/path/to/python3.11" in result.stderr
    assert not (checkout / ".venv").exists()
