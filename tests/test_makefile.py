"""`make env` installs once, again when what it is made from changes, and anew after an interruption; other targets."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tools import ablation

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


def make_env(
    checkout: Path, python: str = "./python", target: str = "env"
) -> tuple[subprocess.CompletedProcess, str]:
    """Runs `make env`, or another target; returns its result and what it called, a line each."""
    calls = checkout / "calls"
    calls.write_text("")
    command = ["make", target, f"PYTHON={python}", "VENV=.venv"]
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


# Stands in for a program: writes down how it is called, and fails where the file "fail" stands beside it.
PROGRAM = """#!/bin/bash
echo "${0##*/} $*" >> "${0%/*}/calls"
if [ "${0##*/}" == sudo ]; then shift; "$@"; else [ ! -e "${0%/*}/fail" ]; fi
"""


def make_browser(folder: Path, user: int, programs: tuple[str, ...]):
    """Runs `make browser` as a user, with stand-ins for programs and else only what make itself needs on the PATH."""
    for name in ("bash", "cat", "sha256sum", "cut"):
        (folder / name).symlink_to(shutil.which(name))
    for name in programs:
        (folder / name).write_text(PROGRAM)
        (folder / name).chmod(0o755)
    (folder / "id").write_text(f"#!/bin/bash\necho {user}\n")
    (folder / "id").chmod(0o755)
    (folder / "calls").write_text("")
    command = [shutil.which("make"), "-f", str(ROOT / "Makefile"), "browser"]
    env = {"PATH": str(folder)}
    result = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    return result, (folder / "calls").read_text().splitlines()


def test_a_browser_that_is_there_is_left_alone(tmp_path):
    result, calls = make_browser(tmp_path, 0, ("chromium", "apt-get"))
    assert result.returncode == 0, result.stderr
    assert calls == []


@pytest.mark.parametrize("user", [0, 1000])
def test_a_missing_browser_is_installed_as_root_or_through_sudo(tmp_path, user):
    result, calls = make_browser(tmp_path, user, ("apt-get", "sudo"))
    assert result.returncode == 0, result.stderr
    installs = [call for call in calls if call.startswith("apt-get")]
    assert [call.split()[1] for call in installs] == ["update", "install"]
    assert installs[1].endswith(" chromium")
    assert sum(call.startswith("sudo -n apt-get") for call in calls) == (0 if user == 0 else 2)


@pytest.mark.parametrize("programs", [(), ("apt-get",)], ids=["no apt-get", "apt-get fails"])
def test_a_browser_that_cannot_be_installed_is_said_with_the_remedy(tmp_path, programs):
    (tmp_path / "fail").write_text("")
    result, _ = make_browser(tmp_path, 0, programs)
    assert result.returncode != 0
    assert "chromium on the PATH; install it: apt-get install chromium" in result.stderr


def test_quickstart_compares_anew_with_arguments_that_the_ablation_takes(checkout):
    old = checkout / "output" / "quickstart" / "ablation.json"
    old.parent.mkdir(parents=True)
    old.write_text("{}")
    result, calls = make_env(checkout, target="quickstart")
    assert result.returncode == 0, result.stderr
    assert not old.exists()
    tool, *arguments = calls.splitlines()[-1].split()
    assert tool == "tools/ablation.py"
    args = ablation._parser().parse_args(arguments)
    assert args.models == ["oed", "vost"] and args.opts == []
    assert args.output_dir == "output/quickstart"
    for model in args.models:
        assert (ROOT / args.config_dir / f"{model}_{args.task}.yaml").exists()


def test_demo_trains_where_there_is_no_model_and_shows_a_video_alone(checkout):
    answer = 'if [ "$1" == "-c" ]; then echo a message; echo "$PWD/videos/V.mp4"; fi\n'
    (checkout / "python").write_text(PYTHON + answer)
    (checkout / "videos").mkdir()
    (checkout / "videos" / "V.mp4").write_text("video")
    result, calls = make_env(checkout, target="demo")
    assert result.returncode == 0, result.stderr
    assert "tools/train_net.py --config-file configs/sample/oed_sgdet.yaml" in calls
    assert "tools/demo.py" in calls and "--video-input output/demo_input/V.mp4" in calls
    weights = checkout / "output" / "sample" / "oed_sgdet" / "temporal" / "model_final.pth"
    weights.parent.mkdir(parents=True)
    weights.write_text("weights")
    (checkout / "output" / "demo").mkdir()
    result, calls = make_env(checkout, target="demo")
    assert result.returncode == 0, result.stderr
    assert "train_net" not in calls and "tools/demo.py" in calls
    # The demo refuses a folder with other results in it.
    assert not (checkout / "output" / "demo").exists()
