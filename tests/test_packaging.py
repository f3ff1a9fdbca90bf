"""setup.py, the lock and the package agree, and importing the package is cheap."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import vost_sgg
from tools.check_env import install_requires

ROOT = Path(__file__).parents[1]
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))


def pins(lock: Path) -> dict[str, str]:
    found = re.findall(r"^([\w.-]+)==([^\s;]+)", lock.read_text(), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def python(code: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)


def setup_output(*arguments: str) -> str:
    command = [sys.executable, "setup.py", "--quiet", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_setup_states_name_and_version():
    assert setup_output("--name", "--version").split() == ["vost_sgg", vost_sgg.__version__]


def test_every_folder_with_modules_is_packaged():
    folders = {path.parent for path in (ROOT / "vost_sgg").rglob("*.py")}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


@pytest.mark.parametrize("requirement", install_requires())
def test_lock_satisfies_what_setup_asks_for(requirement):
    needed = Requirement(requirement)
    version = pins(ROOT / "requirements" / "requirements.lock")[canonicalize_name(needed.name)]
    assert needed.specifier.contains(version, prereleases=True)


def test_nothing_is_capped_so_that_a_user_keeps_his_own_versions():
    for requirement in install_requires():
        assert {part.operator for part in Requirement(requirement).specifier} <= {">="}


def test_detectron2_is_not_asked_of_the_package_index():
    names = {canonicalize_name(Requirement(line).name) for line in install_requires()}
    assert "detectron2" not in names
    assert all("detectron2" not in pins(lock) for lock in LOCKS)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_lock_has_hashes_for_all_and_no_addresses(lock):
    text = lock.read_text()
    entries = re.split(r"\n(?=\S)", text.strip())
    assert all(" --hash=sha256:" in entry for entry in entries)
    assert "://" not in text
    assert not re.search(r"(^|\s)(--index|--extra|--find|-i |-f )", text)


def test_lock_pins_every_name_of_its_source():
    lines = (ROOT / "requirements" / "requirements.in").read_text().splitlines()
    wanted = [Requirement(line) for line in lines if line and not line.startswith("#")]
    locked = pins(ROOT / "requirements" / "requirements.lock")
    for requirement in wanted:
        version = locked[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), requirement


def test_import_is_cheap():
    result = python(
        "import sys, vost_sgg; print({'torch', 'detectron2', 'numpy'} & set(sys.modules))"
    )
    assert ast.literal_eval(result.stdout.replace("set()", "[]")) == []


def test_without_detectron2_the_message_names_the_installer():
    result = python("import sys; sys.modules['detectron2'] = None; import vost_sgg")
    assert result.returncode == 1
    assert "python tools/install_detectron2.py" in result.stderr
